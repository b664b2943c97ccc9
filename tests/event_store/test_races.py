"""Real processes that race each other, on both engines."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.pool import Pool

import pytest

from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from tests.event_store import workers

WRITERS = 4


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    spawning = multiprocessing.get_context("spawn")
    barrier = spawning.Barrier(WRITERS)
    with spawning.Pool(WRITERS, workers.set_barrier, (barrier,)) as pool:
        yield pool


def test_one_of_many_writers_gets_each_version(store_url: str, processes: Pool) -> None:
    """Promise 1: of writers that decided on the same version one is written, the others get both versions."""
    store = EventStore.open(store_url)
    rounds = 15
    outcomes = processes.starmap(workers.race_for_versions, [(store_url, rounds)] * WRITERS, chunksize=1)
    for version in range(rounds):
        of_this_round = sorted(outcome[version] for outcome in outcomes)
        assert of_this_round == [f"expected {version}, actual {version + 1}"] * (WRITERS - 1) + ["written"]
    assert_unforked(store.read_stream("contested"))


def test_a_command_sent_by_many_is_done_once(store_url: str, processes: Pool) -> None:
    """Promise 12: a repeated command is one command, also when the repeats arrive at the same instant."""
    store = EventStore.open(store_url)
    rounds = 15
    replies = processes.starmap(workers.race_with_one_key, [(store_url, rounds)] * WRITERS, chunksize=1)
    for number in range(rounds):
        of_this_round = [reply[number] for reply in replies]
        assert sorted(repeated for repeated, _ in of_this_round) == [False] + [True] * (WRITERS - 1)
        assert {reply for _, reply in of_this_round} == {b'{"round":%d}' % number}
    assert store.stream_version("commanded") == rounds


def test_transfers_in_opposite_directions_all_arrive(store_url: str, processes: Pool) -> None:
    """Promise 12: several streams in one transaction, without a deadlock between those that take the same two."""
    store = EventStore.open(store_url)
    rounds = 20
    sent = processes.starmap(workers.transfer_both_ways, [(store_url, n, rounds) for n in range(WRITERS)], chunksize=1)
    for stream_id in ("Account-a", "Account-b"):
        events = store.read_stream(stream_id)
        assert len(events) == sum(sent)
        assert_unforked(events)


def test_a_reader_among_slow_and_failing_writers_sees_everything_once(store_url: str, processes: Pool) -> None:
    """Promise 2: everything at or below a checkpoint was seen."""
    store = EventStore.open(store_url)
    jobs = [(store_url, worker, 40) for worker in range(WRITERS)]
    writing = processes.starmap_async(workers.write_slowly, jobs, chunksize=1)
    seen: list[int] = []
    while True:
        finished = writing.ready()
        page = store.read_all(after=seen[-1] if seen else 0, limit=7)
        seen += [event.global_position for event in page]
        if finished and not page:
            break
    with store.engine.connect() as connection:
        everything = connection.exec_driver_sql("SELECT global_position FROM events ORDER BY 1").scalars().all()
    assert seen == everything
    assert len(seen) == sum(writing.get())


def assert_unforked(events: list[RecordedEvent]) -> None:
    """Versions count up from 1 and each event's predecessor is the one before it, so no two share one."""
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert [event.prev_hash for event in events[1:]] == [event.hash for event in events[:-1]]
