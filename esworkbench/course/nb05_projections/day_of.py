"""The exercise ``day_of``: the day of a moment, which it has once a zone is named."""

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "The calendar day on which a moment falls in a time zone, as a `date`. `recorded_at` is a moment with a zone "
    'of its own, which may be any; `time_zone` names the zone that is asked for, such as `"Europe/Zurich"`.'
)

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "America/Havana"]
"""Havana puts its clocks on at midnight, so that there even the day depends on the hour that is skipped."""

DAYS = [date(2024, 1, 1), date(2024, 3, 10), date(2024, 3, 31), date(2024, 7, 2), date(2024, 11, 3)]


def day_of(recorded_at: datetime, time_zone: str) -> date:
    """The moment is converted first; only then does it have a day."""
    return recorded_at.astimezone(ZoneInfo(time_zone)).date()


@st.composite
def _moments_near_midnight(draw: st.DrawFn) -> tuple[datetime, str]:
    """Within three hours of a midnight in the zone that is asked for, told in any zone."""
    time_zone = draw(st.sampled_from(ZONES))
    day = draw(st.sampled_from(DAYS))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    moment = midnight + timedelta(minutes=draw(st.sampled_from([0, -1e-6, -0.005, -1, 1, -30, 30, -90, 90, -150, 150])))
    told_in = draw(st.sampled_from(["UTC", "UTC", "Asia/Tokyo", "America/New_York"]))
    return moment if told_in == "UTC" else moment.astimezone(ZoneInfo(told_in)), time_zone


def _play_day_of(answer: Any, recorded_at: datetime, time_zone: str) -> Any:
    """Asked once before of the hour that comes twice, told as in this one: two such moments are equal, to Python."""
    with contextlib.suppress(Exception):
        answer(recorded_at.replace(fold=1 - recorded_at.fold), time_zone)
    return answer(recorded_at, time_zone)


def _given_day_of(recorded_at: datetime, time_zone: str) -> str:
    return f"{recorded_at.isoformat()}, and {time_zone!r}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _zone_replaced(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.replace(tzinfo=ZoneInfo(time_zone)).date()


def _at_home(recorded_at: datetime, time_zone: str) -> date:
    return day_of(recorded_at, "Europe/Zurich")


def _in_utc(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.astimezone(UTC).date()


def _fixed_offset(recorded_at: datetime, time_zone: str) -> date:
    offset = ZoneInfo(time_zone).utcoffset(datetime(2024, 1, 1, 12)) or timedelta(0)  # noqa: DTZ001 - a wall clock
    return recorded_at.astimezone(timezone(offset)).date()


def _as_text(recorded_at: datetime, time_zone: str) -> str:
    return day_of(recorded_at, time_zone).isoformat()


def _as_a_moment(recorded_at: datetime, time_zone: str) -> datetime:
    return recorded_at.astimezone(ZoneInfo(time_zone))


# --- the exercise -----------------------------------------------------------------------------------------------------

DAY_OF = Exercise(
    name="day_of",
    task=TASK,
    stub=(
        "from datetime import date, datetime\nfrom zoneinfo import ZoneInfo\n\n\n"
        "def my_day_of(recorded_at: datetime, time_zone: str) -> date: ..."
    ),
    reference=day_of,
    cases=_moments_near_midnight(),
    examples=[
        (datetime(2024, 7, 2, 3, tzinfo=ZoneInfo("Asia/Tokyo")), "America/New_York"),
        (datetime(2024, 7, 2, 23, tzinfo=ZoneInfo("America/New_York")), "Asia/Kolkata"),
        (datetime(2024, 7, 2, 4, tzinfo=ZoneInfo("Asia/Tokyo")), "Europe/Zurich"),
        (datetime(2024, 7, 2, 23, 59, 59, 700_000, tzinfo=UTC), "UTC"),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), "UTC"),
        (datetime(2023, 10, 29, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Zurich")), "Atlantic/Cape_Verde"),
    ],
    play=_play_day_of,
    given=_given_day_of,
    hints=(
        "A moment has no day before a zone is named.",
        "`recorded_at.astimezone(ZoneInfo(time_zone))` is the same moment in that zone; `.date()` is its day.",
    ),
    mistakes={
        "naive time zone": Mistake(
            _zone_replaced,
            "it is the day in the zone that `recorded_at` came with: convert the moment first, and don't just replace "
            "its zone, since then the hour stays",
        ),
        "in UTC": Mistake(
            _in_utc,
            "it is the day in UTC, whichever zone is asked for: an `astimezone()` that names none takes the computer's",
        ),
        "the server's zone": Mistake(_at_home, "it is the day in Zurich, whichever zone is asked for"),
        "fixed offset": Mistake(
            _fixed_offset,
            "it uses the zone's offset of winter all year: where clocks change, no fixed offset is right",
        ),
        "as text": Mistake(_as_text, "it is the right day, but as a text: return a `date`"),
        "as a moment": Mistake(
            _as_a_moment, "it is the same moment told in that zone, and still has an hour: return its `date`"
        ),
    },
)
