"""Promise 3 across two databases and two processes: relay and subscriber may be killed at any instruction.

However often that happens, in the end the read models elsewhere equal the events exactly. ``make sweep`` kills longer.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import pytest
from outbox_processes import (
    PULL_POINTS,
    RARER_RELAY_POINTS,
    RARER_SUBSCRIBER_POINTS,
    RELAY_POINTS,
    SUBSCRIBER_POINTS,
)
from projection_logs import BankLog, Expected, raw, rows_of, whole_log
from sqlalchemy import func, inspect, select

from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.events import RecordedEvent
from esworkbench.outbox.outbox import backlog, enable_outbox
from esworkbench.outbox.parked import parked_messages
from esworkbench.projections import checkpoints
from esworkbench.projections.other_database import inbox, open_read_models

PROGRAM = Path(__file__).parent / "outbox_processes.py"
EVENTS_A_ROUND = 12


class Process:
    """One life, of whatever role."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def go(self) -> Self:
        """It is at work when this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        assert self.line() == "ready\n"
        return self

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ends(self) -> int:
        """Waits until it does. Returns its exit code, -9 if it killed itself."""
        return self.process.wait(timeout=120)

    def kill(self) -> None:
        with self.process:
            self.process.kill()


class World:
    """A bank's events, read models in another database, and the processes in between."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.target = f"sqlite:///{folder / 'read_models.db'}"
        self.address = str(folder / "socket")
        self.store = EventStore.open(url)
        self.engine = open_read_models(self.target)
        self.log = BankLog(self.store, seed=3)
        self.processes: list[Process] = []
        enable_outbox(self.store.engine)

    def write(self) -> None:
        self.log.write(EVENTS_A_ROUND)
        self.log.write_event("a1", raw("PointsGranted", points=1))

    def load(self, role: str, point: str = "none", passes: int = 0) -> Process:
        """A process that waits for its turn, because loading is what takes longest."""
        arguments = [role, self.url, self.target, self.address, point, str(passes)]
        self.processes.append(Process(arguments))
        return self.processes[-1]

    def start(self, role: str, point: str = "none", passes: int = 0) -> Process:
        return self.load(role, point, passes).go()

    def wait_until_all_is_published(self) -> None:
        wait_until(lambda: backlog(self.store.engine).queued == 0)

    def assert_exact(self) -> None:
        log = whole_log(self.store)
        with self.engine.connect() as connection:
            for name, make in BANK_PROJECTIONS.items():
                [table] = make().tables
                assert rows_of(connection, table) == Expected(log, 10**9).rows(name)
            assert connection.scalar(select(func.count()).select_from(inbox)) == len(log) * len(BANK_PROJECTIONS)
        assert parked_messages(self.store.engine) == []

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        self.store.engine.dispose()
        self.engine.dispose()


@pytest.fixture
def world(store_url: str) -> Iterator[World]:
    """In a folder whose name is short enough for a Unix socket."""
    with TemporaryDirectory(prefix="esworkbench-") as folder:
        world = World(store_url, Path(folder))
        yield world
        world.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline, "waited for two minutes in vain"
        time.sleep(0.002)


def assert_each_equals_the_events_up_to_its_checkpoint(world: World, log: list[RecordedEvent]) -> list[int]:
    reached = []
    with world.engine.connect() as connection:
        for name, make in BANK_PROJECTIONS.items():
            reached.append(checkpoints.position_of(connection, name))
            [table] = make().tables
            if inspect(connection).has_table(table.name):
                assert rows_of(connection, table) == Expected(log, reached[-1]).rows(name)
    return reached


def die_at_each_point(
    world: World, relay_points: Sequence[str], subscriber_points: Sequence[str], *, passes: int
) -> None:
    """Before each process that is to die there is something to do, and its partner is alive and well."""
    survivor = world.load("subscriber")
    dying_relays = [world.load("relay", point, passes // 3) for point in relay_points]
    last_relay = world.load("relay")
    dying_subscribers = [world.load("subscriber", point, passes) for point in subscriber_points]
    last_subscriber = world.load("subscriber")
    survivor.go()
    for relay in dying_relays:
        world.write()
        assert relay.go().ends() == -9
    survivor.kill()
    last_relay.go()
    for subscriber in dying_subscribers:
        world.write()
        assert subscriber.go().ends() == -9
    last_subscriber.go()
    world.wait_until_all_is_published()
    world.assert_exact()


def kill_at_random(world: World, *, kills: int, seed: int) -> None:
    """One of the two at a time, after so many messages rather than seconds, as a busy machine is no excuse."""
    rng = random.Random(seed)
    world.write()
    alive = {role: world.load(role) for role in ("subscriber", "relay")}
    for role in alive:
        alive[role].go()
    for _ in range(kills):
        role = rng.choice(sorted(alive))
        following = world.load(role)
        for _ in range(rng.randint(0, EVENTS_A_ROUND)):
            alive[role].line()
        alive[role].kill()
        world.write()
        alive[role] = following.go()
    world.wait_until_all_is_published()
    world.assert_exact()


def test_both_may_be_killed_at_each_named_point(world: World) -> None:
    die_at_each_point(world, RELAY_POINTS, SUBSCRIBER_POINTS, passes=4)


def test_both_may_be_killed_at_any_moment(world: World) -> None:
    kill_at_random(world, kills=3, seed=8)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(5))
def test_both_may_be_killed_many_times(world: World, seed: int) -> None:
    kill_at_random(world, kills=40, seed=seed)
    for process in world.processes:
        process.kill()
    relay_points, subscriber_points = RELAY_POINTS + RARER_RELAY_POINTS, SUBSCRIBER_POINTS + RARER_SUBSCRIBER_POINTS
    die_at_each_point(world, relay_points, subscriber_points, passes=seed)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_subscriber_without_an_inbox_fails_the_same_test(world: World) -> None:
    world.log.write(EVENTS_A_ROUND)
    naive, dying, last = world.load("naive subscriber"), world.load("relay", RELAY_POINTS[1]), world.load("relay")
    naive.go()
    assert dying.go().ends() == -9
    last.go()
    world.wait_until_all_is_published()
    exact = Expected(whole_log(world.store), 10**9).rows("account_balances")
    [table] = BANK_PROJECTIONS["account_balances"]().tables
    with world.engine.connect() as connection:
        doubled = rows_of(connection, table)
    assert [row[2] for row in doubled] != [row[2] for row in exact], "the first batch counts twice"


def test_one_that_pulls_into_another_database_may_be_killed_too(world: World) -> None:
    """After each death the read model equals the events up to its own checkpoint, which lies beside it."""
    for _ in range(3):
        world.write()
    log = whole_log(world.store)
    dying = [world.load("pull", point, 2 * number) for number, point in enumerate(PULL_POINTS)]
    last = world.load("pull")
    for process in dying:
        assert process.go().ends() == -9
        assert_each_equals_the_events_up_to_its_checkpoint(world, log)
    assert last.go().ends() == 0
    assert set(assert_each_equals_the_events_up_to_its_checkpoint(world, log)) == {log[-1].global_position}
