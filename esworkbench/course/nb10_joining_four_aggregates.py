"""Exercises of notebook 10: which region, which day, a join that waits, and what still waits."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, create_engine, func, select

from esworkbench.course.joining_exercise import JOIN
from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.course.region_exercise import REGION_OF
from esworkbench.domains.activity.read_models import StillWaiting, still_waiting
from esworkbench.domains.activity.read_models.waiting import AGES, Happening, activity_waiting, wait

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# --- day_of -----------------------------------------------------------------------------------------------------------


class Moments(Protocol):
    """What an event tells of its moments; both with an offset."""

    valid_at: datetime
    recorded_at: datetime


class Late:
    """Happened just before midnight in Zurich, was recorded a day later."""

    valid_at = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    recorded_at = datetime(2026, 3, 3, 8, tzinfo=UTC)


class AfterMidnight(Late):
    valid_at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


DayOf = Callable[[Moments, str], date]


def examine_day_of(day_of: DayOf) -> None:
    if day_of(Late(), "Europe/Zurich").day == 3:
        raise Wrong("recorded on the 3rd, but it happened on the 1st: a day must not depend on who was late")
    if day_of(AfterMidnight(), "Europe/Zurich") == date(2026, 3, 1):
        raise Wrong("in Zurich it is half past midnight on the 2nd: change the zone before you take the date")
    if day_of(AfterMidnight(), "Europe/Zurich") != date(2026, 3, 2) or day_of(Late(), "UTC") != date(2026, 3, 1):
        raise Wrong("22:30 UTC is the 1st in UTC, 23:30 UTC the 2nd in Zurich")
    if day_of(Late(), "America/New_York") != date(2026, 3, 1) or day_of(Late(), "Asia/Tokyo") != date(2026, 3, 2):
        raise Wrong("the offset was fixed, not the named zone's: in Tokyo it is the 2nd already")


def day_of(event: Moments, time_zone: str) -> date:
    return event.valid_at.astimezone(ZoneInfo(time_zone)).date()


def day_recorded(event: Moments, time_zone: str) -> date:
    return event.recorded_at.astimezone(ZoneInfo(time_zone)).date()


def day_in_utc(event: Moments, time_zone: str) -> date:
    return event.valid_at.date()


def day_an_hour_on(event: Moments, time_zone: str) -> date:
    return (event.valid_at + timedelta(hours=0 if time_zone == "UTC" else 1)).date()


DAY_OF = Exercise(
    name="day_of",
    task=(
        "Write `day_of(event, time_zone)`: the `date` on which something happened, in a zone such as `Europe/Zurich`. "
        "The event has `valid_at` and `recorded_at`, both in UTC."
    ),
    examine=examine_day_of,
    reference=day_of,
    hints=("Which of the two moments is the same however late the event is?", "`astimezone(ZoneInfo(time_zone))`"),
    mistakes={
        "the day it was recorded": Mistake(day_recorded, "who was late"),
        "naive time zone": Mistake(day_in_utc, "change the zone"),
        "a fixed offset": Mistake(day_an_hour_on, "offset was fixed"),
    },
)

# --- waits ------------------------------------------------------------------------------------------------------------

Waits = Callable[[Connection, datetime], list[StillWaiting]]


def purchase(event_id: str, hours_ago: int, recorded_currency: str = "EUR") -> Happening:
    happened = NOON - timedelta(hours=hours_ago)
    return Happening(event_id, "UserPurchased", event_id, "ada", 0, happened.date(), 100, recorded_currency, happened)


def examine_waits(waits: Waits) -> None:
    with create_engine("sqlite://").begin() as connection:
        activity_waiting.create(connection)
        for event_id, hours in (("p1", 0), ("p2", 5), ("p3", 6), ("p4", 30)):
            wait(connection, purchase(event_id, hours), "UserLoggedIn")
        found = [(each.age, each.events) for each in waits(connection, NOON)]
        later = [(each.age, each.events) for each in waits(connection, NOON + timedelta(days=2))]
    if len(found) == 1:
        raise Wrong("one number for all: what has waited for a day must not hide behind what came a minute ago")
    if found[0][0] == "a day or more":
        raise Wrong("what is young comes first, what has waited longest last")
    if sum(count for _, count in found) < 4:
        raise Wrong("what is young is left out: nothing of it is lost, and nothing of it may be forgotten")
    if later != [("a day or more", 4)]:
        raise Wrong("two days later all four have waited for more than a day: ages count up to the `now` that is given")
    if found != [("under an hour", 1), ("under a day", 2), ("a day or more", 1)]:
        raise Wrong(f"1 under an hour, 2 under a day and 1 for longer was expected, not {found}")


def in_one_number(connection: Connection, now: datetime) -> list[StillWaiting]:
    count = connection.scalar(select(func.count()).select_from(activity_waiting)) or 0
    return [StillWaiting("UserPurchased", "UserLoggedIn", "a day or more", count)]


def oldest_first(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now)[::-1]


def old_ones_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each for each in still_waiting(connection, now) if each.age not in list(AGES)[:1]]


def at_a_moment_of_its_own(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, NOON)


WAITS = Exercise(
    name="waits",
    task=(
        "Write the operator's question, `waits(connection, now)`: how many events in `activity_waiting` wait, for "
        "what, how long: a list of `StillWaiting(event_type, waits_for, age, events)`, with the ages `under an hour`, "
        "`under a day` and `a day or more` counted from `occurred_at` to `now`, the most patient last."
    ),
    examine=examine_waits,
    reference=still_waiting,
    hints=("Group by type, by what it waits for, and by age.", "`case((columns.occurred_at > now - limit, name), …)`"),
    mistakes={
        "one number": Mistake(in_one_number, "must not hide"),
        "most patient first": Mistake(oldest_first, "waited longest last"),
        "young ones left out": Mistake(old_ones_only, "left out"),
        "another clock": Mistake(at_a_moment_of_its_own, "the `now` that is given"),
    },
)

exercises = Exercises(REGION_OF, DAY_OF, JOIN, WAITS)
