"""A snapshot saves time and is never the truth: unknown shapes are ignored, failing ones cost nothing but time."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from shapes import deposit, repository, snapshot_rows
from sqlalchemy import text

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.upcasters import bank_decoder
from esworkbench.event_store import EventStore
from tests.support import SequentialIds, StepClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class AccountOfTomorrow(BankAccount):
    """The same account after its state changed shape, with no way from the older one."""

    state_version: ClassVar[int] = 2

    def state(self) -> dict[str, Any]:
        return {"tomorrow": super().state()}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state["tomorrow"])


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url, clock=StepClock(START, timedelta(seconds=1)), new_id=SequentialIds("e"))


def test_one_is_taken_whenever_the_stream_passes_a_multiple(store: EventStore) -> None:
    accounts = repository(store, every=3)
    account = deposit(accounts, 4)
    for reference in ("x", "y", "z"):
        account.deposit(10, "USD", reference)
    accounts.save(account)
    assert [row.version for row in snapshot_rows(store)] == [3, 7]


def test_every_none_is_refused_before_anything_is_committed(store: EventStore) -> None:
    with pytest.raises(ValueError, match="snapshot_every must be 1 or more, not 0"):
        repository(store, every=0)


def test_loading_from_a_snapshot_is_loading_from_the_start(store: EventStore) -> None:
    deposit(repository(store, every=3), 8)
    fast, slow = repository(store, every=3).load("a"), repository(store).load("a")
    whole = Repository(store, BankAccount, bank_decoder()).load("a")
    assert fast.state() == slow.state() == whole.state()
    assert fast.version == whole.version == 8
    assert (fast.snapshot_version, whole.snapshot_version) == (6, None)


def test_only_the_event_it_ends_with_and_those_after_it_are_read(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit(repository(store, every=3), 8)
    read: list[int] = []
    plain = EventStore.read_stream

    def counting(self: EventStore, stream_id: str, **bounds: Any) -> Any:
        events = plain(self, stream_id, **bounds)
        read.extend(event.version for event in events)
        return events

    monkeypatch.setattr(EventStore, "read_stream", counting)
    repository(store, proved=False).load("a")
    assert read == [6, 7, 8]


def test_each_names_the_one_it_was_made_from(store: EventStore) -> None:
    deposit(repository(store, every=3), 9)
    assert [(row.version, row.based_on_version) for row in snapshot_rows(store)] == [(3, None), (6, 3), (9, 6)]


@pytest.mark.parametrize(
    ("written_by", "read_by"), [(BankAccount, AccountOfTomorrow), (AccountOfTomorrow, BankAccount)]
)
def test_a_shape_the_code_does_not_know_is_ignored(
    store: EventStore, written_by: type[BankAccount], read_by: type[BankAccount]
) -> None:
    deposit(repository(store, written_by, every=3), 4)
    loaded = repository(store, read_by).load("a")
    assert (loaded.balance_minor, loaded.version, loaded.snapshot_version) == (30, 4, None)


def test_the_first_of_a_new_shape_is_folded_from_the_start_and_the_old_one_is_kept(store: EventStore) -> None:
    deposit(repository(store, every=3), 3)
    deposit(repository(store, AccountOfTomorrow, every=3), 3)
    kept = [(row.version, row.state_version, row.based_on_version) for row in snapshot_rows(store)]
    assert kept == [(3, 1, None), (6, 2, None)]


def test_a_snapshot_that_fails_does_not_fail_what_is_already_committed(
    store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = repository(store, every=3)
    account = deposit(accounts, 2)
    with store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE snapshots RENAME TO snapshots_elsewhere"))
    account.deposit(10, "USD", "third")
    with caplog.at_level(logging.ERROR, logger="esworkbench.aggregates.repository"):
        accounts.save(account)
    assert "no snapshot of BankAccount-a at version 3" in caplog.text
    assert Repository(store, BankAccount, bank_decoder()).load("a").balance_minor == 20


def test_taking_the_same_one_twice_changes_nothing(store: EventStore) -> None:
    account = deposit(repository(store, every=3), 3)
    before = snapshot_rows(store)
    repository(store).take_snapshot(account)
    assert snapshot_rows(store) == before


def test_a_past_state_is_folded_from_the_start(store: EventStore) -> None:
    deposit(repository(store, every=3), 7)
    with store.engine.begin() as connection:
        connection.execute(snapshots.update().values(state="{}"))
    assert repository(store).load_as_of("a", version=6).balance_minor == 50
