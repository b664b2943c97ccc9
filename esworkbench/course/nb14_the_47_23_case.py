"""Exercises of notebook 14: where to look, what was never answered, a repair that appends, and amounts in words."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from math import isclose
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import another_process, reply
from esworkbench.course.small_bank import as_made
from esworkbench.course.small_log import day, recorded_event
from esworkbench.cqrs.commands import Command, CommandReply
from esworkbench.domains.bank import AdjustBalance, Bank, CloseAccount, Deposit, OpenAccount, Withdraw, bank_decoder
from esworkbench.domains.bank.events import (
    BalanceAdjusted,
    MoneyDeposited,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.events import DomainEvent, Event
from esworkbench.money import decimals_of
from esworkbench.projections import ProjectionRunner

# --- where_to_look ----------------------------------------------------------------------------------------------------


def where_to_look(claimed: int, shown: int, event_sum: int) -> str:
    """First the projection against the claim, then the events: like the first two of the seven steps."""
    if shown != event_sum:
        return "the projection"
    return "nowhere" if claimed == shown else "what was recorded"


def _screen_only(claimed: int, shown: int, event_sum: int) -> str:
    return "nowhere" if claimed == shown else "the projection"


def _customer_is_right(claimed: int, shown: int, event_sum: int) -> str:
    return "nowhere" if claimed == shown else where_to_look(claimed, shown, event_sum)


def _events_first(claimed: int, shown: int, event_sum: int) -> str:
    return "what was recorded" if claimed != event_sum else where_to_look(claimed, shown, event_sum)


def _a_cent_is_nothing(claimed: int, shown: int, event_sum: int) -> str:
    if abs(shown - event_sum) > 1:
        return "the projection"
    return "what was recorded" if abs(claimed - shown) > 1 else "nowhere"


def _near_enough(claimed: int, shown: int, event_sum: int) -> str:
    if not isclose(shown, event_sum):
        return "the projection"
    return "nowhere" if isclose(claimed, shown) else "what was recorded"


A_CENT_TOO_FINE_FOR_A_FLOAT = 9_007_199_254_740_993
A_CENT_TOO_FINE_FOR_DOLLARS = 2**55 + 1
"""As a float, and even once it is divided by 100."""

BALANCES = [
    (100, 101, 4_823),
    (A_CENT_TOO_FINE_FOR_A_FLOAT - 1, A_CENT_TOO_FINE_FOR_A_FLOAT, 100),
    (A_CENT_TOO_FINE_FOR_DOLLARS - 1, A_CENT_TOO_FINE_FOR_DOLLARS, 100),
    (0, 5, -5),
    (-100, 100, 100 + 2**32),
]
"""Some that are easily taken for each other."""


def _play_where_to_look(answer: Any, claimed: int, shown: int, event_sum: int) -> Any:
    """Each balance is a number of its own, as when it comes from a database."""
    return answer(*(int(f"{balance}") for balance in (claimed, shown, event_sum)))


WHERE_TO_LOOK = Exercise(
    name="where_to_look",
    task=(
        "Where is the fault to be looked for first: in `'the projection'`, in `'what was recorded'`, or `'nowhere'`? "
        "Three balances in minor units are given: what the customer claims, what the screen shows, and the sum of the "
        "events. A projection is judged by its own events, whatever the customer says; what was recorded is in "
        "question once the projection is right and the customer still disagrees. One cent is a difference, however "
        "large the balances are."
    ),
    stub="def my_where_to_look(claimed: int, shown: int, event_sum: int) -> str: ...",
    reference=where_to_look,
    cases=st.sampled_from(BALANCES).flatmap(lambda each: st.tuples(*[st.sampled_from(each)] * 3)),
    play=_play_where_to_look,
    examples=[
        (0, 5, 5),
        (100, -100, -100),
        (4_823, 4_823, 4_823),
        (A_CENT_TOO_FINE_FOR_DOLLARS, A_CENT_TOO_FINE_FOR_DOLLARS - 1, A_CENT_TOO_FINE_FOR_DOLLARS - 1),
        (11_000_000_000, 11_000_000_001, 11_000_000_000),
        (11_000_000_001, 11_000_000_000, 11_000_000_000),
    ],
    hints=(
        "Two comparisons, and their order matters: which one needs no customer?",
        "First shown against event_sum.",
    ),
    mistakes={
        "always rebuild": Mistake(
            _screen_only,
            "it never asks the events: where the screen shows what they say, a rebuild would change nothing",
        ),
        "both agree": Mistake(
            _customer_is_right,
            "customer and screen may agree where the events say otherwise: the next rebuild will move the balance",
        ),
        "events first": Mistake(
            _events_first,
            "a projection that disagrees with its own events is put right first; then look at the rest again",
        ),
        "a cent of tolerance": Mistake(
            _a_cent_is_nothing,
            "a difference of one cent is let pass: in whole minor units there is no rounding to excuse it",
        ),
        "near enough": Mistake(
            _near_enough, "a cent in a large balance is let pass: `isclose` is for floats, and these are whole numbers"
        ),
    },
)

# --- unanswered -------------------------------------------------------------------------------------------------------

LIMIT = timedelta(hours=24)
ZURICH = ZoneInfo("Europe/Zurich")


def unanswered(events: Sequence[Event], now: datetime) -> list[str]:
    """Ids of requests older than the limit that nothing settled or cancelled."""
    waiting: dict[str, datetime] = {}
    for event in events:
        match event.data:
            case WithdrawalRequested(withdrawal_id=withdrawal_id):
                waiting[withdrawal_id] = event.recorded.recorded_at
            case WithdrawalSettled(withdrawal_id=withdrawal_id) | WithdrawalCancelled(withdrawal_id=withdrawal_id):
                waiting.pop(withdrawal_id, None)
    return [withdrawal_id for withdrawal_id, asked in waiting.items() if now - asked > LIMIT]


def _cancelled_forgotten(events: Sequence[Event], now: datetime) -> list[str]:
    return unanswered([event for event in events if not isinstance(event.data, WithdrawalCancelled)], now)


def _young_accused(events: Sequence[Event], now: datetime) -> list[str]:
    return _where(events, lambda asked: True)


def _a_day_is_enough(events: Sequence[Event], now: datetime) -> list[str]:
    return _where(events, lambda asked: now - asked >= LIMIT)


def _whole_days(events: Sequence[Event], now: datetime) -> list[str]:
    return _where(events, lambda asked: (now - asked).days > 1)


def _by_date(events: Sequence[Event], now: datetime) -> list[str]:
    return _where(events, lambda asked: now.date() > asked.astimezone(now.tzinfo).date())


def _by_the_clock_on_the_wall(events: Sequence[Event], now: datetime) -> list[str]:
    return _where(events, lambda asked: now - asked.astimezone(now.tzinfo) > LIMIT)


def _by_valid_time(events: Sequence[Event], now: datetime) -> list[str]:
    return unanswered([_at(event, event.recorded.valid_at) for event in events], now)


def _by_amount(events: Sequence[Event], now: datetime) -> list[str]:
    waiting: dict[int, Event] = {}
    for event in events:
        if isinstance(event.data, WithdrawalRequested):
            waiting[event.data.amount_minor] = event
        elif isinstance(event.data, WithdrawalSettled | WithdrawalCancelled):
            waiting.pop(event.data.amount_minor, None)
    left = [event.data for event in waiting.values() if now - event.recorded.recorded_at > LIMIT]
    return [each.withdrawal_id for each in left if isinstance(each, WithdrawalRequested)]


def _where(events: Sequence[Event], is_old: Callable[[datetime], bool]) -> list[str]:
    """The requests that nothing answered, and that are old by that measure."""
    open_ones = unanswered(events, day(10_000))
    return [
        event.data.withdrawal_id
        for event in events
        if isinstance(event.data, WithdrawalRequested)
        and event.data.withdrawal_id in open_ones
        and is_old(event.recorded.recorded_at)
    ]


def _at(event: Event, recorded_at: datetime, valid_at: datetime | None = None) -> Event:
    recorded = msgspec.structs.replace(event.recorded, recorded_at=recorded_at, valid_at=valid_at or recorded_at)
    return msgspec.structs.replace(event, recorded=recorded)


def _event(version: int, data: DomainEvent) -> Event:
    return Event(recorded_event(version, type(data).__name__, "{}", recorded=0), data)


def _requested(withdrawal_id: str, amount: int) -> WithdrawalRequested:
    return WithdrawalRequested(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD", reference="CARD")


def _settled(withdrawal_id: str, amount: int) -> WithdrawalSettled:
    return WithdrawalSettled(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD")


def _cancelled(withdrawal_id: str, amount: int) -> WithdrawalCancelled:
    return WithdrawalCancelled(withdrawal_id=withdrawal_id, amount_minor=amount, currency="USD", reason="declined")


def _deposited(reference: str, amount: int) -> MoneyDeposited:
    return MoneyDeposited(amount_minor=amount, currency="USD", reference=reference)


IDS = ["W-1", "W-10", "1", "NEW-10"]
"""Of which one stands in another."""

HALF_PAST_TWO_AGAIN = datetime(2023, 10, 29, 2, 30, tzinfo=ZURICH, fold=1)
"""An hour after half past two, on the same day."""

NOON_AFTER_THE_CLOCKS_WENT_BACK = day(28.5)
"""29 October 2023: a day of 25 hours in Zurich."""

AGES = [
    timedelta(days=40), timedelta(days=2, seconds=1), timedelta(days=2), timedelta(hours=25),
    timedelta(days=1, microseconds=1), timedelta(days=1), timedelta(days=1, microseconds=-1), timedelta(hours=20),
    timedelta(0),
]  # fmt: skip


@st.composite
def _holds(draw: st.DrawFn) -> tuple[list[Event], datetime]:
    """Requests of all ages with and without an answer, answers to requests from before, and other events."""
    now = NOON_AFTER_THE_CLOCKS_WENT_BACK
    dated: list[tuple[timedelta, DomainEvent]] = []
    for withdrawal_id in draw(st.permutations(IDS))[: draw(st.integers(0, 4))]:
        amount, age = draw(st.sampled_from([4_723, 900])), draw(st.sampled_from(AGES))
        kinds = draw(
            st.sampled_from(
                [
                    (_requested,),
                    (_requested, _settled),
                    (_requested, _cancelled),
                    (_settled,),
                    (_cancelled,),
                    (_deposited,),
                ]
            )
        )
        ages = [age, draw(st.sampled_from([age, age / 2, timedelta(0)]))]
        dated += [(old, kind(withdrawal_id, amount)) for old, kind in zip(ages, kinds, strict=False)]
    dated.sort(key=lambda each: -each[0])
    earlier = draw(st.sampled_from([timedelta(0), timedelta(days=3), timedelta(days=-3)]))
    events = [
        _at(_event(version, data), now - age, now - age - earlier) for version, (age, data) in enumerate(dated, start=1)
    ]
    return events, now.astimezone(draw(st.sampled_from([UTC, ZURICH])))


def _play_unanswered(answer: Any, events: list[Event], now: datetime) -> Any:
    """In order of the ids: which order the answer has is its own choice."""
    said = answer(events, now)
    return sorted(said) if hasattr(said, "__iter__") and not isinstance(said, str) else said


NONE = timedelta(0)


def _shown_holds(events: Sequence[Event], now: datetime) -> str:
    told = [
        f"{type(event.data).__name__} {getattr(event.data, 'withdrawal_id', '')} {now - event.recorded.recorded_at} ago"
        for event in events
    ]
    dated = {event.recorded.recorded_at - event.recorded.valid_at for event in events} - {timedelta(0)}
    valid = "".join(f"; valid_at is {abs(off)} {'before' if off > NONE else 'after'} recorded_at" for off in dated)
    return f"now {now}, events {'; '.join(told) or 'none'}{valid}"


# Two purchases of 47.23, one of them settled; one that was cancelled; and others that are about a day old, or less.
EXAMPLE = [
    _at(_event(1, _requested("W-DAY", 4_723)), day(1), day(27.9)),
    _at(_event(2, _requested("W-NIGHT", 4_723)), day(1.1)),
    _at(_event(3, _requested("W-SHOP", 2_000)), day(1.2)),
    _at(_event(4, _settled("W-DAY", 4_723)), day(1.3)),
    _at(_event(5, _cancelled("W-SHOP", 2_000)), day(1.4)),
    _at(_event(6, _requested("W-YESTERDAY", 700)), day(27.48)),
    _at(_event(7, _requested("W-NOON", 800)), day(27.5)),
    _at(_event(8, _requested("W-EVENING", 850)), day(27.9)),
    _at(_event(9, _requested("W-TODAY", 900)), day(28.4)),
]

# The id of one stands in that of the other, which was settled.
TWO_IDS = [
    _at(_event(1, _requested("W-1", 4_723)), day(1)),
    _at(_event(2, _requested("W-10", 4_723)), day(1.1)),
    _at(_event(3, _settled("W-10", 4_723)), day(1.2)),
]

UNANSWERED = Exercise(
    name="unanswered",
    task=(
        "List the `withdrawal_id` of each request that no event settled or cancelled, and that was recorded more than "
        "24 hours before `now`; exactly 24 hours is not more. No id is requested twice. `events` come in the order in "
        "which they were recorded. Each has `data`, of which the three classes below matter and others have no "
        "`withdrawal_id`, and `recorded.recorded_at`, in UTC. `now` is in any zone, and hours are hours, also when "
        "clocks change. An answer whose request is not among the events is passed over. The order of your list is "
        "yours to choose."
    ),
    stub=(
        "from datetime import datetime, timedelta\n\n"
        "from esworkbench.domains.bank.events import WithdrawalCancelled, WithdrawalRequested, WithdrawalSettled\n"
        "from esworkbench.events import Event\n\n\n"
        "def my_unanswered(events: list[Event], now: datetime) -> list[str]: ..."
    ),
    reference=unanswered,
    cases=_holds(),
    examples=[
        (EXAMPLE, NOON_AFTER_THE_CLOCKS_WENT_BACK.astimezone(ZURICH)),
        (TWO_IDS, NOON_AFTER_THE_CLOCKS_WENT_BACK),
        ([_at(_event(1, _requested("W-1", 900)), day(27) + timedelta(hours=1))], HALF_PAST_TWO_AGAIN),
    ],
    play=_play_unanswered,
    given=_shown_holds,
    hints=(
        "Which events end a request? There are two kinds.",
        "Keep a dictionary from withdrawal id to the time of the request; take out what is answered.",
    ),
    mistakes={
        "cancelled forgotten": Mistake(
            _cancelled_forgotten, "a request that was cancelled is listed: to cancel it is an answer too"
        ),
        "young ones accused": Mistake(
            _young_accused, "a request that is a few hours old is listed: within 24 hours an open hold is healthy"
        ),
        "by amount": Mistake(
            _by_amount,
            "two purchases may be of the same amount: an answer belongs to the id it names, not to the amount",
        ),
        "an inclusive bound": Mistake(
            _a_day_is_enough,
            "a request that is exactly 24 hours old is listed: the limit is 24 hours, so only more is late",
        ),
        "whole days": Mistake(
            _whole_days, "only whole days are counted: a request of 25 hours is late, and its timedelta has `days` 1"
        ),
        "by date": Mistake(
            _by_date, "dates are compared: a request from yesterday evening is younger than 24 hours this morning"
        ),
        "the clock on the wall": Mistake(
            _by_the_clock_on_the_wall,
            "moments in one zone are subtracted as the clock on the wall shows them, and clocks change: do it in UTC",
        ),
        "valid time": Mistake(
            _by_valid_time, "the age is taken from valid_at, which may be dated back or ahead: ask recorded_at"
        ),
    },
)

# --- put_right --------------------------------------------------------------------------------------------------------


def put_right(bank: Bank, account_id: str, event: Event) -> None:
    """Append the opposite, dated like the original, under one key: the same intent twice is one event."""
    deposit = event.data
    assert isinstance(deposit, MoneyDeposited)
    command = AdjustBalance(
        account_id=account_id,
        amount_minor=-deposit.amount_minor,
        currency=deposit.currency,
        reason="booked twice",
        operator="you",
        case_id="CASE-1",
        reference=f"REPAIR-{event.recorded.event_id}",
        valid_at=event.recorded.valid_at,
    )
    bank.handle(command, idempotency_key=f"repair:{event.recorded.event_id}")


def _adjust(bank: Bank, account_id: str, event: Event, *, sign: int = -1, dated: bool = True, key: str | None) -> None:
    """As ``put_right``, but for one thing."""
    data = _deposit(event)
    command = AdjustBalance(
        account_id=account_id, amount_minor=sign * data.amount_minor, currency=data.currency, reason="booked twice",
        operator="you", case_id="CASE-1", reference=f"REPAIR-{event.recorded.event_id}",
        valid_at=event.recorded.valid_at if dated else None,
    )  # fmt: skip
    bank.handle(command, idempotency_key=key)


def _row_overwritten(bank: Bank, account_id: str, event: Event) -> None:
    change = text("UPDATE account_balances SET balance_minor = balance_minor - :amount WHERE account_id = :account")
    with write_transaction(bank.store.engine) as connection:
        connection.execute(change, {"amount": _deposit(event).amount_minor, "account": account_id})


def _twice(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, key=None)


def _wrong_way(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, sign=1, key=event.recorded.event_id)


def _dated_now(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, dated=False, key=event.recorded.event_id)


def _one_key_for_all(bank: Bank, account_id: str, event: Event) -> None:
    _adjust(bank, account_id, event, key="repair")


def _one_key_for_an_amount(bank: Bank, account_id: str, event: Event) -> None:
    """The command says nothing either of which event it makes up for, so nobody notices."""
    data = _deposit(event)
    command = AdjustBalance(
        account_id=account_id, amount_minor=-data.amount_minor, currency=data.currency, reason="booked twice",
        operator="you", case_id="CASE-1", reference=data.reference, valid_at=event.recorded.valid_at,
    )  # fmt: skip
    bank.handle(command, idempotency_key=f"repair:{account_id}:{data.amount_minor}")


def _swallowed(bank: Bank, account_id: str, event: Event) -> None:
    with suppress(Exception):
        put_right(bank, account_id, event)


def _looked_first(bank: Bank, account_id: str, event: Event) -> None:
    done = [bank_decoder().decode(each).data for each in bank.store.read_stream(f"BankAccount-{account_id}")]
    references = [each.reference for each in done if isinstance(each, BalanceAdjusted)]
    if f"REPAIR-{event.recorded.event_id}" not in references:
        _adjust(bank, account_id, event, key=None)


def _deposit(event: Event) -> MoneyDeposited:
    assert isinstance(event.data, MoneyDeposited)
    return event.data


AT_HALF_PAST_NINE = timedelta(hours=9, minutes=30, microseconds=123_456)


def _two_accounts(store: EventStore) -> None:
    """A deposit of 47.23 three times over on one account, and twice on the other, which is in euros.

    All were recorded in the same millisecond, so that their ids begin alike.
    """
    store.clock = lambda: day(4)
    numbers = count(1)
    store.new_id = lambda: f"018ae97a-4c00-7000-8000-{next(numbers):012}"
    bank = Bank(store)
    for account, currency, times in [("ACC-1", "USD", 3), ("ACC-2", "EUR", 2)]:
        bank.handle(OpenAccount(account_id=account, owner="Ada", currency=currency, valid_at=day(1)))
        for amount, reference in [(10_000, "OPEN"), (250, "CASH-6"), (250, "CASH-6"), *[(4_723, "CASH-7")] * times]:
            deposit = Deposit(account_id=account, amount_minor=amount, currency=currency, reference=reference,
                              valid_at=day(2 if amount == 250 else 3) + AT_HALF_PAST_NINE)  # fmt: skip
            bank.handle(deposit)
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="exercise").catch_up()


WRONGLY_BOOKED = {"the second 47.23": 5, "the third 47.23": 6, "the second 2.50": 3, "the second 47.23 in euros": 12}
"""Where they stand in the log, counted from 0."""

AT_ONCE = "the second 47.23, twice at once"
DOWN = "the second 47.23, while the store raises "
ERRORS: dict[str, Exception] = {
    "ConnectionError": ConnectionError("the database is down"),
    "OperationalError": OperationalError("INSERT", None, Exception("disk full")),
    "TimeoutError": TimeoutError("no answer for 30 s"),
    "ValueError": ValueError("no such clock"),
}
ALL_DOWN = [f"{DOWN}{name}" for name in ERRORS]
OVERTAKEN = "the second 47.23, while others write before each attempt"
NEARLY_ALL = "a withdrawal of nearly all"
CLOSED = "a withdrawal of all, and the account is closed"
WITHDRAWN = {"a withdrawal": 1_000, NEARLY_ALL: 24_000, CLOSED: 10_000 + 2 * 250 + 3 * 4_723}
REFUSED = "the second 47.23, which is refused by now"
MEANWHILE = "MEANWHILE"


def _clock_that_raises(error: Exception) -> Callable[[], datetime]:
    def clock() -> datetime:
        raise error

    return clock


def _clock_that_is_overtaken(store: EventStore) -> Callable[[], datetime]:
    """Whoever asks it what time it is finds that somebody else has written."""

    def clock() -> datetime:
        store.clock = lambda: day(90)
        Bank(store).handle(Deposit(account_id="ACC-1", amount_minor=1, currency="USD", reference=MEANWHILE))
        store.clock = clock
        return day(90)

    return clock


class _Overtaken(Bank):
    """A bank where, before the first command is handled, somebody else does something."""

    def __init__(self, store: EventStore, first: Callable[[], object]) -> None:
        super().__init__(store)
        handle = self.handle
        waiting = [first]

        def after_that(command: Command, **named: Any) -> CommandReply:
            while waiting:
                waiting.pop()()
            return handle(command, **named)

        self.handle = after_that


def _play_put_right(answer: Any, steps: tuple[str, ...]) -> Any:
    """What was appended. A step is one run for an event, two runs at once, or something that the customer does.

    The store asks its clock before it writes, so a clock that raises stands for a database that is down.
    """
    store = as_made(_two_accounts)
    store.clock = lambda: day(90)
    before = store.read_all()
    errors = 0
    for number, step in enumerate(steps):
        name, _, how = step.partition(", ")
        if step in WITHDRAWN:
            took = Withdraw(account_id="ACC-1", amount_minor=WITHDRAWN[step], currency="USD", reference="ATM")
            Bank(store).handle(took)
            if step == CLOSED:
                Bank(store).handle(CloseAccount(account_id="ACC-1", reason="moved"))
            continue
        recorded = before[WRONGLY_BOOKED[name]]
        given = recorded.stream_id.removeprefix("BankAccount-"), bank_decoder().decode(recorded)
        with another_process(answer, number):
            if step in (*ALL_DOWN, OVERTAKEN, REFUSED):
                if step in ALL_DOWN:
                    store.clock = _clock_that_raises(ERRORS[step.removeprefix(DOWN)])
                elif step == OVERTAKEN:
                    store.clock = _clock_that_is_overtaken(store)
                errors += isinstance(reply(answer, Bank(store), *given), Raised)
                store.clock = lambda: day(90)
            elif how:
                answer(_Overtaken(store, partial(answer, Bank(store), *given)), *given)
            else:
                answer(Bank(store), *given)
    after = store.read_all()
    events = [bank_decoder().decode(recorded) for recorded in after[len(before) :]]
    appended = [_told(event) for event in events if getattr(event.data, "reference", "") != MEANWHILE]
    kept = after[: len(before)] == before
    return {"what was recorded": "as it was" if kept else "changed", "appended": appended, "errors let out": errors}


def _told(event: Event) -> tuple[Any, ...]:
    recorded, data = event.recorded, event.data
    return (
        recorded.event_type, recorded.stream_id, getattr(data, "amount_minor", None), getattr(data, "currency", None),
        f"valid at {recorded.valid_at}",
    )  # fmt: skip


def _shown_steps(steps: tuple[str, ...]) -> str:
    told = [step if step in WITHDRAWN else f"a run for {step}" for step in steps]
    return f"one after the other: {'; '.join(told)}"


STEPS = [*WRONGLY_BOOKED, AT_ONCE]

PUT_RIGHT = Exercise(
    name="put_right",
    task=(
        "A deposit on `account_id` was booked too often, and `event` is one that should not be there: `event.data` has "
        "its `amount_minor` and `currency`, `event.recorded` its `event_id` and `valid_at`. Put it right with "
        "`bank.handle(AdjustBalance(…), idempotency_key=…)`, in a way that is safe to run twice. The adjustment is "
        "recorded now, as everything is; its `valid_at` is that of the event it makes up for, so that statements in "
        "between come right. Its `reason`, `operator`, `case_id` and `reference` may be any text. Run again for the "
        "same event, even at the same time, nothing more is appended and nothing raised; run for another event, be it "
        "of the same amount and day, it makes up for that one as well. It is made in full even where the balance "
        "becomes negative. An error that keeps the adjustment from being appended gets out."
    ),
    stub=(
        "from esworkbench.domains.bank import AdjustBalance, Bank\n"
        "from esworkbench.events import Event\n\n\n"
        "def my_put_right(bank: Bank, account_id: str, event: Event) -> None: ..."
    ),
    reference=put_right,
    cases=st.tuples(
        st.sampled_from(
            [
                *[(step,) for step in STEPS],
                *[(step, step) for step in STEPS],
                ("the second 47.23", "a withdrawal", "the second 47.23"),
                (NEARLY_ALL, "the second 47.23", "the second 47.23"),
                (CLOSED, REFUSED),
                (OVERTAKEN, "the second 47.23"),
                *[(down,) for down in ALL_DOWN],
                *[(down, "the second 47.23") for down in ALL_DOWN],
                ("the second 47.23", "the third 47.23"),
                ("the third 47.23", "the second 2.50", "the third 47.23"),
                ("the second 47.23 in euros", AT_ONCE, "the second 47.23 in euros"),
            ]
        )
    ),
    examples=[
        (("the second 47.23", "the third 47.23", "the second 47.23 in euros", "the second 47.23", AT_ONCE),),
        *(((down, "the second 47.23"),) for down in ALL_DOWN),
        ((NEARLY_ALL, "the second 47.23"),),
        ((CLOSED, REFUSED),),
        ((OVERTAKEN,),),
    ],
    play=_play_put_right,
    given=_shown_steps,
    hints=(
        "Nothing stored is touched: which event, appended, makes up for it?",
        "Minus its amount, valid_at of the event it makes up for, and an idempotency key made from that event's id.",
    ),
    mistakes={
        "the row overwritten": Mistake(
            _row_overwritten,
            "no event was appended: whatever you wrote over a row, the next rebuild brings the old number back",
        ),
        "compensated twice": Mistake(
            _twice, "run twice, it compensates twice: an idempotency key, the same for the same event, makes it one"
        ),
        "the wrong way": Mistake(
            _wrong_way, "the wrong way: money that was booked too often goes off the account, so the amount is negative"
        ),
        "dated now": Mistake(
            _dated_now,
            "the compensation is dated today, so every statement in between stays wrong: give it the valid_at of the "
            "event it makes up for",
        ),
        "one key for all": Mistake(
            _one_key_for_all,
            "every event gets the same key, so only the first is put right: make it from the event's id",
        ),
        "one key for an amount": Mistake(
            _one_key_for_an_amount,
            "two events of the same amount get the same key, so only one is put right: make it from the event's id",
        ),
        "swallowed": Mistake(
            _swallowed, "an error is swallowed: whoever runs this while the database is down believes that it is done"
        ),
        "looked first": Mistake(
            _looked_first,
            "of two that run at once both look before either has appended: the store checks a key as it appends",
        ),
    },
)

# --- in_words ---------------------------------------------------------------------------------------------------------


def in_words(amount_minor: int, currency: str) -> str:
    """As ``format_minor``: whole numbers throughout, and the sign apart."""
    places = decimals_of(currency)
    whole, fraction = divmod(abs(amount_minor), 10**places)
    sign = "-" if amount_minor < 0 else ""
    decimals = f".{fraction:0{places}d}" if places else ""
    return f"{sign}{whole:,}{decimals} {currency}"


def _divided(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    return f"{amount_minor / 10**places:,.{places}f} {currency}"


def _divided_as_decimals(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    return f"{Decimal(amount_minor) / 10**places:,.{places}f} {currency}"


def _by_a_hundred(amount_minor: int, currency: str) -> str:
    return f"{amount_minor / 100:,.2f} {currency}"


def _floored(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    whole, fraction = divmod(amount_minor, 10**places)
    return f"{whole:,}.{fraction:0{places}d} {currency}" if places else f"{whole:,} {currency}"


def _always_cents(amount_minor: int, currency: str) -> str:
    return in_words(amount_minor, "USD").replace("USD", currency)


def _no_commas(amount_minor: int, currency: str) -> str:
    return in_words(amount_minor, currency).replace(",", "")


def _short_cents(amount_minor: int, currency: str) -> str:
    whole, fraction = divmod(abs(amount_minor), 10 ** decimals_of(currency))
    decimals = f".{fraction}" if decimals_of(currency) else ""
    return f"{'-' if amount_minor < 0 else ''}{whole:,}{decimals} {currency}"


def _sign_of_the_whole(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    whole, fraction = divmod(abs(amount_minor), 10**places)
    decimals = f".{fraction:0{places}d}" if places else ""
    return f"{-whole if amount_minor < 0 else whole:,}{decimals} {currency}"


A_CENT_TOO_FINE_FOR_A_DECIMAL = 10**30 + 1
"""For one of the precision that Decimals have by default, 28 digits."""

LONGER_THAN_ANY_PRECISION = 10**61 + 1
"""Than most that somebody would set, to be on the safe side."""

IN_WORDS = Exercise(
    name="in_words",
    task=(
        "Write an amount in minor units for a report: 4723 in USD is `'47.23 USD'`, -123456 is `'-1,234.56 USD'`, and "
        "500000 yen are `'500,000 JPY'`. How many decimals a currency has, `decimals_of(currency)` says: 2 for most, "
        "0 for the yen, 3 for the Kuwaiti dinar; all of them are written, zeros too. Mind negative amounts below one "
        "unit, and amounts of any size, to the cent."
    ),
    stub=(
        "from esworkbench.money import decimals_of\n\n\ndef my_in_words(amount_minor: int, currency: str) -> str: ..."
    ),
    reference=in_words,
    cases=st.tuples(
        st.builds(
            lambda size, sign: sign * size,
            st.sampled_from(
                [
                    0,
                    1,
                    5,
                    99,
                    100,
                    101,
                    999,
                    1_000,
                    4_723,
                    100_000,
                    123_456_789,
                    A_CENT_TOO_FINE_FOR_A_FLOAT,
                    A_CENT_TOO_FINE_FOR_A_DECIMAL,
                    LONGER_THAN_ANY_PRECISION,
                ]
            ),
            st.sampled_from([1, -1]),
        ),
        st.sampled_from(["USD", "EUR", "JPY", "KWD", "KRW", "IQD", "CLF"]),
    ),
    examples=[
        (A_CENT_TOO_FINE_FOR_A_FLOAT, "USD"),
        (A_CENT_TOO_FINE_FOR_A_DECIMAL, "USD"),
        (-5, "USD"),
        (5_000, "JPY"),
        (-1_234_005, "KWD"),
        (LONGER_THAN_ANY_PRECISION, "USD"),
        (5_000, "KRW"),
        (5_000, "IQD"),
        (50_000, "CLF"),
    ],
    hints=(
        "Stay in whole numbers.",
        "divmod(abs(amount_minor), 10 ** decimals_of(currency)), the sign apart, and as many digits as decimals.",
    ),
    mistakes={
        "float money": Mistake(
            _divided, "large amounts lose a cent: a float holds 53 bits, so divide whole numbers, never with /"
        ),
        "a Decimal divided": Mistake(
            _divided_as_decimals,
            "very large amounts lose a cent: a Decimal's division keeps 28 digits, and divmod of whole numbers all",
        ),
        "a hundred to everything": Mistake(
            _by_a_hundred,
            "it divides by 100 whatever the currency, and with /: the yen has no cents, and a float loses other cents",
        ),
        "rounded down": Mistake(
            _floored, "below zero // rounds away from zero, and % counts from there: split the amount without its sign"
        ),
        "yen with cents": Mistake(
            _always_cents, "two decimals are written for every currency: the yen has none, the Kuwaiti dinar three"
        ),
        "no commas": Mistake(_no_commas, "the thousands have no commas: 123456 dollars are 123,456.00 USD"),
        "zeros left out": Mistake(_short_cents, "zeros are missing after the point: five cents are 0.05, not 0.5"),
        "sign lost": Mistake(
            _sign_of_the_whole, "the sign gets lost between 0 and -1: there is no -0 to carry it, so write it apart"
        ),
    },
)

exercises = Exercises(__name__, WHERE_TO_LOOK, UNANSWERED, PUT_RIGHT, IN_WORDS)
