"""An older shape of a state is migrated by a named function or passed over, and never misread.

Whatever is passed over, the answer stays that of the events: each load from a snapshot here is proved.
"""

import logging
from typing import Any, ClassVar

import msgspec
import pytest
from shapes import (
    AccountThatForgotV1,
    AccountV2,
    AccountV3,
    deposit,
    hold,
    name_the_holds,
    repository,
    snapshot_rows,
)

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import SnapshotStore, table
from esworkbench.aggregates.snapshots.migrations import StateMigration
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import SnapshotDisagrees
from esworkbench.event_store import EventStore
from tests.support import SequentialIds, StepClock


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("e"))


@pytest.fixture
def written_as_v1(store: EventStore) -> EventStore:
    """An account with a hold, its snapshots at 3 and 6 of shape 1, and one event after them."""
    accounts = repository(store, every=3)
    deposit(accounts, 5)
    hold(accounts, "w1", 15)
    deposit(accounts, 1)
    return store


def set_state(store: EventStore, version: int, state: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(table.snapshots.update().where(table.snapshots.c.version == version).values(state=state))


def whole(store: EventStore, account_class: type[BankAccount] = BankAccount) -> BankAccount:
    return Repository(store, account_class, bank_decoder()).load("a")


def test_an_older_shape_is_migrated_one_named_step_at_a_time(written_as_v1: EventStore) -> None:
    loaded = repository(written_as_v1, AccountV3).load("a")
    assert (loaded.version, loaded.snapshot_version) == (7, 6)
    assert loaded.state() == whole(written_as_v1, AccountV3).state()
    assert loaded.state()["hold_count"] == 1


def test_what_is_taken_of_a_migrated_state_names_the_snapshot_that_brought_it_in(written_as_v1: EventStore) -> None:
    deposit(repository(written_as_v1, AccountV2, every=3), 2)
    kept = [(row.version, row.state_version, row.based_on_version) for row in snapshot_rows(written_as_v1)]
    assert kept == [(3, 1, None), (6, 1, 3), (9, 2, 6)]


def test_at_one_version_both_shapes_are_kept_and_each_release_uses_its_own(written_as_v1: EventStore) -> None:
    newer = repository(written_as_v1, AccountV2)
    newer.take_snapshot(newer.load("a"))
    older = repository(written_as_v1)
    older.take_snapshot(older.load("a"))
    kept = [(row.version, row.state_version, row.based_on_version) for row in snapshot_rows(written_as_v1)]
    assert kept == [(3, 1, None), (6, 1, 3), (7, 1, 6), (7, 2, 6)]
    assert repository(written_as_v1, AccountV2).load("a").snapshot_version == 7
    assert repository(written_as_v1).load("a").snapshot_version == 7


def test_a_shape_without_a_way_to_todays_is_passed_over_and_the_log_says_so_once(
    written_as_v1: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = repository(written_as_v1, AccountThatForgotV1)
    for _ in range(2):
        assert accounts.load("a").snapshot_version is None
    assert accounts.load("a").state() == whole(written_as_v1, AccountThatForgotV1).state()
    assert [record.getMessage() for record in caplog.records] == [
        "the snapshot of BankAccount-a at version 6 is passed over, as all such: "
        "no migration leads from shape 1 of its state to 3"
    ]


def test_a_shape_newer_than_the_code_is_passed_over_for_an_older_one(
    written_as_v1: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    deposit(repository(written_as_v1, AccountV3, every=3), 2)
    loaded = repository(written_as_v1).load("a")
    assert (loaded.version, loaded.snapshot_version) == (9, 6)
    assert "shape 3, newer than this code's 1" in caplog.text


def fail(state: dict[str, Any]) -> dict[str, Any]:
    """A step that meets a state it did not expect."""
    raise KeyError("holds")


def forget(state: dict[str, Any]) -> dict[str, Any]:
    """A step that loses what it should rename."""
    return {**state, "holds": {}, "pending": state["pending"]}


class FailingMigration(AccountV2):
    state_migrations = (StateMigration(1, fail),)


class ForgetfulMigration(AccountV2):
    state_migrations = (StateMigration(1, forget),)


class FailingRestore(BankAccount):
    """It can't take over a state in which money is held, and finds out with half of it taken over."""

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        if state["pending"]:
            raise ValueError("no holds here")


def invent_money(state: dict[str, Any]) -> dict[str, Any]:
    """A step that is wrong about what it carries over, and whose result looks like any other."""
    return name_the_holds({**state, "balance_minor": state["balance_minor"] + 1})


class InventiveMigration(AccountV2):
    state_migrations = (StateMigration(1, invent_money),)


def test_a_wrong_migration_leaves_behind_what_it_is_found_by(written_as_v1: EventStore) -> None:
    """The first snapshot of the new shape is wrong, and names the one of the older shape that was right."""
    deposit(repository(written_as_v1, InventiveMigration, every=3, proved=False), 2)
    right, wrong = snapshot_rows(written_as_v1)[-2:]
    assert (right.version, right.state_version, wrong.state_version, wrong.based_on_version) == (6, 1, 2, 6)
    past = Repository(written_as_v1, BankAccount, bank_decoder())
    sums = [past.load_as_of("a", version=row.version).balance_minor for row in (right, wrong)]
    assert [msgspec.json.decode(row.state)["balance_minor"] for row in (right, wrong)] == [sums[0], sums[1] + 1]
    with pytest.raises(SnapshotDisagrees):
        repository(written_as_v1, InventiveMigration).load("a")


@pytest.mark.parametrize(
    ("account_class", "used"), [(FailingMigration, None), (ForgetfulMigration, None), (FailingRestore, 3)]
)
def test_what_can_not_be_taken_over_leaves_nothing_behind(
    written_as_v1: EventStore,
    account_class: type[BankAccount],
    used: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        loaded = repository(written_as_v1, account_class).load("a")
    assert (loaded.version, loaded.snapshot_version, loaded.balance_minor) == (7, used, 35)
    assert loaded.pending == {"w1": 15}
    assert "the snapshot of BankAccount-a at version 6" in caplog.text


def test_a_damaged_state_is_passed_over_for_an_older_one(written_as_v1: EventStore) -> None:
    for damaged in ("", "{", "[]", "null", '{"owner": "Ada"}'):
        set_state(written_as_v1, 6, damaged)
        loaded = repository(written_as_v1).load("a")
        assert (loaded.balance_minor, loaded.snapshot_version) == (35, 3)


def test_one_shape_of_one_category_is_invalidated(written_as_v1: EventStore) -> None:
    newer = repository(written_as_v1, AccountV2)
    newer.take_snapshot(newer.load("a"))
    with written_as_v1.engine.begin() as connection:
        row = {"stream_id": "BankAccounting-a", "version": 1, "state_version": 1, "state": "{}"}
        connection.execute(table.snapshots.insert(), {**row, "taken_at": written_as_v1.clock()})
    snapshots = SnapshotStore(written_as_v1.engine)
    assert snapshots.invalidate("BankAccount", 1) == 2
    assert snapshots.invalidate("BankAccount", 1) == 0
    left = [(row.stream_id, row.version, row.state_version) for row in snapshot_rows(written_as_v1)]
    assert left == [("BankAccounting-a", 1, 1), ("BankAccount-a", 7, 2)]
    assert repository(written_as_v1).load("a").state() == whole(written_as_v1).state()


def test_a_snapshot_whose_place_does_not_serve_costs_only_time(
    written_as_v1: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(SnapshotStore):
        def candidates(self, stream_id: str) -> Any:
            raise OSError("the disk is gone")

    accounts = SnapshottingRepository(written_as_v1, BankAccount, bank_decoder(), snapshots=Gone(written_as_v1.engine))
    assert accounts.load("a").balance_minor == 35
    assert "no more snapshots of BankAccount-a can be read" in caplog.text


def unexplained(state: dict[str, Any]) -> dict[str, Any]:
    return state


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((StateMigration(1, fail), StateMigration(3, fail)), r"start at versions \[1, 3\].*must start at \[2, 3\]"),
        ((StateMigration(3, fail), StateMigration(3, fail)), r"start at versions \[3, 3\].*must start at \[2, 3\]"),
        ((StateMigration(2, fail),), r"start at versions \[2\].*must start at \[3\]"),
        ((StateMigration(4, fail),), r"start at versions \[4\].*must start at \[3\]"),
        ((StateMigration(3, unexplained),), "unexplained needs a docstring that says why it exists"),
    ],
)
def test_steps_that_do_not_lead_to_todays_shape_are_refused_at_once(
    sqlite_url: str, steps: tuple[StateMigration, ...], message: str
) -> None:
    class AccountV4(BankAccount):
        state_version: ClassVar[int] = 4
        state_migrations = steps

    with pytest.raises(ValueError, match=message):
        repository(EventStore.open(sqlite_url), AccountV4)
