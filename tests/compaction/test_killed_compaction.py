"""A compaction may be killed at any instruction: run again it goes on, and nothing is there twice or missing.

``make sweep`` kills at every pass of every named point, and often at random, on each engine.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from compaction_logs import new_store, old_store, order_event, splits_and_drops
from killed_compaction import CRASH_POINTS

from esworkbench.compaction import compact, copy, first_event, verify_compaction
from esworkbench.compaction.record import CompactionRecord
from esworkbench.event_store import ANY_VERSION, EventStore
from tests.killable import Killable

WORKER = Path(__file__).parent / "killed_compaction.py"


@pytest.fixture
def old(store_url: str) -> Iterator[EventStore]:
    store = old_store(store_url, events=60)
    for event_type, payload in (("PageViewed", {}), ("OrderMoved", {"from": "Bern", "to": "Basel"})):
        store.append("Order-1", [order_event(event_type, 1, payload)], expected_version=ANY_VERSION)
    yield store
    store.engine.dispose()


class Worker(Killable):
    def __init__(self, old_url: str, new_url: str, point: str = "none", passes: int = 0) -> None:
        tests = [str(WORKER.parent), str(WORKER.parents[1])]
        code = f"import sys; sys.path[:0] = {tests!r}; from killed_compaction import main; main(*sys.argv[1:])"
        super().__init__("-c", code, old_url, new_url, "5", point, str(passes))


def assert_it_goes_on_to_a_good_end(old: EventStore, new_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "HEADS_IN_ONE_EVENT", 2)
    new = new_store(new_url)
    sealed = compact(old, new, splits_and_drops, batch_size=5)
    check = verify_compaction(old, new, splits_and_drops, fold=lambda events: [event.payload for event in events])
    assert check.problems == []
    assert (check.events_read, check.events_written, check.dropped) == (62, 62, ["old-61"])
    assert (sealed.events_read, sealed.events_written, sealed.events_dropped, sealed.streams) == (62, 62, 1, 7)
    entries = [event.event_type for event in new.read_all(limit=1000) if event.stream_id.startswith("LogCompaction-")]
    assert entries == (["CompactionBegun"] + ["BatchCompacted"] * 13 + ["StreamHeadsRecorded"] * 4 + ["LogCompacted"])
    new.engine.dispose()


LIVES = [
    ("before an entry", 0, 0),
    ("after an entry", 0, 1),
    ("between insert and commit", 2, 3),
    ("after an entry", 3, 7),
    ("before the keys", 0, 14),
    ("after the keys", 0, 14),
    ("after an entry", 0, 15),
    ("before an entry", 2, 17),
    ("after an entry", 0, 18),
    ("before an entry", 0, 18),
]
"""Where each life ends, after how many passes, and how many entries the record has then: 19 make it whole."""


def test_killed_at_every_named_point(
    store_url: str, new_url: str, old: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {point for point, _, _ in LIVES} == set(CRASH_POINTS)
    for point, passes, entries in LIVES:
        worker = Worker(store_url, new_url, point, passes)
        worker.go()
        assert worker.ends()[0] == -9
        new = new_store(new_url)
        assert CompactionRecord(new, first_event(old)).version == entries, point
        new.engine.dispose()
    assert_it_goes_on_to_a_good_end(old, new_url, monkeypatch)


def test_killed_at_random(store_url: str, new_url: str, old: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at_random(store_url, new_url, kills=2, seed=1)
    assert_it_goes_on_to_a_good_end(old, new_url, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_every_pass(
    store_url: str, new_url: str, old: EventStore, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Each life passes the point once more than the one before, until one gets to the end."""
    for passes in range(30):
        worker = Worker(store_url, new_url, point, passes % 4)
        worker.go()
        if worker.ends()[0] == 0:
            break
    assert_it_goes_on_to_a_good_end(old, new_url, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(10))
def test_killed_many_times(
    store_url: str, new_url: str, old: EventStore, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    kill_at_random(store_url, new_url, kills=8, seed=seed)
    assert_it_goes_on_to_a_good_end(old, new_url, monkeypatch)


def kill_at_random(old_url: str, new_url: str, *, kills: int, seed: int) -> None:
    """A life is so many entries and a moment long, not so many seconds, so that a busy machine is no excuse.

    The last lives may come to the end instead of their deaths.
    """
    rng = random.Random(seed)
    ends = []
    for _ in range(kills):
        worker = Worker(old_url, new_url)
        worker.go()
        if worker.comes_to_commit(rng.randint(1, 3)):
            time.sleep(rng.uniform(0, 0.005))
            worker.process.kill()
        ends.append(worker.ends()[0])
    killed = ends.count(-9)
    assert ends == [-9] * killed + [0] * (kills - killed)
    assert killed >= kills // 2
