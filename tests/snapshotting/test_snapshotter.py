"""Snapshots are taken off the write path, and their taker may be killed at any moment: nothing wrong, nothing lost."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Row, select

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import Snapshot, SnapshotProof, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import StoreBusy
from esworkbench.event_store import EventStore
from esworkbench.projections import tables
from esworkbench.snapshotting.background import Snapshotter
from tests.aggregates.snapshots.shapes import AccountV2, deposit, repository, snapshot_rows
from tests.snapshotting.killed_snapshotter import CRASH_POINTS, EVERY, snapshots_in
from tests.support import SequentialIds, StepClock, new_event

ROOT = Path(__file__).parents[2]
ACCOUNTS = ("a", "b", "c-d")


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("e"))


def snapshotter(store: EventStore, account_class: type[BankAccount] = BankAccount) -> Snapshotter[BankAccount]:
    return Snapshotter(store, repository(store, account_class), every=EVERY, run_id="test", batch_size=7)


def kept(store: EventStore) -> list[tuple[str, int, int]]:
    return sorted((row.stream_id, row.version, row.state_version) for row in snapshot_rows(store))


def dead_letters(store: EventStore) -> list[Row[Any]]:
    """Those parked so far; the table is made when the first is."""
    with store.engine.connect() as connection:
        if not tables.can_hold_dead_letters(connection):
            return []
        return list(connection.execute(select(tables.dead_letters)))


def test_each_stream_that_passed_a_multiple_gets_one_of_its_head(store: EventStore) -> None:
    accounts = repository(store)
    for account_id, events in (("a", 12), ("b", 4), ("c-d", 5)):
        deposit(accounts, events, account_id)
    store.append("Order-7", [new_event()] * EVERY, expected_version=0)
    assert kept(store) == [], "saving takes none"
    taker = snapshotter(store)
    assert taker.catch_up() == 21 + EVERY
    assert taker.catch_up() == 0
    assert kept(store) == [("BankAccount-a", 12, 1), ("BankAccount-c-d", 5, 1)]
    assert taker.checkpoint() == store.head_position()
    assert dead_letters(store) == [], "another category's streams are none of its business"
    deposit(accounts, 1, "b")
    taker.catch_up()
    assert kept(store)[1:] == [("BankAccount-b", 5, 1), ("BankAccount-c-d", 5, 1)]


def test_the_next_of_a_stream_is_folded_from_the_last(store: EventStore) -> None:
    accounts = repository(store)
    for _ in range(3):
        deposit(accounts, EVERY)
        snapshotter(store).catch_up()
    assert [(row.version, row.based_on_version) for row in snapshot_rows(store)] == [(5, None), (10, 5), (15, 10)]


def test_for_a_new_shape_it_begins_again_before_anybody_needs_one(store: EventStore) -> None:
    deposit(repository(store), 7)
    snapshotter(store).catch_up()
    taker = snapshotter(store, AccountV2)
    assert taker.catch_up() == 0
    taker.begin_again()
    assert taker.catch_up() == 7
    assert kept(store) == [("BankAccount-a", 7, 1), ("BankAccount-a", 7, 2)]


def test_two_at_once_do_no_harm(store: EventStore) -> None:
    deposit(repository(store), 20)
    taker, other = snapshotter(store), snapshotter(store)

    class Overtaken(SnapshottingRepository[BankAccount]):
        def take_snapshot(self, aggregate: BankAccount) -> None:
            other.catch_up()
            super().take_snapshot(aggregate)

    slow = Overtaken(store, BankAccount, bank_decoder(), snapshots=SnapshotStore(store.engine))
    Snapshotter(store, slow, every=EVERY, run_id="slow", batch_size=7).catch_up()
    assert kept(store) == [("BankAccount-a", 20, 1)]
    assert taker.checkpoint() == 20
    with store.engine.connect() as connection:
        log = connection.execute(select(tables.checkpoint_log).order_by("id")).all()
    ranges = [(row.from_position, row.to_position) for row in log]
    assert ranges == [(1, 7), (8, 14), (15, 20)], "no batch is told of twice"


def test_a_stream_that_can_not_be_loaded_is_parked_and_stops_nobody(store: EventStore) -> None:
    accounts = repository(store)
    deposit(accounts, EVERY - 1, "bad")
    store.append("BankAccount-bad", [new_event("PointsGranted")], expected_version=EVERY - 1)
    deposit(accounts, EVERY, "good")
    snapshotter(store).catch_up()
    assert kept(store) == [("BankAccount-good", 5, 1)]
    [letter] = dead_letters(store)
    assert (letter.projection, letter.position, letter.event_type) == ("snapshots of BankAccount", 5, "PointsGranted")
    assert "UnknownEventType" in letter.error


def test_a_place_that_takes_no_snapshot_stops_the_run_with_the_batch_to_be_done_again(store: EventStore) -> None:
    deposit(repository(store), EVERY)

    class Full(SnapshotStore):
        def keep(self, snapshot: Snapshot) -> None:
            raise StoreBusy("no place for it")

    accounts = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=Full(store.engine))
    with pytest.raises(StoreBusy):
        Snapshotter(store, accounts, every=EVERY, run_id="test").catch_up()
    assert snapshotter(store).checkpoint() == 0
    snapshotter(store).catch_up()
    assert kept(store) == [("BankAccount-a", 5, 1)]


def test_it_needs_a_number(store: EventStore) -> None:
    with pytest.raises(ValueError, match="every must be 1 or more, not 0"):
        Snapshotter(store, repository(store), every=0, run_id="test")


def run_and_die(*arguments: str) -> None:
    """A process that must end by its own SIGKILL."""
    command = [sys.executable, "-m", "tests.snapshotting.killed_snapshotter", *arguments]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == -9


def write_some(store: EventStore, rng: random.Random, events: int) -> None:
    """For each account so many events in one append, as the bank's writers would while nobody takes snapshots."""
    accounts = Repository(store, BankAccount, bank_decoder())
    for account_id in ACCOUNTS:
        account = accounts.load_or_new(account_id)
        if account.version == 0:
            account.open("Ada", "USD")
        for number in range(events):
            account.deposit(rng.randint(1, 999), "USD", f"r{number}")
        accounts.save(account)


def assert_nothing_wrong_and_nothing_lost(store: EventStore, place: str, *, up_to: int | None = None) -> None:
    """Every snapshot is what the events up to it make; every multiple up to the checkpoint is behind a snapshot."""
    snapshots = snapshots_in(place, store)
    accounts = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=snapshots, proof=SnapshotProof())
    checkpoint = snapshotter(store).checkpoint() if up_to is None else up_to
    for account_id in ACCOUNTS:
        events = store.read_stream(f"BankAccount-{account_id}")
        found = list(snapshots.candidates(f"BankAccount-{account_id}"))
        for snapshot in found:
            whole = accounts.load_as_of(account_id, version=snapshot.version).state()
            assert msgspec.json.decode(snapshot.state) == whole
        multiples = [event.version for event in events if event.global_position <= checkpoint]
        due = max((version for version in multiples if version % EVERY == 0), default=0)
        assert max((snapshot.version for snapshot in found), default=0) >= due
        accounts.load(account_id)


def kill_again_and_again(store_url: str, store: EventStore, place: str, *, lives: list[tuple[str, int]]) -> None:
    rng = random.Random(7)
    for point, passes in lives:
        write_some(store, rng, 2 * EVERY + rng.randint(0, EVERY))
        run_and_die(store_url, place, "sound", point, str(passes))
        assert_nothing_wrong_and_nothing_lost(store, place)
    accounts = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=snapshots_in(place, store))
    Snapshotter(store, accounts, every=EVERY, run_id="survivor").catch_up()
    assert_nothing_wrong_and_nothing_lost(store, place, up_to=store.head_position())


def test_it_may_be_killed_at_any_moment(store_url: str, store: EventStore) -> None:
    kill_again_and_again(store_url, store, "beside", lives=[(point, 1) for point in CRASH_POINTS])


@pytest.mark.sweep
@pytest.mark.parametrize("beside", [True, False])
def test_it_may_be_killed_many_times(store_url: str, store: EventStore, tmp_path: Path, beside: bool) -> None:
    lives = [(point, passes) for passes in range(2) for point in CRASH_POINTS] * 4
    random.Random(3).shuffle(lives)
    kill_again_and_again(store_url, store, "beside" if beside else str(tmp_path / "snapshots"), lives=lives)


def test_one_that_saves_its_checkpoint_first_fails_the_same_test(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    write_some(store, random.Random(7), 2 * EVERY)
    run_and_die(sqlite_url, "beside", "checkpoint first", "before a snapshot", "0")
    with pytest.raises(AssertionError):
        assert_nothing_wrong_and_nothing_lost(store, "beside")
