"""The exercise ``between``: what moved on a customer's days, both included."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb01_events_not_rows.facts import (
    FACTS_STUB,
    HALF_A_SECOND,
    MICROSECOND,
    NEW_YORK,
    ZURICH,
    Fact,
    at,
    streams,
)

CAIRO = ZoneInfo("Africa/Cairo")


def between(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    """A day runs from midnight to midnight where the customer lives, so compare dates there."""
    days = first.date(), last.date()
    return [fact for fact in facts if days[0] <= fact.recorded_at.astimezone(zone).date() <= days[1]]


def _days_of_utc(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first.date() <= fact.recorded_at.date() <= last.date()]


def _up_to_midnight(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first <= fact.recorded_at <= last]


def _to_the_last_minute(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first <= fact.recorded_at <= last.replace(hour=23, minute=59, second=59)]


def _the_day_before_too(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if fact.recorded_at.astimezone(zone).date() <= last.date()]


def _twenty_four_hours(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    end = last.astimezone(UTC) + timedelta(hours=24)
    return [fact for fact in facts if first <= fact.recorded_at < end]


def _at_the_offset_of(day: datetime, facts: Sequence[Fact], first: datetime, last: datetime) -> list[Fact]:
    """As if one day's offset from UTC held on all of them."""
    offset = day.utcoffset()
    assert offset is not None
    return [fact for fact in facts if first.date() <= (fact.recorded_at + offset).date() <= last.date()]


def _at_the_first_days_offset(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return _at_the_offset_of(first, facts, first, last)


def _at_the_last_days_offset(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return _at_the_offset_of(last, facts, first, last)


def _days_of_the_month(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first.day <= fact.recorded_at.astimezone(zone).day <= last.day]


def _and_the_next_midnight(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first <= fact.recorded_at <= last + timedelta(days=1)]


DAYS = [
    (ZURICH, date(2023, 3, 14)),
    (NEW_YORK, date(2023, 3, 14)),
    (ZoneInfo("UTC"), date(2023, 3, 14)),
    (ZURICH, date(2023, 3, 26)),
    (NEW_YORK, date(2023, 3, 12)),
    (ZURICH, date(2023, 10, 29)),
    (NEW_YORK, date(2023, 11, 5)),
    (ZURICH, date(2023, 3, 31)),
    (NEW_YORK, date(2024, 2, 29)),
    (ZoneInfo("UTC"), date(2023, 12, 31)),
    (CAIRO, date(2023, 10, 26)),
]
"""Where a customer lives, and a day there: any day, one of 23 hours, one of 25, the last one of a month or a year.

In Cairo the hour that comes twice is the last one of the day.
"""

EDGES = [timedelta(0), -HALF_A_SECOND, -MICROSECOND, timedelta(minutes=-30), timedelta(minutes=30)]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


@st.composite
def _facts_and_days(draw: st.DrawFn) -> tuple[list[Fact], datetime, datetime, ZoneInfo]:
    """Two midnights where the customer lives, and facts on the edges of the two days now and then."""
    zone, day = draw(st.sampled_from(DAYS))
    first = _midnight(day - timedelta(days=draw(st.integers(0, 1))), zone)
    last = first + timedelta(days=draw(st.integers(0, 2)))
    start = datetime.combine(day - timedelta(days=1), time(22), UTC)
    moments = [(fact.recorded_at, fact.kind, fact.amount_minor) for fact in draw(streams(fewest=1, start=start))]
    for edge in first, last + timedelta(days=1):
        off = draw(st.sampled_from([None, *EDGES]))
        if off is not None:
            moments.append((edge.astimezone(UTC) + off, "MoneyDeposited", 1))
    missing = draw(st.integers(1, 9))
    facts = [
        Fact(number + (number >= missing), kind, amount, moment)
        for number, (moment, kind, amount) in enumerate(sorted(moments, key=itemgetter(0)), start=1)
    ]
    return facts, first, last, zone


AT_ONE_MOMENT = [
    Fact(version, kind, amount, at(14, 9))
    for version, kind, amount in ((1, "MoneyDeposited", 7), (2, "FeeCharged", 5), (4, "MoneyDeposited", 6))
]


def _on_edges(first: date, days: int, zone: ZoneInfo, off: timedelta) -> Any:
    """Some days, and a fact so long before or after the beginning and the end of them."""
    midnights = [_midnight(first + timedelta(days=number), zone) for number in (0, days - 1, days)]
    edges = [midnights[0].astimezone(UTC) + off, midnights[-1].astimezone(UTC) + off]
    facts = [Fact(version, "MoneyDeposited", version, at) for version, at in enumerate(edges, start=1)]
    return facts, *midnights[:2], zone


BETWEEN = Exercise(
    name="between",
    task=(
        "The facts themselves, unchanged, from the day of `first` to the day of `last`, both days whole, as days are "
        "in the customer's `zone`, in the order in which they come, that of `recorded_at`; a version may be "
        "missing. `first` and `last` are midnights in that zone."
    ),
    stub=(
        "from datetime import datetime\nfrom zoneinfo import ZoneInfo\n\n" + FACTS_STUB + "\n\n"
        "def my_between(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]: ..."
    ),
    reference=between,
    cases=_facts_and_days(),
    examples=[
        _on_edges(day, days, zone, off)
        for day, days in ((date(2023, 3, 25), 3), (date(2023, 3, 14), 1))
        for zone in (ZURICH,)
        for off in (-MICROSECOND, timedelta(minutes=-30), timedelta(minutes=30))
    ]
    + [
        (AT_ONE_MOMENT, *[datetime(2023, 3, 14, tzinfo=ZURICH)] * 2, ZURICH),
        _on_edges(date(2023, 12, 31), 2, ZURICH, timedelta(minutes=30)),
        _on_edges(date(2023, 10, 26), 1, CAIRO, timedelta(minutes=-30)),
        _on_edges(date(2023, 3, 14), 1, ZURICH, timedelta(days=-365, minutes=30)),
        _on_edges(date(2023, 3, 14), 1, ZURICH, timedelta(days=-31, minutes=-30)),
    ],
    hints=(
        "On which date was 23:30 UTC in Zurich?",
        "Compare `fact.recorded_at.astimezone(zone).date()` with `first.date()` and `last.date()`, both included.",
    ),
    mistakes={
        "days of UTC": Mistake(_days_of_utc, "the days are UTC's: 23:30 in UTC is already tomorrow in Zurich"),
        "off by one day": Mistake(
            _up_to_midnight, "the last day is missing: midnight is where it begins, and the customer means all of it"
        ),
        "one second short": Mistake(
            _to_the_last_minute, "the last second is cut off: a day ends where the next one begins, not at 23:59:59"
        ),
        "no lower bound": Mistake(_the_day_before_too, "it includes what happened before the first day"),
        "24 hours": Mistake(
            _twenty_four_hours,
            "the last day is taken for 24 hours, but on the two days on which the clocks change it has 23 or 25",
        ),
        "the first day's offset": Mistake(
            _at_the_first_days_offset,
            "it counts all days with the first one's offset from UTC, which changes with the clocks: ask `astimezone`",
        ),
        "the last day's offset": Mistake(
            _at_the_last_days_offset,
            "the last day's offset from UTC is taken for all of them, but it changes with the clocks: ask `astimezone`",
        ),
        "days of the month": Mistake(
            _days_of_the_month, "it compares days of the month, which begin again at 1: compare whole dates"
        ),
        "the next midnight": Mistake(
            _and_the_next_midnight, "it includes the midnight after the last day, which belongs to the next one"
        ),
    },
)
