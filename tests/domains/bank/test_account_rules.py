"""The bank's rules live in its commands: what they refuse leaves no event, what is a fact always loads."""

from collections.abc import Callable

import pytest

from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.events import (
    AccountClosed,
    AccountOpened,
    BalanceAdjusted,
    FeeCharged,
    InterestCredited,
    MoneyDeposited,
    MoneyWithdrawn,
    TransferReceived,
    TransferSent,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.errors import CommandRejected
from esworkbench.events import MAX_AMOUNT_MINOR, DomainEvent

Move = Callable[[BankAccount, object, str, str], None]

MOVES: dict[str, Move] = {
    "deposit": lambda account, amount, currency, reference: account.deposit(amount, currency, reference),
    "withdraw": lambda account, amount, currency, reference: account.withdraw(amount, currency, reference),
    "request": lambda account, amount, currency, reference: account.request_withdrawal(
        "w", amount, currency, reference
    ),
    "send": lambda account, amount, currency, reference: account.send_transfer("t", "b", amount, currency, reference),
    "receive": lambda account, amount, currency, reference: account.receive_transfer(
        "t", "b", amount, currency, reference
    ),
    "fee": lambda account, amount, currency, reference: account.charge_fee(amount, currency, reference, "monthly"),
    "interest": lambda account, amount, currency, reference: account.credit_interest(amount, currency, reference),
    "adjust": lambda account, amount, currency, reference: account.adjust(
        amount, currency, reason="slip", operator="ada", case_id="C-1", reference=reference
    ),
}
every_move = pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())


def account_with(balance_minor: int = 1000, overdraft_limit_minor: int = 0) -> BankAccount:
    account = BankAccount("a")
    account.open("Ada", "USD", overdraft_limit_minor)
    if balance_minor:
        account.deposit(balance_minor, "USD", "first")
    account.mark_saved()
    return account


def refused(account: BankAccount, command: Callable[[], None], because: str) -> None:
    before = (account.state(), account.version)
    with pytest.raises(CommandRejected, match=because) as caught:
        command()
    assert (account.state(), account.version, account.uncommitted) == (*before, [])
    assert "\n" not in str(caught.value)


@every_move
@pytest.mark.parametrize(
    "amount", [0.5, 10.0, float("nan"), float("inf"), True, "10", None, 2**53, -(2**53), 10**40, 0]
)
def test_an_amount_is_a_whole_number_of_minor_units_that_every_reader_keeps_exact(move: Move, amount: object) -> None:
    account = account_with()
    refused(account, lambda: move(account, amount, "USD", "r"), "amount_minor|adjusts nothing")


@every_move
def test_a_negative_amount_is_refused_everywhere_but_in_an_adjustment(move: Move) -> None:
    account = account_with()
    if move is MOVES["adjust"]:
        move(account, -10, "USD", "r")
        assert account.balance_minor == 990
    else:
        refused(account, lambda: move(account, -10, "USD", "r"), "amount_minor must be above 0, not -10")


@every_move
def test_another_currency_is_refused(move: Move) -> None:
    account = account_with()
    refused(account, lambda: move(account, 10, "EUR", "r"), "account a is in USD, the command is in EUR")


@every_move
@pytest.mark.parametrize("currency", ["usd", "", "US", "DOLLAR", "U$D", "ÄÖÜ", None, 3])
def test_a_currency_is_three_capital_letters(move: Move, currency: str) -> None:
    account = account_with()
    refused(account, lambda: move(account, 10, currency, "r"), "currency must be three capital letters")


@every_move
@pytest.mark.parametrize("reference", ["", "  ", "a\0b", "\ud800", None, 7])
def test_a_reference_says_something_that_can_be_stored(move: Move, reference: str) -> None:
    account = account_with()
    refused(account, lambda: move(account, 10, "USD", reference), "reference")


@every_move
def test_nothing_moves_on_an_account_never_opened(move: Move) -> None:
    account = BankAccount("a")
    refused(account, lambda: move(account, 10, "USD", "r"), "account a was never opened")


@every_move
def test_nothing_moves_on_a_closed_account(move: Move) -> None:
    account = account_with(0)
    account.close("moved abroad")
    account.mark_saved()
    refused(account, lambda: move(account, 10, "USD", "r"), "account a is closed")


@pytest.mark.parametrize("name", ["withdraw", "request", "send"])
def test_the_owner_may_use_the_overdraft_limit_and_no_cent_more(name: str) -> None:
    account = account_with(1000, overdraft_limit_minor=500)
    refused(account, lambda: MOVES[name](account, 1501, "USD", "r"), "has 1500 USD in minor units at its disposal")
    MOVES[name](account, 1500, "USD", "r")
    assert account.balance_minor == -500


@pytest.mark.parametrize(("name", "amount"), [("fee", 700), ("adjust", -700)])
def test_the_bank_itself_may_go_beyond_the_limit(name: str, amount: int) -> None:
    account = account_with(100)
    MOVES[name](account, amount, "USD", "r")
    assert account.balance_minor == -600


@pytest.mark.parametrize("name", ["deposit", "receive", "interest", "adjust"])
def test_a_balance_never_grows_past_what_every_reader_keeps_exact(name: str) -> None:
    account = account_with(MAX_AMOUNT_MINOR)
    refused(account, lambda: MOVES[name](account, 1, "USD", "r"), "would go beyond")


def test_nor_does_a_debt() -> None:
    account = account_with(0)
    account.adjust(-MAX_AMOUNT_MINOR, "USD", reason="slip", operator="ada", case_id="C-1", reference="r")
    account.mark_saved()
    refused(account, lambda: account.charge_fee(1, "USD", "r", "monthly"), "would go beyond")


def test_a_requested_withdrawal_is_gone_at_once_and_settling_it_takes_nothing_more() -> None:
    account = account_with(1000)
    account.request_withdrawal("w1", 300, "USD", "r")
    assert (account.balance_minor, account.pending) == (700, {"w1": 300})
    account.settle_withdrawal("w1")
    assert (account.balance_minor, account.pending) == (700, {})
    assert account.uncommitted[-1].event == WithdrawalSettled(withdrawal_id="w1", amount_minor=300, currency="USD")


def test_a_cancelled_withdrawal_comes_back() -> None:
    account = account_with(1000)
    account.request_withdrawal("w1", 300, "USD", "r")
    account.cancel_withdrawal("w1", "wrong payee")
    assert (account.balance_minor, account.pending) == (1000, {})


def test_only_a_pending_withdrawal_is_settled_or_cancelled_and_only_once() -> None:
    account = account_with(1000)
    account.request_withdrawal("w1", 300, "USD", "r")
    account.settle_withdrawal("w1")
    account.mark_saved()
    refused(account, lambda: account.settle_withdrawal("w1"), "no pending withdrawal w1")
    refused(account, lambda: account.cancel_withdrawal("w1", "late"), "no pending withdrawal w1")


def test_a_withdrawal_id_is_pending_once() -> None:
    account = account_with(1000)
    account.request_withdrawal("w1", 300, "USD", "r")
    account.mark_saved()
    refused(account, lambda: account.request_withdrawal("w1", 5, "USD", "r"), "w1 of account a is pending already")


@pytest.mark.parametrize("missing", ["reason", "operator", "case_id", "reference"])
def test_an_adjustment_names_who_why_and_for_which_case(missing: str) -> None:
    account = account_with()
    names = {"reason": "slip", "operator": "ada", "case_id": "C-1", "reference": "r", missing: " "}
    refused(account, lambda: account.adjust(10, "USD", **names), f"{missing} must not be empty")


def test_an_account_closes_empty_and_with_nothing_pending() -> None:
    account = account_with(1000)
    refused(account, lambda: account.close("done"), "holds 1000 USD in minor units: only an empty one can close")
    account.request_withdrawal("w1", 1000, "USD", "r")
    account.mark_saved()
    refused(account, lambda: account.close("done"), r"has 1 withdrawal\(s\) pending")
    account.settle_withdrawal("w1")
    account.close("done")
    account.mark_saved()
    refused(account, lambda: account.close("again"), "account a is closed")


def test_an_account_opens_once() -> None:
    account = account_with()
    refused(account, lambda: account.open("Eve", "USD"), "account a is open already")


@pytest.mark.parametrize("limit", [-1, 1.5, True, 2**53])
def test_an_overdraft_limit_is_a_whole_number_of_minor_units(limit: int) -> None:
    account = BankAccount("a")
    refused(account, lambda: account.open("Ada", "USD", limit), "overdraft_limit_minor")


def test_no_transfer_to_itself() -> None:
    account = account_with()
    refused(account, lambda: account.send_transfer("t", "a", 10, "USD", "r"), "can't transfer to itself")


BROKEN_RULES: list[DomainEvent] = [
    MoneyWithdrawn(amount_minor=999_999, currency="EUR", reference=""),
    WithdrawalSettled(withdrawal_id="never asked", amount_minor=5, currency="USD"),
    WithdrawalCancelled(withdrawal_id="never asked", amount_minor=5, currency="USD", reason=""),
    AccountClosed(reason=""),
    MoneyDeposited(amount_minor=-5, currency="USD", reference=""),
    AccountOpened(account_id="a", owner="twice", currency="USD"),
    FeeCharged(amount_minor=0, currency="USD", reference="", reason=""),
    InterestCredited(amount_minor=1, currency="USD", reference=""),
    BalanceAdjusted(amount_minor=0, currency="USD", reason="", operator="", case_id="", reference=""),
    TransferSent(transfer_id="", to_account="a", amount_minor=1, currency="USD", reference=""),
    TransferReceived(transfer_id="", from_account="a", amount_minor=1, currency="USD", reference=""),
    WithdrawalRequested(withdrawal_id="", amount_minor=1, currency="USD", reference=""),
]


@pytest.mark.parametrize("event", BROKEN_RULES, ids=lambda event: type(event).__name__)
def test_a_fact_loads_whatever_rule_it_would_break_today(event: DomainEvent) -> None:
    never_opened, closed = BankAccount("a"), account_with()
    closed.replay(AccountClosed(reason="moved away"))
    for account in (never_opened, account_with(), closed):
        before = account.version
        account.replay(event)
        assert account.version == before + 1


def test_the_state_restored_is_the_state() -> None:
    account = account_with(1000, overdraft_limit_minor=50)
    account.request_withdrawal("w1", 300, "USD", "r")
    other = BankAccount("a")
    other.restore(account.state())
    assert other.state() == account.state()
    other.settle_withdrawal("w1")
    assert account.pending == {"w1": 300}, "the two share their pending withdrawals"
