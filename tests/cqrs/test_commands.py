"""One intent in, one decision saved, one answer out of the write side; a repeated command is one command."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from esworkbench.cqrs.commands import Command, CommandBus, CommandReply, command_digest
from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import Deposit, OpenAccount, Transfer, Withdraw
from esworkbench.domains.bank.handlers import BankHandlers
from esworkbench.errors import AggregateNotFound, CommandRejected, ConcurrencyError, IdempotencyConflict, UnusableInput
from esworkbench.event_store import EventStore
from tests.support import SequentialIds, StepClock

DEPOSIT = Deposit(account_id="a", amount_minor=100, currency="USD", reference="r")


@pytest.fixture
def store(store_url: str) -> EventStore:
    clock = StepClock(datetime(2026, 1, 1, tzinfo=UTC), timedelta(seconds=1))
    return EventStore.open(store_url, clock=clock, new_id=SequentialIds("e"))


@pytest.fixture
def bank(store: EventStore) -> Bank:
    bank = Bank(store)
    bank.handle(OpenAccount(account_id="a", owner="Ada", currency="USD"))
    bank.handle(OpenAccount(account_id="b", owner="Bob", currency="USD"))
    return bank


def test_the_answer_is_the_write_sides_state_version_and_position(bank: Bank, store: EventStore) -> None:
    reply = bank.handle(DEPOSIT)
    assert reply == CommandReply(
        stream_id="BankAccount-a",
        version=2,
        position=store.head_position(),
        state=bank.accounts.load("a").state(),
        repeated=False,
    )
    assert reply.state["balance_minor"] == 100


def test_the_answer_of_a_transfer_is_the_senders(bank: Bank, store: EventStore) -> None:
    bank.handle(DEPOSIT)
    reply = bank.handle(
        Transfer(transfer_id="t", from_account="a", to_account="b", amount_minor=30, currency="USD", reference="r")
    )
    sent = store.read_stream("BankAccount-a")[-1]
    assert (reply.stream_id, reply.version, reply.position) == ("BankAccount-a", 3, sent.global_position)
    assert reply.state["balance_minor"] == 70


def test_both_sides_of_a_transfer_are_written_or_neither(bank: Bank, store: EventStore) -> None:
    """Promise 12: one transaction, and one correlation id to find both events by."""
    transfer = Transfer(
        transfer_id="t", from_account="a", to_account="b", amount_minor=30, currency="USD", reference="r"
    )
    bank.handle(DEPOSIT)
    bus = CommandBus(store, bank.accounts)

    def overtaken_at_the_receiver(command: Transfer) -> list[BankAccount]:
        sender, receiver = BankHandlers(bank.accounts).transfer(command)
        bank.handle(Deposit(account_id="b", amount_minor=1, currency="USD", reference="in between"))
        return [sender, receiver]

    bus.register(Transfer, overtaken_at_the_receiver)
    with pytest.raises(ConcurrencyError, match="'BankAccount-b' is at version 2, not 1"):
        bus.handle(transfer, attempts=1)
    assert store.stream_version("BankAccount-a") == 2

    bank.handle(transfer)
    sent, received = (store.read_stream(f"BankAccount-{account}")[-1] for account in "ab")
    assert (sent.event_type, received.event_type) == ("TransferSent", "TransferReceived")
    assert sent.metadata_dict()["correlation_id"] == received.metadata_dict()["correlation_id"]


def test_the_envelope_names_who_why_and_what_it_answers(bank: Bank, store: EventStore) -> None:
    bank.handle(
        DEPOSIT, idempotency_key="k", actor="ada", correlation_id="c", causation_id="m", metadata={"compensates": ["e"]}
    )
    assert store.read_stream("BankAccount-a")[-1].metadata_dict() == {
        "idempotency_key": "k",
        "actor": "ada",
        "correlation_id": "c",
        "causation_id": "m",
        "compensates": ["e"],
        "decided_on_version": 1,
    }


def test_a_command_without_a_correlation_id_gets_its_own(bank: Bank, store: EventStore) -> None:
    bank.handle(DEPOSIT)
    bank.handle(DEPOSIT)
    first, second = (recorded.metadata_dict() for recorded in store.read_stream("BankAccount-a")[1:])
    assert set(first) == {"correlation_id", "decided_on_version"}
    assert first["correlation_id"] != second["correlation_id"]


def test_a_repeated_command_is_answered_as_the_first_time_and_writes_nothing(bank: Bank, store: EventStore) -> None:
    first = bank.handle(DEPOSIT, idempotency_key="k")
    bank.handle(DEPOSIT, idempotency_key="other")
    head = store.head_position()
    again = bank.handle(DEPOSIT, idempotency_key="k")
    assert again == CommandReply(
        stream_id=first.stream_id, version=2, position=first.position, state=first.state, repeated=True
    )
    assert store.head_position() == head


def test_a_repeated_command_is_answered_even_when_it_would_be_refused_today(bank: Bank) -> None:
    bank.handle(DEPOSIT)
    withdraw = Withdraw(account_id="a", amount_minor=100, currency="USD", reference="w")
    bank.handle(withdraw, idempotency_key="k")
    with pytest.raises(CommandRejected):
        bank.handle(withdraw)
    assert bank.handle(withdraw, idempotency_key="k").repeated


@pytest.mark.parametrize(
    "other",
    [
        Deposit(account_id="a", amount_minor=101, currency="USD", reference="r"),
        Deposit(account_id="b", amount_minor=100, currency="USD", reference="r"),
        Withdraw(account_id="a", amount_minor=100, currency="USD", reference="r"),
    ],
)
def test_one_key_for_two_commands_is_a_conflict(bank: Bank, store: EventStore, other: Command) -> None:
    bank.handle(DEPOSIT, idempotency_key="k")
    head = store.head_position()
    with pytest.raises(IdempotencyConflict, match="'k' already belongs to a different command"):
        bank.handle(other, idempotency_key="k")
    assert store.head_position() == head


def test_a_refused_command_leaves_its_key_free(bank: Bank) -> None:
    withdraw = Withdraw(account_id="a", amount_minor=100, currency="USD", reference="w")
    with pytest.raises(CommandRejected):
        bank.handle(withdraw, idempotency_key="k")
    bank.handle(DEPOSIT)
    assert not bank.handle(withdraw, idempotency_key="k").repeated


def test_equal_intents_have_equal_digests_and_no_others() -> None:
    """Promise 12: the digest covers every field, so no difference between two commands goes unseen."""
    assert command_digest(Deposit(reference="r", currency="USD", amount_minor=100, account_id="a")) == command_digest(
        DEPOSIT
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    others = {"account_id": "b", "amount_minor": 101, "currency": "EUR", "reference": "s", "valid_at": moment}
    assert set(others) == set(DEPOSIT.__struct_fields__)
    for field, value in others.items():
        assert command_digest(msgspec.structs.replace(DEPOSIT, **{field: value})) != command_digest(DEPOSIT), field


def test_the_digest_is_of_text_that_a_later_release_can_form_again() -> None:
    """It is kept in the store: another text would turn every retry across an upgrade into a conflict."""
    text = b'OpenAccount\n{"account_id":"a","currency":"USD","owner":"Ada"}'
    opening = OpenAccount(account_id="a", owner="Ada", currency="USD")
    assert command_digest(opening) == hashlib.sha256(text).hexdigest()


def test_a_writer_that_lost_a_race_decides_anew_on_what_it_now_sees(bank: Bank, store: EventStore) -> None:
    bank.handle(DEPOSIT)
    bus, seen = CommandBus(store, bank.accounts), []

    def overtaken(command: Withdraw) -> list[BankAccount]:
        account = bank.accounts.load(command.account_id)
        seen.append(account.version)
        account.withdraw(command.amount_minor, command.currency, command.reference)
        if len(seen) < 3:
            bank.handle(Deposit(account_id="a", amount_minor=1, currency="USD", reference="in between"))
        return [account]

    bus.register(Withdraw, overtaken)
    withdraw = Withdraw(account_id="a", amount_minor=100, currency="USD", reference="w")
    reply = bus.handle(withdraw, attempts=3)
    assert seen == [2, 3, 4]
    assert reply.state["balance_minor"] == 2
    assert store.read_stream("BankAccount-a")[-1].metadata_dict()["decided_on_version"] == 4


def test_a_writer_that_lost_every_race_says_so(bank: Bank, store: EventStore) -> None:
    bus = CommandBus(store, bank.accounts)

    def always_overtaken(command: Deposit) -> list[BankAccount]:
        account = bank.accounts.load(command.account_id)
        account.deposit(command.amount_minor, command.currency, command.reference)
        bank.handle(command)
        return [account]

    bus.register(Deposit, always_overtaken)
    with pytest.raises(ConcurrencyError, match="is at version 3, not 2"):
        bus.handle(DEPOSIT, attempts=2)


def test_a_twin_that_wins_while_this_one_decides_answers_for_both(bank: Bank, store: EventStore) -> None:
    opening, bus = OpenAccount(account_id="c", owner="Cy", currency="USD"), CommandBus(store, bank.accounts)

    def outrun(command: OpenAccount) -> list[BankAccount]:
        bank.handle(opening, idempotency_key="k")
        account = bank.accounts.load_or_new(command.account_id)
        account.open(command.owner, command.currency)
        return [account]

    bus.register(OpenAccount, outrun)
    assert bus.handle(opening, idempotency_key="k").repeated
    assert store.stream_version("BankAccount-c") == 1


def test_an_unknown_account_is_not_found(bank: Bank) -> None:
    with pytest.raises(AggregateNotFound, match="there is no BankAccount 'z'"):
        bank.handle(Deposit(account_id="z", amount_minor=100, currency="USD", reference="r"))


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
@pytest.mark.parametrize("field", ["account_id", "reference", "idempotency_key", "actor", "correlation_id"])
def test_text_that_one_of_the_databases_cannot_hold_is_refused_on_both(
    bank: Bank, store: EventStore, field: str, bad: str
) -> None:
    head = store.head_position()
    command = {"account_id": "a", "amount_minor": 1, "currency": "USD", "reference": "r"}
    envelope = {field: bad} if field not in command else {}
    command |= {field: bad} if field in command else {}
    with pytest.raises(CommandRejected, match=f"{field} holds (a NUL|half of a surrogate)"):
        bank.handle(Deposit(**command), **envelope)
    assert store.head_position() == head


@pytest.mark.parametrize("key", ["", " ", 5])
def test_a_key_says_something(bank: Bank, key: str) -> None:
    with pytest.raises(CommandRejected, match="idempotency_key must"):
        bank.handle(DEPOSIT, idempotency_key=key)


def test_an_answer_whose_event_is_gone_sends_to_verify(
    bank: Bank, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.handle(DEPOSIT, idempotency_key="k")
    monkeypatch.setattr(store, "read_stream", lambda stream_id, **bounds: [])
    with pytest.raises(UnusableInput, match="version 2 of 'BankAccount-a', which the store no longer holds"):
        bank.handle(DEPOSIT, idempotency_key="k")


def test_an_aggregate_that_a_handler_left_alone_is_not_written(bank: Bank, store: EventStore) -> None:
    bus = CommandBus(store, bank.accounts)

    def only_the_second(command: Deposit) -> list[BankAccount]:
        untouched, account = bank.accounts.load("b"), bank.accounts.load("a")
        account.deposit(command.amount_minor, command.currency, command.reference)
        return [untouched, account]

    bus.register(Deposit, only_the_second)
    assert bus.handle(DEPOSIT).stream_id == "BankAccount-a"
    assert store.stream_version("BankAccount-b") == 1


def test_wiring_mistakes_are_named(bank: Bank, store: EventStore) -> None:
    bus = CommandBus(store)
    with pytest.raises(LookupError, match="no handler is registered for Deposit"):
        bus.handle(DEPOSIT)
    bus.register(Deposit, lambda command: [bank.accounts.load("a")])
    with pytest.raises(ValueError, match="Deposit has a handler already"):
        bus.register(Deposit, lambda command: [])
    with pytest.raises(ValueError, match="Deposit changed nothing"):
        bus.handle(DEPOSIT)
    with pytest.raises(ValueError, match="attempts must be 1 or more"):
        bank.handle(DEPOSIT, attempts=0)
