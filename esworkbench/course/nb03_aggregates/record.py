"""The exercise ``record``: the one path of every decision."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.aggregates.aggregate import Aggregate, Uncommitted
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import Interrupted
from esworkbench.course.nb03_aggregates.account_events import PointsGranted, PointsRedeemed, opened
from esworkbench.domains.bank import BankAccount
from esworkbench.domains.bank.events import MoneyDeposited
from esworkbench.errors import CommandRejected, ConcurrencyError, ReadOnlyAggregate
from esworkbench.events import DomainEvent

TASK = (
    "The one path of every decision. If the aggregate is a past state (`self.read_only` is True), raise "
    "ReadOnlyAggregate. Then, if `valid_at` is given (not None) and is no `datetime` with an offset from UTC (a naive"
    " one, a `time`, a text, be it empty or one that names a moment), raise CommandRejected; a subclass of `datetime`"
    " will do. Otherwise apply the event as a replay would (`self.replay(event)` applies it and counts the version), "
    "and then append `Uncommitted(event, valid_at)` to the list `self.uncommitted`. An error leaves everything as it "
    "was: what `replay` raises (a KeyboardInterrupt, too) goes to the caller, and nothing is kept then. By itself, a "
    "`replay` that raises changes nothing."
)

NOON = datetime(2024, 10, 15, 12, 0)  # noqa: DTZ001 - where it says no zone it is to be refused


class LibraryMoment(datetime):
    """A moment of some library, as pandas has one."""


class Nowhere(tzinfo):
    """A zone that knows no offset from UTC."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None

    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None) -> str | None:
        return None


IN_A_FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)
NOON_OF_A_LIBRARY = LibraryMoment(2024, 10, 15, 12, tzinfo=UTC)
NO_MOMENTS = (
    NOON,
    NOON.replace(tzinfo=Nowhere()),
    time(12, tzinfo=UTC),
    "2024-10-15T12:00:00+00:00",
    "",
    0,
    "2024-10-15",
)
WHEN = (
    None,
    NOON.replace(tzinfo=UTC),
    NOON.replace(tzinfo=ZoneInfo("Europe/Zurich")),
    NOON_OF_A_LIBRARY,
    IN_A_FAR_FUTURE,
    *NO_MOMENTS,
)
"""What may be handed in as ``valid_at``."""


class Decision(NamedTuple):
    """One call of ``record``, and whether the account was loaded as of a past moment."""

    event: DomainEvent
    valid_at: Any = None
    read_only: bool = False


ERRORS: dict[int, BaseException] = {
    1: Interrupted(),
    2: ValueError("no such points"),
    3: KeyError("points"),
    4: ConcurrencyError("a", 1, 2),
    5: TimeoutError("no answer for 30 s"),
    6: RuntimeError("no such card"),
}


class _InterruptedAccount(BankAccount):
    """One where PointsRedeemed raises an error while it is applied: which one, its amount says."""

    def apply(self, event: DomainEvent) -> None:
        if isinstance(event, PointsRedeemed):
            raise ERRORS[event.amount_minor]
        super().apply(event)


def _play_record(answer: Any, decisions: list[Decision]) -> Any:
    """After each decision: the error it met, if any, the state, the version, and what is to be saved."""
    account = _InterruptedAccount("a")
    told = []
    for event, valid_at, read_only in decisions:
        account.read_only = read_only
        raised = None
        try:
            answer(account, event, valid_at=valid_at)
        except Exception as error:  # noqa: BLE001 - compared with what the right one raises
            raised = Raised(type(error), str(error))
        except Interrupted:
            raised = Raised(KeyboardInterrupt)
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


def _named(error: BaseException) -> str:
    return "KeyboardInterrupt" if isinstance(error, Interrupted) else type(error).__name__


def _given_record(decisions: list[Decision]) -> str:
    return "; ".join(
        f"{type(event).__name__}, valid_at {valid_at}"
        + (", on a past state" if read_only else "")
        + (f", `replay` raises {_named(ERRORS[event.amount_minor])}" if isinstance(event, PointsRedeemed) else "")
        for event, valid_at, read_only in decisions
    )


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

RECORD = Exercise(
    name="record",
    task=TASK,
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
                    [
                        opened(),
                        MoneyDeposited(amount_minor=5, currency="USD", reference="r"),
                        PointsGranted(points=1),
                        *(PointsRedeemed(amount_minor=number) for number in ERRORS),
                    ]
                ),
                st.sampled_from([None, *WHEN]),
                st.sampled_from([False, False, True]),
            ),
            min_size=1,
            max_size=3,
        )
    ),
    examples=[
        ([Decision(opened(), NOON)],),
        *(([Decision(opened(), no_moment)],) for no_moment in reversed(NO_MOMENTS)),
        ([Decision(opened(), NOON_OF_A_LIBRARY)],),
        ([Decision(opened(), IN_A_FAR_FUTURE)],),
        *(([Decision(PointsRedeemed(amount_minor=number))],) for number in ERRORS),
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
