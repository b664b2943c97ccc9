"""The exercise ``withdraw_with_minimum``: a new rule, in the command."""

from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.nb03_aggregates.account_events import opened
from esworkbench.domains.bank import BankAccount
from esworkbench.domains.bank.events import MoneyDeposited, MoneyWithdrawn, WithdrawalRequested
from esworkbench.errors import CommandRejected

TASK = (
    "A command with a new rule. If less than `minimum_minor` would be left in the open `account`, raise "
    "CommandRejected and change nothing; exactly the minimum may be left. Otherwise record one MoneyWithdrawn with "
    "`account.record(event)`, in the account's own `currency`, under a `reference` of your choice. `amount_minor` "
    "is above 0, `minimum_minor` is 0 or more, and the account has no overdraft. What is on hold (`pending`) has "
    "left `balance_minor` already."
)


def withdraw_with_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    """A new rule, in the command: what is left must be at least the minimum. Old events never meet it."""
    if account.balance_minor - amount_minor < minimum_minor:
        raise CommandRejected(f"{minimum_minor} must be left in the account")
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


def _play_withdraw(
    answer: Any, balance_minor: int, currency: str, amount_minor: int, minimum_minor: int, on_hold: int = 0
) -> Any:
    """What it is refused with, and the account with its new events; any ``reference`` is right."""
    account = BankAccount("a")
    account.replay(opened(currency))
    account.replay(MoneyDeposited(amount_minor=balance_minor + on_hold, currency=currency, reference="r"))
    if on_hold:
        account.replay(WithdrawalRequested(amount_minor=on_hold, currency=currency, withdrawal_id="w1", reference="r"))
    before = account.state()
    raised = None
    try:
        answer(account, amount_minor, minimum_minor)
    except CommandRejected as error:
        raised = Raised(CommandRejected, str(error))
    recorded = [
        (type(event).__name__, getattr(event, "amount_minor", None), getattr(event, "currency", None), valid_at)
        for event, valid_at in account.uncommitted
    ]
    told = {"raised": raised, "balance_minor": account.balance_minor, "version": account.version, "recorded": recorded}
    others = {name: value for name, value in account.state().items() if name != "balance_minor"}
    return told | {name: value for name, value in others.items() if name not in before or value != before[name]}


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _refuses_the_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor + 1)


def _records_first(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))
    if account.balance_minor < minimum_minor:
        raise CommandRejected("too much")


def _changes_state_too(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor)
    account.balance_minor -= amount_minor


def _only_changes_state(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if account.balance_minor - amount_minor < minimum_minor:
        raise CommandRejected("too much")
    account.balance_minor -= amount_minor


def _asks_what_is_there(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if account.balance_minor < minimum_minor:
        raise CommandRejected("too little is left")
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


def _forgets_the_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, 0)


def _counts_whole_dollars(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    if (account.balance_minor - amount_minor) // 100 < minimum_minor // 100:
        raise CommandRejected("too little is left")
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


def _always_dollars(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    currency, account.currency = account.currency, "USD"
    try:
        withdraw_with_minimum(account, amount_minor, minimum_minor)
    finally:
        account.currency = currency


def _takes_holds_off_again(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor + sum(account.pending.values()))


# --- the exercise -----------------------------------------------------------------------------------------------------

WITHDRAW_WITH_MINIMUM = Exercise(
    name="withdraw_with_minimum",
    task=TASK,
    stub=(
        "from esworkbench.domains.bank import BankAccount, MoneyWithdrawn\n"
        "from esworkbench.errors import CommandRejected\n\n\n"
        "def my_withdraw_with_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None: ..."
    ),
    reference=withdraw_with_minimum,
    cases=st.tuples(
        st.integers(0, 8) | st.integers(100, 400),
        st.sampled_from(["USD", "CHF"]),
        st.integers(1, 6) | st.integers(100, 200),
        st.integers(0, 4) | st.integers(100, 200),
        st.sampled_from([0, 0, 1, 3]),
    ),
    examples=[
        (7, "USD", 6, 0, 3),
        (3, "USD", 1, 2),
        (6, "USD", 2, 4),
        (5, "USD", 5, 0),
        (250, "USD", 100, 200),
        (250, "USD", 100, 149),
    ],
    play=_play_withdraw,
    hints=(
        "Two steps: decide, then record. Neither changes the balance by hand.",
        "Leaving exactly the minimum is allowed, so refuse with `<`. `record` applies the event.",
    ),
    mistakes={
        "off by one": Mistake(
            _refuses_the_minimum, "it refuses to leave exactly the minimum, which is allowed: look at the comparison"
        ),
        "wrong order": Mistake(
            _records_first, "it refuses, but the event is recorded by then: decide first, then record"
        ),
        "double apply": Mistake(
            _changes_state_too,
            "the amount is taken off twice: `record` applies the event, so the command itself doesn't",
        ),
        "no event": Mistake(
            _only_changes_state, "the balance changes and no event says so: without the event nothing happened"
        ),
        "holds taken off again": Mistake(
            _takes_holds_off_again, "it takes off what is on hold, but each request has taken its money already"
        ),
        "too late": Mistake(
            _asks_what_is_there, "it compares the minimum with what is there, not with what would be left"
        ),
        "no minimum": Mistake(
            _forgets_the_minimum, "it only asks whether there is enough money: the minimum must stay in the account"
        ),
        "whole dollars": Mistake(
            _counts_whole_dollars, "it compares whole dollars, which leave up to 99 cents out: compare minor units"
        ),
        "always dollars": Mistake(
            _always_dollars, "the withdrawal is in dollars, whatever the account is in: take `account.currency`"
        ),
    },
)
