"""Aggregates in, aggregates out: one transaction, the version they were decided on, and any moment of the past."""

from datetime import UTC, datetime, timedelta

import pytest

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.events import MoneyDeposited
from esworkbench.domains.bank.upcasters import bank_decoder
from esworkbench.errors import AggregateNotFound, ConcurrencyError, ReadOnlyAggregate, UnusableInput
from esworkbench.event_store import EventStore, Idempotency
from esworkbench.events import NewEvent
from tests.support import SequentialIds, StepClock

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

Accounts = Repository[BankAccount]


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url, clock=StepClock(START, HOUR), new_id=SequentialIds("e"))


@pytest.fixture
def accounts(store: EventStore) -> Accounts:
    return Repository(store, BankAccount, bank_decoder())


def opened(accounts: Accounts, account_id: str = "a", *deposits: int) -> BankAccount:
    account = BankAccount(account_id)
    account.open("Ada", "USD")
    accounts.save(account)
    for number, amount in enumerate(deposits):
        account.deposit(amount, "USD", f"r{number}")
        accounts.save(account)
    return account


def test_what_is_loaded_is_what_was_saved(accounts: Accounts) -> None:
    saved = opened(accounts, "a", 100, 20)
    saved.request_withdrawal("w", 50, "USD", "r")
    accounts.save(saved)
    loaded = accounts.load("a")
    assert loaded.state() == saved.state()
    assert (loaded.version, loaded.saved_version, loaded.uncommitted) == (4, 4, [])


def test_an_aggregate_nobody_wrote_is_not_found(accounts: Accounts) -> None:
    opened(accounts, "a")
    with pytest.raises(AggregateNotFound, match="there is no BankAccount 'b'"):
        accounts.load("b")
    assert not accounts.exists("b")
    assert accounts.exists("a")
    assert accounts.load_or_new("b").version == 0


@pytest.mark.parametrize(
    "account_id", ["o'brien", 'say "x"', "two\nlines", "<b>&amp;</b>", "a-b-c", "Ünï-日本", "%s; --"]
)
def test_an_id_is_only_a_name_whatever_is_in_it(accounts: Accounts, account_id: str) -> None:
    opened(accounts, account_id, 5)
    assert accounts.load(account_id).balance_minor == 5


def test_a_stale_writer_is_told_both_versions_and_writes_nothing(accounts: Accounts) -> None:
    opened(accounts, "a", 100)
    first, second = accounts.load("a"), accounts.load("a")
    first.withdraw(80, "USD", "r1")
    second.withdraw(80, "USD", "r2")
    accounts.save(first)
    with pytest.raises(ConcurrencyError) as caught:
        accounts.save(second)
    assert (caught.value.expected, caught.value.actual) == (2, 3)
    assert accounts.load("a").balance_minor == 20
    assert second.saved_version == 2, "a failed save must not count as saved"


def test_several_aggregates_are_saved_together_or_not_at_all(accounts: Accounts, store: EventStore) -> None:
    opened(accounts, "a", 100)
    opened(accounts, "b")
    sender, receiver = accounts.load("a"), accounts.load("b")
    other = accounts.load("b")
    other.deposit(1, "USD", "in between")
    accounts.save(other)
    head = store.head_position()
    sender.send_transfer("t", "b", 40, "USD", "r")
    receiver.receive_transfer("t", "a", 40, "USD", "r")
    with pytest.raises(ConcurrencyError):
        accounts.save(sender, receiver)
    assert store.head_position() == head
    assert accounts.load("a").balance_minor == 100


def test_every_event_says_which_version_it_was_decided_on(accounts: Accounts, store: EventStore) -> None:
    account = opened(accounts, "a", 100)
    account.withdraw(1, "USD", "r1")
    account.withdraw(2, "USD", "r2")
    accounts.save(account, metadata={"actor": "ada", "correlation_id": "c"})
    account.withdraw(3, "USD", "r3")
    accounts.save(account)
    metadata = [recorded.metadata_dict() for recorded in store.read_stream("BankAccount-a")]
    assert [entry["decided_on_version"] for entry in metadata] == [0, 1, 2, 2, 4]
    assert metadata[2] == metadata[3] == {"actor": "ada", "correlation_id": "c", "decided_on_version": 2}


def test_a_repeated_save_leaves_the_decision_unsaved(accounts: Accounts, store: EventStore) -> None:
    opened(accounts, "a", 100)
    once, again = accounts.load("a"), accounts.load("a")
    for account in (once, again):
        account.withdraw(30, "USD", "r")
    key = Idempotency("k", "d" * 64, b"{}")
    assert not accounts.save(once, idempotency=key).repeated
    assert accounts.save(again, idempotency=key).repeated
    assert len(again.uncommitted) == 1
    assert store.stream_version("BankAccount-a") == 3


def test_old_shapes_load_as_todays(accounts: Accounts, store: EventStore) -> None:
    account = opened(accounts, "a")
    old = [
        NewEvent(event_type="MoneyDeposited", schema_version=1, payload=b'{"amount":10.005,"reference":"r1"}'),
        NewEvent(
            event_type="MoneyDeposited",
            schema_version=2,
            payload=b'{"amount":"2.50","currency":"USD","reference":"r2"}',
        ),
    ]
    store.append(account.stream_id, old, expected_version=1)
    assert accounts.load("a").balance_minor == 1001 + 250


def test_any_version_of_the_past_can_be_looked_at(accounts: Accounts) -> None:
    opened(accounts, "a", 100, 20, 3)
    assert [accounts.load_as_of("a", version=version).balance_minor for version in (1, 2, 3, 4)] == [0, 100, 120, 123]


def test_a_past_state_decides_nothing(accounts: Accounts) -> None:
    opened(accounts, "a", 100)
    past = accounts.load_as_of("a", version=2)
    with pytest.raises(ReadOnlyAggregate):
        past.deposit(1, "USD", "r")


def test_known_at_and_valid_at_are_two_questions(accounts: Accounts, store: EventStore) -> None:
    account = opened(accounts, "a", 100)
    account.deposit(7, "USD", "late", valid_at=START - HOUR)
    accounts.save(account)
    account.deposit(20, "USD", "last")
    accounts.save(account)
    opening, deposit, late, last = (recorded.recorded_at for recorded in store.read_stream(account.stream_id))

    def balance(**axis: datetime) -> int:
        return accounts.load_as_of("a", **axis).balance_minor

    assert [balance(known_at=moment) for moment in (opening, deposit, late, last)] == [0, 100, 107, 127]
    assert [balance(valid_at=moment) for moment in (START - HOUR, opening, deposit, late, last)] == [
        7,
        7,
        107,
        107,
        127,
    ]
    assert balance(valid_at=opening, known_at=deposit) == 0
    assert balance(valid_at=opening, known_at=late) == 7
    assert balance(valid_at=deposit, version=2) == 100


def test_a_chosen_past_carries_the_version_of_its_last_event(accounts: Accounts) -> None:
    account = opened(accounts, "a", 100)
    account.deposit(7, "USD", "late", valid_at=START - HOUR)
    accounts.save(account)
    assert accounts.load_as_of("a", valid_at=START - HOUR).version == 3


def test_before_the_first_event_there_is_nothing_to_look_at(accounts: Accounts) -> None:
    opened(accounts, "a")
    with pytest.raises(AggregateNotFound, match="no event as of that moment"):
        accounts.load_as_of("a", known_at=START - HOUR)
    with pytest.raises(AggregateNotFound):
        accounts.load_as_of("b", known_at=START)


@pytest.mark.parametrize("version", [0, -1, 4])
def test_a_version_that_was_never_written_is_refused(accounts: Accounts, version: int) -> None:
    opened(accounts, "a", 100, 20)
    with pytest.raises(UnusableInput, match=f"BankAccount-a has no version {version}"):
        accounts.load_as_of("a", version=version)


@pytest.mark.parametrize("axis", ["known_at", "valid_at"])
def test_a_naive_moment_is_refused_with_the_two_ways_to_write_it(accounts: Accounts, axis: str) -> None:
    opened(accounts, "a")
    with pytest.raises(UnusableInput, match=rf"{axis} 2026-01-01T00:00:00 says no time zone.*offset.*ZoneInfo"):
        accounts.load_as_of("a", **{axis: datetime(2026, 1, 1)})  # noqa: DTZ001


def test_an_event_of_another_domain_is_not_encoded(accounts: Accounts) -> None:
    account = BankAccount("a")
    account.replay(MoneyDeposited(amount_minor=1, currency="USD", reference="r"))
    append = accounts.append_of(account, {})
    assert (append.stream_id, append.expected_version, append.events) == ("BankAccount-a", 1, [])
