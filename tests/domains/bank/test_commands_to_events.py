"""Each command of the bank, and exactly the events it leaves."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from esworkbench.aggregates.snapshots import SnapshotProof
from esworkbench.domains.bank import bank_decoder, commands, events
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import BankCommand
from esworkbench.event_store import EventStore
from esworkbench.events import DomainEvent
from tests.support import SequentialIds, StepClock

THEN = datetime(2025, 12, 24, 18, tzinfo=UTC)
MONEY = {"amount_minor": 40, "currency": "USD", "reference": "r", "valid_at": THEN}
BOOKED = {"amount_minor": 40, "currency": "USD", "reference": "r"}
HOLD = {"withdrawal_id": "w", "amount_minor": 25, "currency": "USD"}
CASE = {"reason": "slip", "operator": "ada", "case_id": "C-1"}


@pytest.fixture
def bank(store_url: str) -> Bank:
    """Account a: 100 available after a hold of 25. Accounts b and c: empty."""
    bank = Bank(
        EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds()), snapshot_every=3, proof=SnapshotProof()
    )
    for account_id in ("a", "b", "c"):
        bank.handle(commands.OpenAccount(account_id=account_id, owner="Ada", currency="USD"))
    bank.handle(commands.Deposit(account_id="a", amount_minor=125, currency="USD", reference="r"))
    bank.handle(commands.RequestWithdrawal(account_id="a", withdrawal_id="w", **{**BOOKED, "amount_minor": 25}))
    return bank


CASES: list[tuple[BankCommand, Sequence[tuple[str, DomainEvent]]]] = [
    (
        commands.OpenAccount(account_id="d", owner="Di", currency="CHF", overdraft_limit_minor=7, valid_at=THEN),
        [("d", events.AccountOpened(account_id="d", owner="Di", currency="CHF", overdraft_limit_minor=7))],
    ),
    (commands.Deposit(account_id="a", **MONEY), [("a", events.MoneyDeposited(**BOOKED))]),
    (commands.Withdraw(account_id="a", **MONEY), [("a", events.MoneyWithdrawn(**BOOKED))]),
    (
        commands.RequestWithdrawal(account_id="a", withdrawal_id="w2", **MONEY),
        [("a", events.WithdrawalRequested(withdrawal_id="w2", **BOOKED))],
    ),
    (
        commands.SettleWithdrawal(account_id="a", withdrawal_id="w", valid_at=THEN),
        [("a", events.WithdrawalSettled(**HOLD))],
    ),
    (
        commands.CancelWithdrawal(account_id="a", withdrawal_id="w", reason="no", valid_at=THEN),
        [("a", events.WithdrawalCancelled(reason="no", **HOLD))],
    ),
    (
        commands.Transfer(transfer_id="t", from_account="a", to_account="b", **MONEY),
        [
            ("a", events.TransferSent(transfer_id="t", to_account="b", **BOOKED)),
            ("b", events.TransferReceived(transfer_id="t", from_account="a", **BOOKED)),
        ],
    ),
    (
        commands.ChargeFee(account_id="a", reason="monthly", **MONEY),
        [("a", events.FeeCharged(reason="monthly", **BOOKED))],
    ),
    (commands.CreditInterest(account_id="a", **MONEY), [("a", events.InterestCredited(**BOOKED))]),
    (
        commands.AdjustBalance(account_id="a", **MONEY, **CASE),
        [("a", events.BalanceAdjusted(**BOOKED, **CASE))],
    ),
    (
        commands.CloseAccount(account_id="c", reason="moved", valid_at=THEN),
        [("c", events.AccountClosed(reason="moved"))],
    ),
]


@pytest.mark.parametrize(("command", "expected"), CASES, ids=[type(command).__name__ for command, _ in CASES])
def test_a_command_leaves_exactly_its_events(
    bank: Bank, command: BankCommand, expected: Sequence[tuple[str, DomainEvent]]
) -> None:
    head = bank.store.head_position()
    bank.handle(command)
    written = list(bank_decoder().decode_all(bank.store.read_all(after=head)))
    assert [(event.recorded.stream_id, event.data) for event in written] == [
        (f"BankAccount-{account_id}", data) for account_id, data in expected
    ]
    assert {event.recorded.valid_at for event in written} == {THEN}
    assert len({event.recorded.metadata_dict()["correlation_id"] for event in written}) == 1


def leaves(command_type: type[BankCommand]) -> set[type[BankCommand]]:
    below = command_type.__subclasses__()
    return set().union(*map(leaves, below)) if below else {command_type}


def test_every_command_and_every_event_is_in_the_table() -> None:
    assert {type(command) for command, _ in CASES} == leaves(BankCommand)
    written = {type(event).__name__ for _, expected in CASES for _, event in expected}
    assert written == set(events.BANK_EVENT_TYPES.names())


def test_the_bank_takes_snapshots_when_asked(bank: Bank) -> None:
    assert bank.accounts.load("a").snapshot_version == 3
    assert Bank(bank.store).accounts.load("a").snapshot_version is None
