"""The exercise ``unanswered``: requests that nothing has settled or cancelled for more than a day."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.small_log import day, recorded_event
from esworkbench.domains.bank.events import MoneyDeposited, WithdrawalCancelled, WithdrawalRequested, WithdrawalSettled
from esworkbench.events import DomainEvent, Event

TASK = (
    "List the `withdrawal_id` of each request that no event settled or cancelled, and that was recorded more than "
    "24 hours before `now`; exactly 24 hours is not more. No id is requested twice. `events` come in the order in "
    "which they were recorded. Each has `data`, of which the three classes below matter and others have no "
    "`withdrawal_id`, and `recorded.recorded_at`, in UTC. `now` is in any zone, and hours are hours, also when "
    "clocks change. An answer whose request is not among the events is passed over. The order of your list is "
    "yours to choose."
)

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

LESS_THAN_AN_HOUR = [timedelta(microseconds=1), timedelta(seconds=0.5), timedelta(seconds=30), timedelta(minutes=30)]
"""So much now is past the hour: who cuts moments to whole hours, minutes or seconds takes off so much."""

AGES = [
    timedelta(days=40), timedelta(days=2, seconds=1), timedelta(days=2), timedelta(hours=25),
    timedelta(days=1, microseconds=1), timedelta(days=1), timedelta(days=1, microseconds=-1), timedelta(hours=20),
    timedelta(0),
]  # fmt: skip


@st.composite
def _holds(draw: st.DrawFn) -> tuple[list[Event], datetime]:
    """Requests of all ages with and without an answer, answers to requests from before, and other events."""
    now = NOON_AFTER_THE_CLOCKS_WENT_BACK + draw(st.sampled_from([timedelta(0), *LESS_THAN_AN_HOUR]))
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


# By so little the one is late, and the other, a day old to the microsecond, is not.
BARELY_LATE = [
    (
        [_at(_event(1, _requested("W-1", 900)), day(27.5)), _at(_event(2, _requested("W-2", 900)), day(27.5) + late)],
        NOON_AFTER_THE_CLOCKS_WENT_BACK + late,
    )
    for late in LESS_THAN_AN_HOUR
]


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

UNANSWERED = Exercise(
    name="unanswered",
    task=TASK,
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
        *BARELY_LATE,
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
            _whole_days,
            "days are counted, but a request of 25 hours is late: of that a timedelta has `days` 1, and the dates may "
            "be one apart",
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
