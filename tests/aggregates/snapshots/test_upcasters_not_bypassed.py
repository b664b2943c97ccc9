"""A snapshot can't bypass upcasters: a state folded from yesterday's shapes of events is not taken for today's.

The case: deposits get version 4, in which the bank pays 1 cent for each deposit of whole dollars, old ones included.
Everything before the snapshot would miss those cents.
"""

from typing import Any, ClassVar

import pytest
from shapes import repository, snapshot_rows
from sqlalchemy import text

from esworkbench.aggregates.snapshots import SnapshotProof, SnapshotStore
from esworkbench.aggregates.snapshots.migrations import StateMigration
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BANK_EVENT_TYPES, BANK_UPCASTERS, BankAccount
from esworkbench.domains.bank import events as bank_events
from esworkbench.errors import SnapshotDisagrees
from esworkbench.event_store import EventStore
from esworkbench.events import DomainEvent, EventTypes
from esworkbench.upcasters import EventDecoder, Upcaster, UpcasterChain
from tests.support import SequentialIds, StepClock


class MoneyDeposited(DomainEvent):
    schema_version: ClassVar[int] = 4
    amount_minor: int
    currency: str
    reference: str
    bonus_minor: int


class PointsGranted(DomainEvent):
    points: int


def pay_a_bonus(payload: dict[str, Any]) -> dict[str, Any]:
    """The bank promised a cent for each deposit of whole dollars, and for those made already."""
    return {**payload, "bonus_minor": 1 if payload["amount_minor"] % 100 == 0 else 0}


class GenerousAccount(BankAccount):
    """It adds the bonus, and says nothing of it to snapshots: its state has the shape it had."""

    def apply(self, event: DomainEvent) -> None:
        if isinstance(event, MoneyDeposited):
            self.balance_minor += event.amount_minor + event.bonus_minor
        else:
            super().apply(event)


class AccountV2(GenerousAccount):
    """Its number of snapshot shape rose, as it must, and no older one is carried over."""

    state_version: ClassVar[int] = 2


def as_it_was(state: dict[str, Any]) -> dict[str, Any]:
    """Knows nothing of version 4 of deposits: it was written for something else, long before."""
    return state


class AccountWithOldMigration(AccountV2):
    state_migrations = (StateMigration(1, as_it_was),)


def pay_the_bonuses(state: dict[str, Any]) -> dict[str, Any]:
    """All three deposits in this test's snapshot were of whole dollars."""
    return {**state, "balance_minor": state["balance_minor"] + 3}


class AccountWithMigration(AccountV2):
    state_migrations = (StateMigration(1, pay_the_bonuses, event_shapes={"MoneyDeposited": 4}),)


OTHERS = [BANK_EVENT_TYPES.class_of(name) for name in BANK_EVENT_TYPES.names() if name != "MoneyDeposited"]
GENEROUS = EventDecoder(
    EventTypes(MoneyDeposited, *OTHERS), UpcasterChain([*BANK_UPCASTERS, Upcaster("MoneyDeposited", 3, pay_a_bonus)])
)
MORE_TYPES = EventDecoder(EventTypes(bank_events.MoneyDeposited, PointsGranted, *OTHERS), BANK_UPCASTERS)
WITHOUT_BONUS, WITH_BONUS = 500, 505


@pytest.fixture
def store(store_url: str) -> EventStore:
    """Five deposits of a dollar, with a snapshot after the third; the code of that day knew deposits up to v3."""
    store = EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("e"))
    accounts = repository(store)
    account = accounts.load_or_new("a")
    account.open("Ada", "USD")
    for number in range(3):
        account.deposit(100, "USD", f"r{number}")
    accounts.save(account)
    accounts.take_snapshot(account)
    for number in range(3, 5):
        account.deposit(100, "USD", f"r{number}")
    accounts.save(account)
    return store


def load(
    store: EventStore, account_class: type[BankAccount], decoder: EventDecoder, *, proved: bool = True
) -> BankAccount:
    snapshots, proof = SnapshotStore(store.engine), SnapshotProof() if proved else None
    return SnapshottingRepository(store, account_class, decoder, snapshots=snapshots, proof=proof).load("a")


def test_a_state_folded_before_an_event_got_its_new_shape_is_passed_over(
    store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load(store, GenerousAccount, GENEROUS, proved=False)
    assert (loaded.balance_minor, loaded.snapshot_version) == (WITH_BONUS, None)
    assert "folded when MoneyDeposited was v3 and is v4 now: raise state_version of GenerousAccount" in caplog.text


def test_once_the_state_version_has_risen_new_snapshots_are_kept_beside_the_old_ones(store: EventStore) -> None:
    accounts = SnapshottingRepository(
        store, AccountV2, GENEROUS, snapshots=SnapshotStore(store.engine), proof=SnapshotProof()
    )
    accounts.take_snapshot(accounts.load("a"))
    assert [(row.version, row.state_version) for row in snapshot_rows(store)] == [(4, 1), (6, 2)]
    loaded = accounts.load("a")
    assert (loaded.balance_minor, loaded.snapshot_version) == (WITH_BONUS, 6)


def test_a_migration_that_does_not_name_the_new_shape_does_not_vouch_for_it(store: EventStore) -> None:
    loaded = load(store, AccountWithOldMigration, GENEROUS, proved=False)
    assert (loaded.balance_minor, loaded.snapshot_version) == (WITH_BONUS, None)


def test_a_migration_that_names_the_new_shape_does(store: EventStore) -> None:
    loaded = load(store, AccountWithMigration, GENEROUS)
    assert (loaded.balance_minor, loaded.snapshot_version) == (WITH_BONUS, 4)


def test_an_event_type_that_is_new_changes_nothing(store: EventStore) -> None:
    assert load(store, BankAccount, MORE_TYPES).snapshot_version == 4


def test_rolled_back_to_the_older_code_its_own_snapshots_are_used_again(store: EventStore) -> None:
    accounts = SnapshottingRepository(store, AccountV2, GENEROUS, snapshots=SnapshotStore(store.engine))
    accounts.take_snapshot(accounts.load("a"))
    loaded = repository(store).load("a")
    assert (loaded.balance_minor, loaded.snapshot_version) == (WITHOUT_BONUS, 4)


@pytest.mark.parametrize("unknown", ["event_shapes", "event_hash"])
def test_a_snapshot_that_does_not_say_which_events_it_was_folded_from_is_passed_over(
    store: EventStore, unknown: str
) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE snapshots SET {unknown} = NULL"))
    assert load(store, BankAccount, MORE_TYPES).snapshot_version is None


def test_a_store_of_an_earlier_release_gets_the_columns_it_lacks(store: EventStore) -> None:
    with store.engine.begin() as connection:
        for column in ("event_shapes", "event_hash"):
            connection.execute(text(f"ALTER TABLE snapshots DROP COLUMN {column}"))
    store.engine.dispose()
    reopened = EventStore.open(store.engine.url.render_as_string(hide_password=False))
    assert load(reopened, BankAccount, MORE_TYPES).snapshot_version is None
    accounts = repository(reopened)
    accounts.take_snapshot(accounts.load("a"))
    assert accounts.load("a").snapshot_version == 6


def pay_no_bonus(payload: dict[str, Any]) -> dict[str, Any]:
    """The same step, corrected: its version can't tell, so only the proof finds the snapshots of the day before."""
    return {**payload, "bonus_minor": 0}


def test_a_corrected_upcaster_with_forgotten_state_version_is_found_by_the_proof(store: EventStore) -> None:
    accounts = SnapshottingRepository(store, AccountV2, GENEROUS, snapshots=SnapshotStore(store.engine))
    accounts.take_snapshot(accounts.load("a"))
    corrected = EventDecoder(
        GENEROUS.event_types, UpcasterChain([*BANK_UPCASTERS, Upcaster("MoneyDeposited", 3, pay_no_bonus)])
    )
    with pytest.raises(SnapshotDisagrees, match="balance_minor is 505, not 500"):
        load(store, AccountV2, corrected)
