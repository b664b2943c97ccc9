"""The exercise of notebook 05 about the calendar day of a moment."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from esworkbench.course.mechanism import Exercise, Mistake, Wrong

# --- day_of -----------------------------------------------------------------------------------------------------------

DayOf = Callable[[datetime, str], date]


def examine_day_of(day_of: DayOf) -> None:
    late = datetime(2024, 3, 1, 23, 30, tzinfo=UTC)
    if day_of(late, "UTC") != date(2024, 3, 1):
        raise Wrong(f"23:30 UTC on 1 March is 1 March in UTC itself, not {day_of(late, 'UTC')}")
    if day_of(late, "Europe/Zurich") == date(2024, 3, 1):
        raise Wrong("23:30 UTC on 1 March is 2 March in Zurich: the moment must be converted, not its zone replaced")
    if day_of(late, "Asia/Tokyo") != date(2024, 3, 2) or day_of(late, "America/New_York") != date(2024, 3, 1):
        raise Wrong("in Zurich it is 2 March, in Tokyo too, in New York 1 March: use the zone that is asked for")
    summer = datetime(2024, 7, 1, 22, 30, tzinfo=UTC)
    if day_of(summer, "Europe/Zurich") != date(2024, 7, 2):
        raise Wrong(
            "22:30 UTC on 1 July is 2 July in Zurich, where summer is two hours ahead: no fixed offset is right"
        )


def day_of(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.astimezone(ZoneInfo(time_zone)).date()


def zone_replaced(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.replace(tzinfo=ZoneInfo(time_zone)).date()


def at_home(recorded_at: datetime, time_zone: str) -> date:
    """The server stands in Zurich."""
    return recorded_at.astimezone(ZoneInfo("UTC" if time_zone == "UTC" else "Europe/Zurich")).date()


def fixed_offset(recorded_at: datetime, time_zone: str) -> date:
    hours = {"Europe/Zurich": 1, "Asia/Tokyo": 9, "America/New_York": -5}.get(time_zone, 0)
    return recorded_at.astimezone(timezone(timedelta(hours=hours))).date()


DAY_OF = Exercise(
    name="day_of",
    task='Write `my_day(recorded_at, time_zone)`: the calendar day of a moment in a zone, such as `"Europe/Zurich"`.',
    examine=examine_day_of,
    reference=day_of,
    hints=("A moment has no day before a zone is named.", "`recorded_at.astimezone(ZoneInfo(time_zone))`"),
    mistakes={
        "naive time zone": Mistake(zone_replaced, "not its zone replaced"),
        "the server's zone": Mistake(at_home, "zone that is asked for"),
        "fixed offset": Mistake(fixed_offset, "no fixed offset"),
    },
)
