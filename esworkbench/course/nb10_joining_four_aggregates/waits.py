"""The exercise ``waits``: what is still waiting, for what, and for how long."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select

from esworkbench.course.case_database import case_engine
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.domains.activity.read_models import StillWaiting, still_waiting
from esworkbench.domains.activity.read_models.waiting import activity_waiting

TASK = (
    "The operator's question: how many events are waiting, for what, and for how long? Read the table "
    "`activity_waiting`, whose columns `event_type`, `waits_for` and `occurred_at` matter here, and return a list "
    "of `StillWaiting(event_type, waits_for, age, events)`, one for each group that has any events. The ages, "
    "counted from `occurred_at` to `now` (in UTC), are `under an hour`, `under a day` (an hour or more) and `a day "
    "or more`; seconds are not rounded, and an event dated later than `now`, by a clock that is ahead, is `under "
    "an hour`. The longest wait comes last; the order within an age is yours. Compare `occurred_at` in a `select` "
    "or in Python: in plain SQL text, SQLite can't take a `datetime`."
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Waiting = tuple[str, str, float]
"""Type, what it waits for, and how many seconds ago it happened; below 0, it is yet to come."""


def _play_waits(answer: Any, waiting: list[Waiting], now: datetime) -> Any:
    """The answer's rows; those of one age may come in any order. Some are of one session, some of another user."""
    rows = [
        {
            "event_id": f"e{number}", "event_type": event_type, "correlation_id": f"s{(number + 1) // 2}",
            "waits_for": waits_for, "user_id": ("ada", "bob")[number % 2], "profile_version": 0, "day": NOON.date(),
            "amount_minor": 100, "currency": "EUR", "occurred_at": now - timedelta(seconds=seconds),
        }
        for number, (event_type, waits_for, seconds) in enumerate(waiting)
    ]  # fmt: skip
    with case_engine().connect() as connection:
        activity_waiting.create(connection, checkfirst=True)
        connection.execute(delete(activity_waiting))
        if rows:
            connection.execute(insert(activity_waiting), rows)
        found = answer(connection, now)
        found = found if not isinstance(found, Iterable) else list(found)
        left = connection.scalar(select(func.count()).select_from(activity_waiting))
        connection.rollback()
    told = _any_order_within_an_age(found)
    return told if left == len(rows) else {"it says": told, "and leaves in the table": f"{left} rows of {len(rows)}"}


def _any_order_within_an_age(found: Any) -> Any:
    if not isinstance(found, list) or not all(isinstance(each, Sequence) and len(each) == 4 for each in found):
        return found
    by_age = groupby(map(tuple, found), key=lambda row: row[2])
    return [StillWaiting(*row) for _, rows in by_age for row in sorted(rows, key=repr)]


KINDS = st.sampled_from(
    [
        ("UserPurchased", "UserLoggedIn"),
        ("UserReferralSubmitted", "UserLoggedIn"),
        ("UserLoggedIn", "UserProfileUpdated"),
        ("UserPurchased", "UserProfileUpdated"),
    ]
)
HOUR, DAY = 3_600, 86_400
SECONDS = st.sampled_from(
    [
        0,
        60,
        HOUR - 60,
        HOUR - 0.4,
        HOUR,
        HOUR + 60,
        DAY - 60,
        DAY - 0.4,
        DAY,
        DAY + 60,
        2 * DAY,
        400 * DAY,
        -60,
        -2 * DAY,
    ]
)


@st.composite
def _waiting_lines(draw: st.DrawFn) -> tuple[list[Waiting], datetime]:
    """A few events that wait, as old as the bounds of the ages, or a little more or less."""
    lines = draw(st.lists(st.tuples(KINDS, SECONDS), max_size=5))
    now = NOON + timedelta(minutes=draw(st.sampled_from([0, 61, 2_880])), seconds=draw(st.sampled_from([0, 0, 30.5])))
    return [(*kind, seconds) for kind, seconds in lines], now


def _told_waiting(waiting: list[Waiting], now: datetime) -> str:
    lines = (
        f"\n  {kind} waits for {other}, occurred_at={now - timedelta(seconds=ago)}" for kind, other, ago in waiting
    )
    return f"now={now}, waiting:{''.join(lines) or ' nothing'}"


A_FEW_WAITING: list[Waiting] = [
    *[("UserPurchased", "UserLoggedIn", seconds) for seconds in (0, HOUR, 5 * HOUR, DAY, 30 * HOUR)],
    ("UserPurchased", "UserProfileUpdated", 60),
    ("UserLoggedIn", "UserProfileUpdated", 60),
]
ALMOST: list[Waiting] = [("UserPurchased", "UserLoggedIn", seconds) for seconds in (HOUR - 0.4, DAY - 0.4)]
YET_TO_COME: list[Waiting] = [("UserPurchased", "UserLoggedIn", -60)]
EXACTLY: list[Waiting] = [("UserPurchased", "UserLoggedIn", seconds) for seconds in (HOUR, DAY)]
FOR_A_YEAR: list[Waiting] = [("UserPurchased", "UserLoggedIn", 400 * DAY)]


# --- mistakes ---------------------------------------------------------------------------------------------------------


def in_one_number(connection: Connection, now: datetime) -> list[StillWaiting]:
    count = sum(each.events for each in still_waiting(connection, now))
    return [StillWaiting("UserPurchased", "UserLoggedIn", "a day or more", count)]


def oldest_first(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now)[::-1]


def old_ones_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each for each in still_waiting(connection, now) if each.age != "under an hour"]


def at_a_moment_of_its_own(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, NOON)


def bounds_belong_below(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now - timedelta(microseconds=1))


def by_type_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    """As a query that groups by type and age, and takes some row's ``waits_for``."""
    together: dict[tuple[str, str], StillWaiting] = {}
    for each in still_waiting(connection, now):
        known = together.get((each.event_type, each.age))
        together[each.event_type, each.age] = known._replace(events=known.events + each.events) if known else each
    return list(together.values())


def future_left_out(connection: Connection, now: datetime) -> list[StillWaiting]:
    columns = activity_waiting.c
    ahead = connection.execute(select(columns.event_type, columns.waits_for).where(columns.occurred_at > now))
    early = Counter((event_type, waits_for, "under an hour") for event_type, waits_for in ahead)
    left = [each._replace(events=each.events - early[each[:3]]) for each in still_waiting(connection, now)]
    return [each for each in left if each.events]


def one_by_one(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each._replace(events=1) for each in still_waiting(connection, now) for _ in range(each.events)]


# --- the exercise -----------------------------------------------------------------------------------------------------

WAITS = Exercise(
    name="waits",
    task=TASK,
    stub=(
        "from datetime import datetime, timedelta\n\nfrom sqlalchemy import Connection, case, func, select\n\n"
        "from esworkbench.domains.activity.read_models import StillWaiting\n"
        "from esworkbench.domains.activity.read_models.waiting import activity_waiting\n\n\n"
        "def my_waits(connection: Connection, now: datetime) -> list[StillWaiting]: ..."
    ),
    reference=still_waiting,
    cases=_waiting_lines(),
    examples=[
        (A_FEW_WAITING, NOON),
        (A_FEW_WAITING, NOON + timedelta(days=2)),
        ([], NOON),
        (ALMOST, NOON),
        *((lines, NOON + timedelta(seconds=30.5)) for lines in (EXACTLY, ALMOST)),
        (YET_TO_COME, NOON),
        (FOR_A_YEAR, NOON),
    ],
    play=_play_waits,
    given=_told_waiting,
    hints=(
        "Group by type, by what it waits for, and by age.",
        "With `columns = activity_waiting.c`, the age is `case((columns.occurred_at > now - timedelta(hours=1), 'under "
        "an hour'), …, else_='a day or more').label('age')`; group by it, and sort in Python.",
    ),
    mistakes={
        "one number": Mistake(
            in_one_number, "one number for all: what has waited for a day must not hide behind what came a minute ago"
        ),
        "longest wait first": Mistake(oldest_first, "the shortest wait comes first, and the longest wait last"),
        "young ones left out": Mistake(
            old_ones_only, "the young ones are left out: none of them is lost, and none may be forgotten"
        ),
        "another clock": Mistake(
            at_a_moment_of_its_own, "ages count up to the `now` that is given, and yours up to another moment"
        ),
        "a bound on the wrong side": Mistake(
            bounds_belong_below,
            "what has waited exactly an hour, or exactly a day, isn't under it any more: it belongs to the next age",
        ),
        "by type only": Mistake(
            by_type_only, "events of one type may wait for different things: group by `waits_for` as well"
        ),
        "the future left out": Mistake(
            future_left_out, "what is dated later than `now` is left out: it waits as well, and is under an hour old"
        ),
        "one by one": Mistake(one_by_one, "each event has a row of its own: count those of one group in one row"),
    },
)
