"""The exercises of notebook 03: deciding and applying, on an account; undoing and rebasing, in a document."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from esworkbench.aggregates.aggregate import Aggregate, Uncommitted
from esworkbench.aggregates.repository import Repository
from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import reply
from esworkbench.course.store_in_memory import StoreInMemory
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
from esworkbench.domains.document import (
    Document,
    Edit,
    LineInserted,
    LineRemoved,
    LineRestored,
    LineRewritten,
    document_decoder,
    inverse,
)
from esworkbench.errors import CommandRejected, ConcurrencyError, ReadOnlyAggregate, StoreBusy
from esworkbench.event_store import ANY_VERSION, Idempotency, StreamAppend
from esworkbench.event_store.store import AppendResult
from esworkbench.events import DomainEvent

# --- apply ------------------------------------------------------------------------------------------------------------


class PointsGranted(DomainEvent, frozen=True, kw_only=True):
    """An event that no account knows."""

    points: int


class PointsRedeemed(DomainEvent, frozen=True, kw_only=True):
    """Another one, with an amount."""

    amount_minor: int


def _opened(currency: str = "USD", overdraft_limit_minor: int = 0) -> AccountOpened:
    return AccountOpened(account_id="a", owner="Ada", currency=currency, overdraft_limit_minor=overdraft_limit_minor)


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
    _events_of(AccountOpened, account_id="a", owner="Ada", currency=["USD", "CHF"], overdraft_limit_minor=[0, 3]),
    _events_of(MoneyWithdrawn, **MONEY),
    _events_of(FeeCharged, **MONEY, reason="paper"),
    _events_of(InterestCredited, **MONEY),
    _events_of(TransferSent, **MONEY, transfer_id="t", to_account="b"),
    _events_of(TransferReceived, **MONEY, transfer_id="t", from_account="b"),
    _events_of(BalanceAdjusted, **MONEY, amount_minor=[2, -2], reason="typo", operator="Eve", case_id="c"),
    _events_of(AccountClosed, reason="moved"),
    _events_of(PointsGranted, points=1),
    st.builds(PointsRedeemed, amount_minor=st.integers(1, 5)),
)
"""Any event of an account, and two that it doesn't know; nothing says that it fits those before it."""


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


def _play_apply(answer: Any, events: list[DomainEvent]) -> Any:
    """The account after each event; of what seldom changes only what did."""
    account, new = BankAccount("a"), BankAccount("a").state()
    told: list[Any] = []
    for event in events:
        try:
            answer(account, event)
        except TypeError as error:
            told.append(Raised(TypeError, str(error)))
        now = {name: copy(getattr(account, name)) for name in new}
        changed = {name: value for name, value in now.items() if value != new[name]}
        told.append({"after": type(event).__name__, "balance_minor": now["balance_minor"], **changed})
    return told


APPLY = Exercise(
    name="apply",
    task=(
        "Apply one fact to an account. An event of one of the classes in `CREDITS` adds its `amount_minor` to "
        "`balance_minor`, one of those in `DEBITS` takes it away; both are tuples for `isinstance`, and no other event "
        "changes the balance.\n\n"
        "- WithdrawalRequested: `pending`, a dict, keeps its amount under its `withdrawal_id`.\n"
        "- WithdrawalSettled, WithdrawalCancelled: that entry goes, if it is there.\n"
        "- AccountOpened: `opened` becomes True, and the account takes over `owner`, `currency` and "
        "`overdraft_limit_minor`.\n"
        "- AccountClosed: `closed` becomes True.\n\n"
        "A fact of a known class is never refused or passed over, whatever the account is like: not opened, closed, "
        "overdrawn, in another currency, without the withdrawal that is settled. Nothing changes but what is named "
        "here, not "
        "even at a second AccountOpened. An event of any other class raises TypeError and changes nothing, whatever "
        "fields it has."
    ),
    stub=(
        "from esworkbench.domains.bank import BankAccount\n"
        "from esworkbench.domains.bank.events import (\n"
        "    CREDITS,\n    DEBITS,\n    AccountClosed,\n    AccountOpened,\n    WithdrawalCancelled,\n"
        "    WithdrawalRequested,\n    WithdrawalSettled,\n)\n"
        "from esworkbench.events import DomainEvent\n\n\n"
        "def my_apply(account: BankAccount, event: DomainEvent) -> None: ..."
    ),
    reference=apply,
    cases=st.tuples(st.lists(BANK_EVENTS, min_size=1, max_size=4) | st.lists(WITHDRAWALS, min_size=2, max_size=5)),
    examples=[
        ([_opened("CHF"), MoneyDeposited(amount_minor=1, **MONEY)],),
        ([AccountClosed(reason="moved"), MoneyDeposited(amount_minor=1, **MONEY)],),
        ([MoneyWithdrawn(amount_minor=1, **MONEY)],),
        ([FeeCharged(amount_minor=1, **MONEY, reason="paper")],),
        ([WithdrawalRequested(amount_minor=1, currency="USD", withdrawal_id="w1", reference="r"), _opened()],),
        ([AccountClosed(reason="moved"), _opened()],),
        (
            [
                WithdrawalRequested(amount_minor=1, currency="USD", withdrawal_id="w1", reference="r"),
                AccountClosed(reason="moved"),
            ],
        ),
        ([PointsRedeemed(amount_minor=1)],),
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
            _keeps_what_was_cancelled, "the money of a cancelled withdrawal doesn't come back into the balance"
        ),
        "silent on unknown events": Mistake(
            _passes_over_the_unknown,
            "an event it doesn't know is passed over in silence: who knows what it was to change, so raise TypeError",
        ),
    },
)

# --- record -----------------------------------------------------------------------------------------------------------

NOON = datetime(2024, 10, 15, 12, 0)  # noqa: DTZ001 - where it says no zone it is to be refused


class Moment(datetime):
    """A moment of some library, as pandas has one."""


NOON_OF_A_LIBRARY = Moment(2024, 10, 15, 12, tzinfo=UTC)
WHEN = (
    None,
    NOON.replace(tzinfo=UTC),
    NOON.replace(tzinfo=ZoneInfo("Europe/Zurich")),
    NOON_OF_A_LIBRARY,
    NOON,
    "",
    0,
    "2024-10-15",
)
"""What may be handed in as ``valid_at``; the last four name no moment."""


class Decision(NamedTuple):
    """One call of ``record``, and whether the account was loaded as of a past moment."""

    event: DomainEvent
    valid_at: Any = None
    read_only: bool = False


def _unchecked(account: Aggregate, event: DomainEvent, valid_at: datetime | None) -> None:
    account.replay(event)
    account.uncommitted.append(Uncommitted(event, valid_at))


def _keeps_only(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    version = account.version
    before = account.state()
    Aggregate.record(account, event, valid_at=valid_at)
    account.restore(before)
    account.version = version + 1


def _does_not_count(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(account, event, valid_at=valid_at)
    account.version -= 1


def _applies_twice(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(account, event, valid_at=valid_at)
    account.apply(event)


def _decides_in_the_past(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    read_only, account.read_only = account.read_only, False
    try:
        Aggregate.record(account, event, valid_at=valid_at)
    finally:
        account.read_only = read_only


def _takes_naive_moments(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if account.read_only:
        raise ReadOnlyAggregate("a past state is for looking at")
    _unchecked(account, event, valid_at)


def _refuses_naive_moments_alone(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if account.read_only:
        raise ReadOnlyAggregate("a past state is for looking at")
    if valid_at is not None and valid_at.utcoffset() is None:
        raise CommandRejected("15:00 where?")
    _unchecked(account, event, valid_at)


def _checks_nothing(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    _unchecked(account, event, valid_at)


def _refuses_afterwards(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    account.replay(event)
    if account.read_only:
        raise ReadOnlyAggregate("a past state is for looking at")
    if valid_at is not None and (not isinstance(valid_at, datetime) or valid_at.utcoffset() is None):
        raise CommandRejected("15:00 where?")
    account.uncommitted.append(Uncommitted(event, valid_at))


def _asks_only_what_counts_as_true(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    Aggregate.record(account, event, valid_at=valid_at or None)
    account.uncommitted[-1] = Uncommitted(event, valid_at)


def _takes_no_subclass(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    if not account.read_only and valid_at is not None and type(valid_at) is not datetime:
        raise CommandRejected("no moment")
    Aggregate.record(account, event, valid_at=valid_at)


def _keeps_first(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    try:
        Aggregate.record(account, event, valid_at=valid_at)
    except TypeError:
        account.uncommitted.append(Uncommitted(event, valid_at))
        raise


def _raises_value_error(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    try:
        Aggregate.record(account, event, valid_at=valid_at)
    except CommandRejected as error:
        raise ValueError(str(error)) from None


def _forgets_when(account: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None:
    before = len(account.uncommitted)
    Aggregate.record(account, event, valid_at=valid_at)
    account.uncommitted[before:] = [Uncommitted(event, None)]


def _play_record(answer: Any, decisions: list[Decision]) -> Any:
    """After each decision: the error it met, if any, the state, the version, and what is to be saved."""
    account = BankAccount("a")
    told = []
    for event, valid_at, read_only in decisions:
        account.read_only = read_only
        raised = None
        try:
            answer(account, event, valid_at=valid_at)
        except (ReadOnlyAggregate, CommandRejected, ValueError, TypeError) as error:
            raised = Raised(type(error), str(error))
        told.append(
            {
                "raised": raised,
                "opened": account.opened,
                "balance_minor": account.balance_minor,
                "version": account.version,
                "uncommitted": [(type(each.event).__name__, each.valid_at) for each in account.uncommitted],
            }
        )
    return told


def _given_record(decisions: list[Decision]) -> str:
    return "; ".join(
        f"{type(event).__name__}, valid_at {valid_at}" + (", on a past state" if read_only else "")
        for event, valid_at, read_only in decisions
    )


RECORD = Exercise(
    name="record",
    task=(
        "The one path of every decision. If the aggregate is a past state (`self.read_only` is True), raise "
        "ReadOnlyAggregate. Then, if `valid_at` is given (not None) and is no `datetime` with an offset from UTC (a "
        "naive "
        "one, a text, even an empty one), raise CommandRejected; a subclass of `datetime` will do. Otherwise apply "
        "the event as a replay would (`self.replay(event)` applies it "
        "and counts the version), and then append `Uncommitted(event, valid_at)` to the list `self.uncommitted`. An "
        "error leaves everything as it was: what `replay` raises goes to the caller, too, and nothing is kept then."
    ),
    stub=(
        "from datetime import datetime\n\n"
        "from esworkbench.aggregates.aggregate import Aggregate, Uncommitted\n"
        "from esworkbench.errors import CommandRejected, ReadOnlyAggregate\n"
        "from esworkbench.events import DomainEvent\n\n\n"
        "def my_record(self: Aggregate, event: DomainEvent, *, valid_at: datetime | None = None) -> None: ..."
    ),
    reference=Aggregate.record,
    cases=st.tuples(
        st.lists(
            st.builds(
                Decision,
                st.sampled_from(
                    [_opened(), MoneyDeposited(amount_minor=5, currency="USD", reference="r"), PointsGranted(points=1)]
                ),
                st.sampled_from([None, *WHEN]),
                st.sampled_from([False, False, True]),
            ),
            min_size=1,
            max_size=3,
        )
    ),
    examples=[
        ([Decision(_opened(), NOON)],),
        ([Decision(_opened(), WHEN[-1])],),
        ([Decision(_opened(), "")],),
        ([Decision(_opened(), NOON_OF_A_LIBRARY)],),
    ],
    play=_play_record,
    given=_given_record,
    hints=(
        "Two refusals, then `self.replay(event)`, which applies and counts, then the list.",
        "ReadOnlyAggregate, then CommandRejected, then `replay`, then `self.uncommitted.append(...)`. Ask "
        "`isinstance(valid_at, datetime)` before `valid_at.utcoffset() is None`.",
    ),
    mistakes={
        "not applied": Mistake(
            _keeps_only, "the event is kept and not applied: the account doesn't know what it has just decided"
        ),
        "off by one version": Mistake(
            _does_not_count, "the version isn't counted: `replay` applies and counts, `apply` alone doesn't"
        ),
        "double apply": Mistake(_applies_twice, "the event is applied more than once: `replay` applies it already"),
        "decides in the past": Mistake(
            _decides_in_the_past, "it decides on a past state: look at `read_only` before anything else"
        ),
        "naive time zone": Mistake(
            _takes_naive_moments,
            "it takes a `valid_at` that is no moment: 12:00 without an offset from UTC may be anywhere",
        ),
        "a text as moment": Mistake(
            _refuses_naive_moments_alone,
            "it refuses a naive `datetime`, but not what is no `datetime` at all: that, too, is CommandRejected",
        ),
        "what counts as false": Mistake(
            _asks_only_what_counts_as_true,
            "an empty text gets through: `if valid_at` is false for it as for None, so ask `is not None`",
        ),
        "no subclass": Mistake(
            _takes_no_subclass,
            "it refuses a subclass of `datetime`, such as a library's own: ask `isinstance`, not `type(…) is`",
        ),
        "no refusal": Mistake(
            _checks_nothing, "it refuses nothing, neither a past state nor a `valid_at` of no moment"
        ),
        "wrong order": Mistake(
            _refuses_afterwards, "it refuses when the event is applied already: check first, then apply"
        ),
        "kept before applied": Mistake(
            _keeps_first, "an event that can't be applied is kept all the same: apply first, then append"
        ),
        "another error": Mistake(
            _raises_value_error, "a `valid_at` of no moment is refused with CommandRejected, not with ValueError"
        ),
        "when is forgotten": Mistake(
            _forgets_when, "`valid_at` is checked and then forgotten: keep it beside its event"
        ),
    },
)

# --- withdraw_with_minimum --------------------------------------------------------------------------------------------


def withdraw_with_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    """A new rule, in the command: what is left must be at least the minimum. Old events never meet it."""
    if account.balance_minor - amount_minor < minimum_minor:
        raise CommandRejected(f"{minimum_minor} must be left in the account")
    account.record(MoneyWithdrawn(amount_minor=amount_minor, currency=account.currency, reference="ATM"))


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


def _always_dollars(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    currency, account.currency = account.currency, "USD"
    try:
        withdraw_with_minimum(account, amount_minor, minimum_minor)
    finally:
        account.currency = currency


def _takes_holds_off_again(account: BankAccount, amount_minor: int, minimum_minor: int) -> None:
    withdraw_with_minimum(account, amount_minor, minimum_minor + sum(account.pending.values()))


def _play_withdraw(
    answer: Any, balance_minor: int, currency: str, amount_minor: int, minimum_minor: int, on_hold: int = 0
) -> Any:
    """What it is refused with, and the account with its new events; any ``reference`` is right."""
    account = BankAccount("a")
    account.replay(_opened(currency))
    account.replay(MoneyDeposited(amount_minor=balance_minor + on_hold, currency=currency, reference="r"))
    if on_hold:
        account.replay(WithdrawalRequested(amount_minor=on_hold, currency=currency, withdrawal_id="w1", reference="r"))
    raised = None
    try:
        answer(account, amount_minor, minimum_minor)
    except CommandRejected as error:
        raised = Raised(CommandRejected, str(error))
    recorded = [
        (type(event).__name__, getattr(event, "amount_minor", None), getattr(event, "currency", None), valid_at)
        for event, valid_at in account.uncommitted
    ]
    return {"raised": raised, "balance_minor": account.balance_minor, "version": account.version, "recorded": recorded}


WITHDRAW_WITH_MINIMUM = Exercise(
    name="withdraw_with_minimum",
    task=(
        "A command with a new rule. If less than `minimum_minor` would be left in the open `account`, raise "
        "CommandRejected and change nothing; exactly the minimum may be left. Otherwise record one MoneyWithdrawn with "
        "`account.record(event)`, in the account's own `currency`, under a `reference` of your choice. `amount_minor` "
        "is above 0, `minimum_minor` is 0 or more, and the account has no overdraft. What is on hold (`pending`) has "
        "left `balance_minor` already."
    ),
    stub=(
        "from esworkbench.domains.bank import BankAccount, MoneyWithdrawn\n"
        "from esworkbench.errors import CommandRejected\n\n\n"
        "def my_withdraw_with_minimum(account: BankAccount, amount_minor: int, minimum_minor: int) -> None: ..."
    ),
    reference=withdraw_with_minimum,
    cases=st.tuples(
        st.integers(0, 8),
        st.sampled_from(["USD", "CHF"]),
        st.integers(1, 6),
        st.integers(0, 4),
        st.sampled_from([0, 0, 1, 3]),
    ),
    examples=[(7, "USD", 6, 0, 3)],
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
        "always dollars": Mistake(
            _always_dollars, "the withdrawal is in dollars, whatever the account is in: take `account.currency`"
        ),
    },
)

# --- inverse ----------------------------------------------------------------------------------------------------------


class LineMoved(Edit, frozen=True, kw_only=True):
    """An edit that nobody knows the inverse of."""

    text: str


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """One edit of any kind; some are an undo themselves."""
    line: dict[str, Any] = {
        "edit_id": "e1",
        "editor": draw(st.sampled_from(["ada", "bob"])),
        "line_id": draw(st.sampled_from(["one", "two"])),
        "undoes": draw(st.sampled_from([None, "e0"])),
        "text": draw(st.sampled_from(["old", "older"])),
    }
    made: Sequence[Edit] = [
        LineInserted(**line, after=draw(st.sampled_from([None, "zero"]))),
        LineRemoved(**line),
        LineRestored(**line),
        LineRewritten(**line, new_text="new"),
        LineMoved(**line),
    ]
    return draw(st.sampled_from(made))


def _without_undoes(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=None)


def _undoes_what_it_undid(edit: Edit, edit_id: str) -> Edit:
    return msgspec.structs.replace(inverse(edit, edit_id), undoes=edit.undoes)


def _under_the_same_id(edit: Edit, edit_id: str) -> Edit:
    return inverse(edit, edit.edit_id)


def _the_wrong_way_round(edit: Edit, edit_id: str) -> Edit:
    undo = inverse(edit, edit_id)
    if isinstance(undo, LineRewritten):
        return msgspec.structs.replace(undo, text=undo.new_text, new_text=undo.text)
    return undo


def _inserts_again(edit: Edit, edit_id: str) -> Edit:
    if isinstance(edit, LineRemoved):
        return LineInserted(edit_id=edit_id, editor=edit.editor, line_id=edit.line_id, undoes=edit.edit_id, after=None,
                            text=edit.text)  # fmt: skip
    return inverse(edit, edit_id)


def _no_inverse_for_the_unknown(edit: Edit, edit_id: str) -> Edit | None:
    return None if isinstance(edit, LineMoved) else inverse(edit, edit_id)


INVERSE = Exercise(
    name="inverse",
    task=(
        "Return the edit that undoes `edit`. An inserted or a restored line is removed, a removed one is restored, and "
        "a rewritten one is rewritten back: a LineRewritten says in `text` what it replaces and in `new_text` what "
        "stands there afterwards; the others say in `text` what the line reads. The new edit has the id `edit_id`, "
        "names in `undoes` the id of the edit it undoes, and keeps `editor` and `line_id`. An edit of any other class "
        "raises TypeError."
    ),
    stub=(
        "from esworkbench.domains.document import Edit, LineInserted, LineRemoved, LineRestored, LineRewritten\n\n\n"
        "def my_inverse(edit: Edit, edit_id: str) -> Edit: ..."
    ),
    reference=inverse,
    cases=st.tuples(edits(), st.sampled_from(["e2", "undo"])),
    examples=[(LineInserted(edit_id="e1", editor="ada", line_id="one", after=None, text="old", undoes="e0"), "e2")],
    hints=(
        "Inserted and restored lines are removed, removed ones restored, never inserted anew.",
        "A rewrite says `text` (what it replaced) and `new_text`: the inverse replaces the second with the first.",
    ),
    mistakes={
        "undoes nothing": Mistake(
            _without_undoes, "`undoes` says nothing: then nobody knows what can still be undone, and what is a redo"
        ),
        "undoes another": Mistake(
            _undoes_what_it_undid, "`undoes` names what the edit itself undid, not the edit that is undone now"
        ),
        "the same id": Mistake(
            _under_the_same_id, "it takes over the id of the edit that it undoes, but it is an edit of its own"
        ),
        "wrong order": Mistake(
            _the_wrong_way_round,
            "a rewrite is undone the wrong way round: what it wrote is what the inverse finds there and replaces",
        ),
        "a new line": Mistake(
            _inserts_again, "it inserts a line anew, but a removed one has kept its place: restore it there"
        ),
        "silent on unknown edits": Mistake(
            _no_inverse_for_the_unknown,
            "for an edit it doesn't know it returns nothing, and the undo is lost without a word: raise TypeError",
        ),
    },
)

# --- save_or_rebase ---------------------------------------------------------------------------------------------------


def save_or_rebase(documents: Repository[Document], document: Document) -> None:
    """Save; if somebody was faster, make the same edits on a fresh copy and save that."""
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


def _drops_the_edits(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.load(document.id)


def _saves_the_stale_copy(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.save(document)


def _saves_the_fresh_copy_alone(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        documents.save(documents.load(document.id))


def _checks_no_version(documents: Repository[Document], document: Document) -> None:
    append = documents.append_of(document, {})
    documents._store.append_many([StreamAppend(append.stream_id, ANY_VERSION, append.events)])


def _records_unchecked(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except ConcurrencyError:
        fresh = documents.load(document.id)
        for event, valid_at in document.uncommitted:
            fresh.record(event, valid_at=valid_at)
        documents.save(fresh)


def _tells_nobody(documents: Repository[Document], document: Document) -> None:
    try:
        save_or_rebase(documents, document)
    except CommandRejected:
        return


def _rebases_after_any_error(documents: Repository[Document], document: Document) -> None:
    try:
        documents.save(document)
    except Exception:  # noqa: BLE001 - the mistake
        fresh = documents.load(document.id)
        fresh.rebase([unsaved.event for unsaved in document.uncommitted])
        documents.save(fresh)


class _BusyStore(StoreInMemory):
    """A store that takes no writes the next time, if it is told so."""

    busy = False

    def append_many(self, appends: Sequence[StreamAppend], *, idempotency: Idempotency | None = None) -> AppendResult:
        if self.busy:
            self.busy = False
            raise StoreBusy("the store takes no writes at the moment")
        return super().append_many(appends, idempotency=idempotency)


Change = tuple[str, str]
"""What somebody does to which line: rewrite it, remove it, insert one after it."""


def _edit(document: Document, editor: str, changes: Sequence[Change]) -> None:
    """What no longer fits, such as rewriting a line just removed, is left out."""
    for number, (verb, line) in enumerate(changes):
        edit_id = f"{editor}-{number}"
        try:
            if verb == "rewrite":
                document.rewrite(edit_id, line, f"{line} by {editor}", editor=editor)
            elif verb == "remove":
                document.remove(edit_id, line, editor=editor)
            else:
                document.insert(edit_id, f"new by {editor}", after=line, editor=editor)
        except CommandRejected:
            continue


def _play_save_or_rebase(answer: Any, ada: list[Change], bob: list[Change], busy: bool) -> Any:
    """Bob's copy is to be saved; Ada, if she changes something, has saved hers in between."""
    store = _BusyStore()
    documents = Repository(store, Document, document_decoder())
    document = Document("d")
    document.start("Minutes")
    for line in ("two", "one"):
        document.insert(line, line, after=None, editor="ada")
    documents.save(document)
    hers, his = documents.load("d"), documents.load("d")
    _edit(his, "bob", bob)
    _edit(hers, "ada", ada)
    if hers.uncommitted:
        documents.save(hers)
    store.busy = busy
    said = reply(answer, documents, his)
    saved = documents.load("d")
    decided_on: Mapping[str, Any] = {
        edit.edit_id: recorded.metadata_dict().get("decided_on_version")
        for edit, recorded in zip(saved.edits, store.read_stream("Document-d", after_version=1), strict=True)
    }
    raised = said if isinstance(said, Raised) else None
    return {"raised": raised, "text": saved.text(), "decided on version": decided_on}


def _given_save_or_rebase(ada: list[Change], bob: list[Change], busy: bool) -> str:
    def told(changes: list[Change]) -> str:
        return ", ".join(f"{verb} {line}" for verb, line in changes) or "nothing"

    last = "; the store is busy at the first save" if busy else ""
    return f"lines one, two; Ada has saved: {told(ada)}; to be saved of Bob: {told(bob)}{last}"


CHANGES = st.tuples(st.sampled_from(["insert after", "rewrite", "remove"]), st.sampled_from(["one", "two"]))

SAVE_OR_REBASE = Exercise(
    name="save_or_rebase",
    task=(
        "Save `document`, which has unsaved edits, with `documents.save`. If it raises ConcurrencyError, load a fresh "
        "copy, make the unsaved edits on that one again with `rebase`, which takes a list of edits "
        "(`document.uncommitted` "
        "holds them, each as `.event` beside its `.valid_at`), and save it instead: all edits together or "
        "none, and once is enough. A real conflict is for a person to settle: let out the CommandRejected that "
        "`rebase` raises. Any other error goes to the caller, too. Nothing is returned."
    ),
    stub=(
        "from esworkbench.aggregates.repository import Repository\n"
        "from esworkbench.domains.document import Document\n"
        "from esworkbench.errors import ConcurrencyError\n\n\n"
        "def my_save_or_rebase(documents: Repository[Document], document: Document) -> None: ..."
    ),
    reference=save_or_rebase,
    cases=st.tuples(
        st.lists(CHANGES, max_size=2),
        st.lists(CHANGES, min_size=1, max_size=2),
        st.sampled_from([False, False, False, True]),
    ),
    play=_play_save_or_rebase,
    given=_given_save_or_rebase,
    hints=(
        "`documents.load(document.id)` gives the fresh copy, and `document.uncommitted` says what to make again on it.",
        "`fresh.rebase([unsaved.event for unsaved in document.uncommitted])`, then save `fresh`.",
    ),
    mistakes={
        "the edit is dropped": Mistake(
            _drops_the_edits, "a refused save is followed by none: the edits must be made again, not dropped"
        ),
        "stale again": Mistake(
            _saves_the_stale_copy, "the stale copy is saved again, and it stays stale: load a fresh one first"
        ),
        "without rebase": Mistake(
            _saves_the_fresh_copy_alone,
            "the fresh copy is saved as it was loaded, with nothing new on it: `rebase` makes the unsaved edits on it",
        ),
        "missing expected version": Mistake(
            _checks_no_version, "it goes in without the expected version: nobody checks whether the edits still fit"
        ),
        "recorded unchecked": Mistake(
            _records_unchecked,
            "the edits are recorded on the fresh copy, but nobody asks whether they still fit: `rebase` does",
        ),
        "tells nobody": Mistake(
            _tells_nobody,
            "two people changed one line and nobody is told: let CommandRejected out",
        ),
        "any error": Mistake(
            _rebases_after_any_error,
            "it rebases whatever the error was: only ConcurrencyError says that somebody else was faster",
        ),
    },
)

exercises = Exercises(__name__, APPLY, WITHDRAW_WITH_MINIMUM, RECORD, INVERSE, SAVE_OR_REBASE)
