"""The exercise ``apply``: one fact changes the account."""

from copy import copy
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.nb03_aggregates.account_events import PointsGranted, PointsRedeemed, opened
from esworkbench.domains.bank import BankAccount
from esworkbench.domains.bank.events import (
    CREDITS,
    DEBITS,
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
from esworkbench.events import DomainEvent

TASK = (
    "Apply one fact to an account. An event of one of the classes in `CREDITS` adds its `amount_minor` to "
    "`balance_minor`, one of those in `DEBITS` takes it away; both are tuples for `isinstance`, and no other event "
    "changes the balance.\n\n"
    "- WithdrawalRequested: `pending`, a dict, keeps its amount under its `withdrawal_id`.\n"
    "- WithdrawalSettled, WithdrawalCancelled: that entry goes, if it is there.\n"
    "- AccountOpened: `opened` becomes True, and the account takes over `owner`, `currency` and "
    "`overdraft_limit_minor`.\n"
    "- AccountClosed: `closed` becomes True.\n\n"
    "A fact of a known class is never refused or passed over, whatever the account is like: not opened or opened "
    "already, closed, overdrawn, in another currency, a past state, without the withdrawal that is settled. "
    "Nothing changes but what is named here, not even at a second AccountOpened. An event of any other class "
    "raises TypeError and changes nothing, whatever fields it has."
)


def apply(account: BankAccount, event: DomainEvent) -> None:
    """One fact changes the account, whatever the account is like: nothing is refused that has happened."""
    match event:
        case AccountOpened():
            account.opened, account.owner, account.currency = True, event.owner, event.currency
            account.overdraft_limit_minor = event.overdraft_limit_minor
        case AccountClosed():
            account.closed = True
        case WithdrawalRequested():
            account.pending[event.withdrawal_id] = event.amount_minor
        case WithdrawalSettled() | WithdrawalCancelled():
            account.pending.pop(event.withdrawal_id, None)
        case _ if not isinstance(event, CREDITS + DEBITS):
            raise TypeError(f"an account doesn't know {type(event).__name__}")
    if isinstance(event, CREDITS + DEBITS):
        account.balance_minor += event.amount_minor if isinstance(event, CREDITS) else -event.amount_minor


def _events_of(kind: type[DomainEvent], **fields: Any) -> st.SearchStrategy[DomainEvent]:
    amounts = {"amount_minor": st.integers(1, 5)} if kind in (*CREDITS, *DEBITS, WithdrawalSettled) else {}
    drawn = {**amounts, **{name: st.sampled_from(value) for name, value in fields.items() if isinstance(value, list)}}
    return st.builds(kind, **{name: st.just(value) for name, value in fields.items()} | drawn)


MONEY: dict[str, Any] = {"currency": "USD", "reference": "r"}
WITHDRAWAL: dict[str, Any] = {"currency": "USD", "withdrawal_id": ["w1", "w2"]}
WITHDRAWALS = st.one_of(
    _events_of(WithdrawalRequested, **WITHDRAWAL, reference="r"),
    _events_of(WithdrawalSettled, **WITHDRAWAL),
    _events_of(WithdrawalCancelled, **WITHDRAWAL, reason="gone home"),
)
BANK_EVENTS = st.one_of(
    _events_of(MoneyDeposited, **MONEY),
    WITHDRAWALS,
    _events_of(
        AccountOpened,
        account_id=["a", "b"],
        owner=["Ada", "Bob"],
        currency=["USD", "CHF"],
        overdraft_limit_minor=[0, 3],
    ),
    _events_of(MoneyWithdrawn, **MONEY),
    _events_of(FeeCharged, **MONEY, reason="paper"),
    _events_of(InterestCredited, **MONEY),
    _events_of(TransferSent, **MONEY, transfer_id="t", to_account="b"),
    _events_of(TransferReceived, **MONEY, transfer_id="t", from_account="b"),
    _events_of(BalanceAdjusted, **MONEY, amount_minor=[2, -2], reason="typo", operator="Eve", case_id="c"),
    _events_of(AccountClosed, reason="moved"),
    _events_of(PointsGranted, points=1),
    st.builds(PointsRedeemed, amount_minor=st.integers(1, 5), withdrawal_id=st.sampled_from(["w1", "w2"])),
)
"""Any event of an account, and two that it doesn't know; nothing says that it fits those before it."""


ONE_OF_EACH: list[DomainEvent] = [
    WithdrawalRequested(amount_minor=1, **MONEY, withdrawal_id="w1"),
    WithdrawalSettled(amount_minor=1, currency="USD", withdrawal_id="w1"),
    WithdrawalCancelled(amount_minor=1, currency="USD", withdrawal_id="w1", reason="gone home"),
    MoneyWithdrawn(amount_minor=1, **MONEY),
    FeeCharged(amount_minor=1, **MONEY, reason="paper"),
    InterestCredited(amount_minor=1, **MONEY),
    TransferSent(amount_minor=1, **MONEY, transfer_id="t", to_account="b"),
    TransferReceived(amount_minor=1, **MONEY, transfer_id="t", from_account="b"),
    BalanceAdjusted(amount_minor=-2, **MONEY, reason="typo", operator="Eve", case_id="c"),
]
"""What may still come after an account is closed."""


def _play_apply(answer: Any, events: list[DomainEvent], read_only: bool = False) -> Any:
    """The account after each event; of what seldom changes only what did."""
    account = BankAccount("a")
    account.read_only = read_only
    new = {name: copy(value) for name, value in vars(account).items()}
    told: list[Any] = []
    for event in events:
        try:
            answer(account, event)
        except TypeError as error:
            told.append(Raised(TypeError, str(error)))
        now = {name: copy(value) for name, value in vars(account).items()}
        changed = {name: value for name, value in now.items() if name not in new or value != new[name]}
        told.append({"after": type(event).__name__, "balance_minor": now["balance_minor"], **changed})
    return told


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _settles_twice(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, WithdrawalSettled):
        account.balance_minor -= event.amount_minor


def _checks_the_funds(account: BankAccount, event: DomainEvent) -> None:
    if isinstance(event, DEBITS) and event.amount_minor > account.balance_minor + account.overdraft_limit_minor:
        raise CommandRejected("there is not enough money in the account")
    BankAccount.apply(account, event)


def _adds_the_fee(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, FeeCharged):
        account.balance_minor += 2 * event.amount_minor


def _counts_in_dollars(account: BankAccount, event: DomainEvent) -> None:
    before = account.balance_minor
    BankAccount.apply(account, event)
    account.balance_minor = before + (account.balance_minor - before) / 100  # type: ignore[assignment]  # the mistake


def _never_resolves(account: BankAccount, event: DomainEvent) -> None:
    pending = dict(account.pending)
    BankAccount.apply(account, event)
    account.pending = {**pending, **account.pending}


def _resolves_all(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, WithdrawalSettled | WithdrawalCancelled):
        account.pending.clear()


def _keeps_what_was_cancelled(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, WithdrawalCancelled):
        account.balance_minor -= event.amount_minor


def _requires_the_withdrawal(account: BankAccount, event: DomainEvent) -> None:
    if isinstance(event, WithdrawalSettled | WithdrawalCancelled):
        account.pending[event.withdrawal_id]
    BankAccount.apply(account, event)


def _checks_the_funds_by_value_error(account: BankAccount, event: DomainEvent) -> None:
    if isinstance(event, MoneyWithdrawn) and event.amount_minor > account.balance_minor:
        raise ValueError("there is not enough money in the account")
    BankAccount.apply(account, event)


def _checks_every_debit(account: BankAccount, event: DomainEvent) -> None:
    if isinstance(event, DEBITS) and event.amount_minor > account.balance_minor:
        raise ValueError("there is not enough money in the account")
    BankAccount.apply(account, event)


def _opens_anew(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, AccountOpened):
        account.balance_minor, account.pending, account.closed = 0, {}, False


def _adds_before_it_asks(account: BankAccount, event: DomainEvent) -> None:
    if hasattr(event, "amount_minor") and not isinstance(event, WithdrawalSettled):
        account.balance_minor += -event.amount_minor if isinstance(event, DEBITS) else event.amount_minor
    balance = account.balance_minor
    BankAccount.apply(account, event)
    account.balance_minor = balance


def _clears_at_the_close(account: BankAccount, event: DomainEvent) -> None:
    BankAccount.apply(account, event)
    if isinstance(event, AccountClosed):
        account.pending.clear()


def _passes_over_the_unknown(account: BankAccount, event: DomainEvent) -> None:
    if not isinstance(event, PointsGranted | PointsRedeemed):
        BankAccount.apply(account, event)


# --- the exercise -----------------------------------------------------------------------------------------------------

APPLY = Exercise(
    name="apply",
    task=TASK,
    stub=(
        "from esworkbench.domains.bank import BankAccount\n"
        "from esworkbench.domains.bank.events import (\n"
        "    CREDITS,\n    DEBITS,\n    AccountClosed,\n    AccountOpened,\n    WithdrawalCancelled,\n"
        "    WithdrawalRequested,\n    WithdrawalSettled,\n)\n"
        "from esworkbench.events import DomainEvent\n\n\n"
        "def my_apply(account: BankAccount, event: DomainEvent) -> None: ..."
    ),
    reference=apply,
    cases=st.tuples(
        st.lists(BANK_EVENTS, min_size=1, max_size=4) | st.lists(WITHDRAWALS, min_size=2, max_size=5),
        st.sampled_from([False, False, False, True]),
    ),
    examples=[
        ([opened("CHF"), MoneyDeposited(amount_minor=1, **MONEY)],),
        ([AccountClosed(reason="moved"), MoneyDeposited(amount_minor=1, **MONEY)],),
        ([MoneyWithdrawn(amount_minor=1, **MONEY)],),
        ([FeeCharged(amount_minor=1, **MONEY, reason="paper")],),
        ([WithdrawalRequested(amount_minor=1, currency="USD", withdrawal_id="w1", reference="r"), opened()],),
        ([AccountClosed(reason="moved"), opened()],),
        (
            [
                WithdrawalRequested(amount_minor=1, currency="USD", withdrawal_id="w1", reference="r"),
                AccountClosed(reason="moved"),
            ],
        ),
        ([PointsRedeemed(amount_minor=1)],),
        (
            [
                WithdrawalRequested(amount_minor=1, currency="USD", withdrawal_id="w1", reference="r"),
                PointsRedeemed(amount_minor=1, withdrawal_id="w1"),
            ],
        ),
        ([opened("USD", 3), AccountOpened(account_id="b", owner="Bob", currency="CHF", overdraft_limit_minor=0)],),
        ([opened(), AccountClosed(reason="moved")],),
        ([opened()], True),
        *(([AccountClosed(reason="moved"), event],) for event in ONE_OF_EACH),
    ],
    play=_play_apply,
    hints=(
        "The balance by CREDITS and DEBITS, and one `match` for the rest. No known event may be refused.",
        "A request has taken the money already: what is left for the settlement to do? The last case of the `match`, "
        "`case _`, raises unless the event is of CREDITS or DEBITS.",
    ),
    mistakes={
        "double apply": Mistake(
            _settles_twice, "a settlement takes money that the request has taken already: it is applied twice"
        ),
        "a rule in the handler": Mistake(
            _checks_the_funds, "it refuses what has happened: the rule belongs in the command, which can still say no"
        ),
        "a rule on withdrawals": Mistake(
            _checks_the_funds_by_value_error,
            "it refuses a withdrawal that has happened: a fact is never refused, so the rule belongs in the command",
        ),
        "a rule on every debit": Mistake(
            _checks_every_debit,
            "it refuses what has taken more than is there: a fact is never refused, and the rule belongs in the "
            "command",
        ),
        "an unknown withdrawal": Mistake(
            _requires_the_withdrawal,
            "it raises where the withdrawal isn't in `pending`: a fact is never refused, so let the entry go if it is "
            "there: `pending.pop(event.withdrawal_id, None)`",
        ),
        "opened anew": Mistake(
            _opens_anew, "AccountOpened sets more than it says: balance, holds and `closed` come from other events"
        ),
        "changed before refused": Mistake(
            _adds_before_it_asks,
            "an event it doesn't know has changed the balance by the time it raises TypeError: having an "
            "`amount_minor` makes it no credit",
        ),
        "cleared at the close": Mistake(
            _clears_at_the_close,
            "AccountClosed empties `pending`, but what is still open is settled or cancelled later",
        ),
        "wrong sign": Mistake(_adds_the_fee, "a fee is added to the balance, but it takes money away"),
        "float money": Mistake(
            _counts_in_dollars, "it counts in dollars: the balance is a whole number of minor units, as the events say"
        ),
        "never resolved": Mistake(
            _never_resolves, "a withdrawal that was settled or cancelled stays in `pending`, as if it were still open"
        ),
        "all resolved": Mistake(
            _resolves_all, "one withdrawal is settled or cancelled and all leave `pending`: the others are still open"
        ),
        "not given back": Mistake(
            _keeps_what_was_cancelled,
            "the money of a cancelled withdrawal doesn't come back into the balance: the event says how much it is, "
            "also where `pending` doesn't know of it",
        ),
        "silent on unknown events": Mistake(
            _passes_over_the_unknown,
            "an event it doesn't know is passed over in silence: who knows what it was to change, so raise TypeError",
        ),
    },
)
