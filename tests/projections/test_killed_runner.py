"""Promise 3, no double apply: the process may be killed at any instruction.

After every SIGKILL each read model must equal the sum of the events up to its own checkpoint, exactly.
``make sweep`` kills hundreds of times on each engine.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from killed_runner import CRASH_POINTS
from projection_logs import BankLog, Expected, raw, rows_of, whole_log
from sqlalchemy import inspect, select

from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints
from esworkbench.projections.tables import dead_letters
from tests.killable import Killable

WORKER = Path(__file__).parent / "killed_runner.py"
MOST_COMMITS = 60
ONE_BATCH_SECONDS = 0.005


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    log = BankLog(store, seed=1)
    log.write(100)
    log.write_event("a2", raw("PointsGranted", points=1))
    log.write(100)
    yield store
    store.engine.dispose()


class Worker(Killable):
    def __init__(
        self, url: str, *, batch_size: int, runner: str = "sound", point: str = "none", passes: int = 0
    ) -> None:
        super().__init__(str(WORKER), url, str(batch_size), runner, point, str(passes))

    def dies(self) -> None:
        """Waits for the process to kill itself."""
        with self.process:
            assert self.process.wait(timeout=60) == -9

    def kill(self) -> None:
        with self.process:
            self.process.kill()
            assert self.process.wait(timeout=60) == -9


def assert_read_models_equal_the_events(store: EventStore, log: list[RecordedEvent]) -> dict[str, int]:
    """Each read model against the events up to its own checkpoint, in one snapshot. Returns the checkpoints.

    A killed client's last commit may still be under way in a PostgreSQL server, so the reads must share a snapshot.
    """
    snapshot = {"isolation_level": "REPEATABLE READ"} if store.engine.dialect.name == "postgresql" else {}
    found = {}
    with store.engine.connect().execution_options(**snapshot) as connection:
        for name, make in BANK_PROJECTIONS.items():
            found[name] = checkpoints.position_of(connection, name)
            [table] = make().tables
            if found[name] or inspect(connection).has_table(table.name):
                assert rows_of(connection, table) == Expected(log, found[name]).rows(name)
            unknown = [event.global_position for event in log if event.event_type == "PointsGranted"]
            parked = connection.scalars(select(dead_letters.c.position).where(dead_letters.c.projection == name)).all()
            assert parked == [position for position in unknown if position <= found[name]]
    return found


def kill_at_random(url: str, store: EventStore, *, kills: int, seed: int) -> None:
    """Kill worker after worker. The next one loads while the present one works, as loading takes longest.

    A life is so many commits and a moment long, not so many seconds, so that a busy machine is no excuse.
    """
    log = whole_log(store)
    rng = random.Random(seed)
    seen = set()
    following = Worker(url, batch_size=rng.randint(1, 40))
    for _ in range(kills):
        worker, following = following, Worker(url, batch_size=rng.randint(1, 40))
        worker.go()
        assert worker.comes_to_commit(rng.randint(0, MOST_COMMITS))
        time.sleep(rng.uniform(0, ONE_BATCH_SECONDS))
        worker.kill()
        seen.add(tuple(assert_read_models_equal_the_events(store, log).values()))
    following.kill()
    assert len(seen) > kills // 3, "the kills must strike at different places, or they prove little"


def kill_at(url: str, store: EventStore, point: str, *, passes: int) -> None:
    worker = Worker(url, batch_size=60, point=point, passes=passes)
    worker.go()
    worker.dies()
    assert_read_models_equal_the_events(store, whole_log(store))


def test_the_runner_may_be_killed_at_any_moment(store_url: str, store: EventStore) -> None:
    kill_at_random(store_url, store, kills=8, seed=17)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_the_runner_may_be_killed_at_each_named_point(store_url: str, store: EventStore, point: str) -> None:
    kill_at(store_url, store, point, passes=1)


@pytest.mark.sweep
def test_the_runner_may_be_killed_hundreds_of_times(store_url: str, store: EventStore) -> None:
    kill_at_random(store_url, store, kills=300, seed=4)
    for point in CRASH_POINTS:
        for passes in range(6):
            kill_at(store_url, store, point, passes=passes)


@pytest.mark.parametrize(
    ("naive", "point"),
    [("checkpoint afterwards", "between rows and checkpoint"), ("checkpoint first", "before the rows")],
)
def test_a_runner_with_a_separate_checkpoint_transaction_fails_the_same_test(
    store_url: str, store: EventStore, naive: str, point: str
) -> None:
    log = whole_log(store)
    worker = Worker(store_url, batch_size=60, runner=naive, point=point, passes=1)
    worker.go()
    worker.dies()
    with pytest.raises(AssertionError):
        assert_read_models_equal_the_events(store, log)
