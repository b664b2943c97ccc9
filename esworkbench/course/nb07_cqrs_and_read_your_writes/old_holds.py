"""The exercise ``old_holds``: which withdrawals have been on hold for too long."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select

from esworkbench.course.case_database import case_engine
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.cqrs.queries import Found
from esworkbench.domains.bank.queries import Hold, PendingWithdrawalsOlderThan
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now

TASK = (
    "The monitor's question: every hold in `pending_withdrawals` that at `query.now` has been open for longer than "
    "`query.limit`, as `Found([Hold(…), …])`. One of exactly that age isn't too old yet. The oldest comes first; "
    "of two of the same moment, the one with the lower position. The columns are named like the fields of `Hold`. "
    "Compare `pending_withdrawals.c.requested_at` with a `datetime`, which the column turns into what the database "
    "keeps; in an SQL text of your own, SQLite would compare texts. `query.now` may be told in any time zone; "
    "where it names none, raise `UnusableInput`."
)


def old_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """Hours are counted in UTC: a zone's clock may have been put on or back meanwhile."""
    if query.now.utcoffset() is None:
        raise UnusableInput("say in which zone: a naive time could be any of two dozen moments")
    columns = pending_withdrawals.c
    wanted = (
        select(*(columns[name] for name in Hold._fields))
        .where(columns.requested_at < query.now.astimezone(UTC) - query.limit)
        .order_by(columns.requested_at, columns.position)
    )
    return Found([Hold(*row) for row in connection.execute(wanted)])


def _play_old_holds(answer: Any, holds: list[Hold], limit: timedelta, now: datetime) -> Any:
    """A question changes nothing, and whoever lent the connection goes on with it."""
    with case_engine().connect() as connection:
        pending_withdrawals.create(connection, checkfirst=True)
        connection.execute(delete(pending_withdrawals))
        if holds:
            connection.execute(insert(pending_withdrawals), [hold._asdict() for hold in holds])
        connection.commit()
        connection.execute(select(pending_withdrawals.c.position))  # a transaction is open, as the bus has looked
        found = answer(PendingWithdrawalsOlderThan(limit=limit, now=now), connection)
        value = [tuple(hold) for hold in found.value]
        if connection.closed:
            return {"value": value, "the connection": "closed"}
        left = connection.scalar(select(func.count()).select_from(pending_withdrawals))
        return {"value": value} if left == len(holds) else {"value": value, "rows left": left}


ZURICH = ZoneInfo("Europe/Zurich")
CLOCKS_CHANGED = datetime(2024, 3, 31, 10, tzinfo=UTC)
"""Nine hours after the clocks were put on in Zurich, so that 24 hours before it was 11:00 there, and not 12:00."""

ODD_LIMIT = timedelta(hours=1, minutes=30, seconds=20.5)


@st.composite
def _holds_and_question(draw: st.DrawFn) -> tuple[list[Hold], timedelta, datetime]:
    """Holds a moment before, at and after the limit, often two at once, in rows of any order."""
    limit = draw(st.sampled_from([timedelta(hours=24), timedelta(hours=1), timedelta(hours=36), ODD_LIMIT]))
    moment = CLOCKS_CHANGED + draw(st.sampled_from([timedelta(0), timedelta(seconds=30.5)]))
    steps = st.sampled_from(
        [
            timedelta(0),
            timedelta(days=4),
            *(timedelta(minutes=minutes) for minutes in (1, -1, 30, -30)),
            *(timedelta(milliseconds=milliseconds) for milliseconds in (500, 250, -500, -250)),
        ]
    )
    holds = [
        Hold(
            *draw(st.sampled_from([("joint", f"w-{number}"), ("savings", f"w-{number}"), (f"a-{number}", "w-1")])),
            "USD",
            10_00,
            moment - limit + step,
            number,
        )
        for number, step in enumerate(draw(st.lists(steps, max_size=4)), start=1)
    ]
    zone = draw(st.sampled_from([UTC, ZURICH, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), None]))
    now = moment.replace(tzinfo=None) if zone is None else moment.astimezone(zone)
    return draw(st.permutations(holds)), limit, now


def _young_and_old(limit: timedelta) -> list[Hold]:
    """Minutes older than the limit, or younger; one is half a second older."""
    return [
        Hold("joint", f"w-{number}", "USD", 10_00, CLOCKS_CHANGED - limit - timedelta(minutes=older), number)
        for number, older in enumerate((30, -1, 0, 1, 90, 1 / 120), start=1)
    ]


ALMOST_AND_JUST = [
    Hold("joint", f"w-{number}", "USD", 10_00, CLOCKS_CHANGED - ODD_LIMIT + timedelta(seconds=30.5 + younger), number)
    for number, younger in enumerate((0.25, -0.25), start=1)
]

SAME_ID = [
    Hold(account, "w-1", "USD", 10_00, CLOCKS_CHANGED - timedelta(hours=25, milliseconds=older), number)
    for number, (account, older) in enumerate((("joint", 250), ("savings", 500)), start=1)
]
"""A withdrawal's name is its account's own affair; and the later position is older, within one second."""

SECOND_TIME = datetime(2024, 10, 27, 2, 30, tzinfo=ZURICH, fold=1)
"""The clocks were put back at 3:00, so that it is 2:30 again: 1:30 in UTC, and not 0:30."""

OVER_AN_HOUR = Hold("joint", "w-1", "USD", 10_00, datetime(2024, 10, 27, tzinfo=UTC), 1)


def _given_old_holds(holds: list[Hold], limit: timedelta, now: datetime) -> str:
    told = [
        f"{hold.withdrawal_id} of {hold.account_id} requested at {hold.requested_at} (position {hold.position})"
        for hold in holds
    ]
    return f"limit {limit}, now {now.isoformat()}; {', '.join(told) or 'no holds'}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _asked(query: PendingWithdrawalsOlderThan, now: datetime) -> PendingWithdrawalsOlderThan:
    return PendingWithdrawalsOlderThan(limit=query.limit, now=now)


def _young_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    old = old_holds(query, connection).value
    everything = old_holds(_asked(query, datetime(2100, 1, 1, tzinfo=UTC)), connection).value
    return Found([hold for hold in everything if hold not in old])


def _newest_first(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return Found(old_holds(query, connection).value[::-1])


def _by_the_wall_clock(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    old_holds(query, connection)
    return old_holds(_asked(query, utc_now()), connection)


def _without_offset(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    old_holds(query, connection)
    return old_holds(_asked(query, query.now.replace(tzinfo=UTC)), connection)


def _zone_guessed(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return old_holds(_asked(query, query.now if query.now.tzinfo else query.now.replace(tzinfo=UTC)), connection)


def _at_the_limit(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """The column keeps microseconds."""
    old_holds(query, connection)
    return old_holds(_asked(query, query.now.astimezone(UTC) + timedelta(microseconds=1)), connection)


def _hours_of_the_zone(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """Python subtracts within a zone, from the clock on its wall."""
    old_holds(query, connection)
    end = query.now - query.limit
    return old_holds(PendingWithdrawalsOlderThan(limit=timedelta(0), now=end), connection)


# --- the exercise -----------------------------------------------------------------------------------------------------

OLD_HOLDS = Exercise(
    name="old_holds",
    task=TASK,
    stub=(
        "from datetime import UTC\n\nfrom sqlalchemy import Connection, select\n\n"
        "from esworkbench.cqrs.queries import Found\n"
        "from esworkbench.domains.bank.queries import Hold, PendingWithdrawalsOlderThan\n"
        "from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals\n"
        "from esworkbench.errors import UnusableInput\n\n\n"
        "def my_old_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]: ..."
    ),
    reference=old_holds,
    cases=_holds_and_question(),
    examples=[
        *((_young_and_old(timedelta(hours=hours)), timedelta(hours=hours), CLOCKS_CHANGED) for hours in (24, 1)),
        (ALMOST_AND_JUST, ODD_LIMIT, CLOCKS_CHANGED + timedelta(seconds=30.5)),
        (SAME_ID, timedelta(hours=24), CLOCKS_CHANGED),
        ([OVER_AN_HOUR], timedelta(hours=1), SECOND_TIME),
        ([OVER_AN_HOUR], timedelta(hours=1), datetime(2024, 10, 23, tzinfo=UTC)),
    ],
    play=_play_old_holds,
    given=_given_old_holds,
    hints=(
        "`requested_at` is compared with one moment, worked out before the statement is sent. How old is old?",
        "`select(…).where(pending_withdrawals.c.requested_at < query.now.astimezone(UTC) - query.limit)`, of the "
        "columns `pending_withdrawals.c[name]` for each `name in Hold._fields`, and `.order_by(…)`.",
    ),
    mistakes={
        "the young ones": Mistake(
            _young_holds, "these are the young ones: an old hold was requested before `now` minus the limit"
        ),
        "newest first": Mistake(_newest_first, "the order is the wrong way round: who has waited longest comes first"),
        "the wall clock": Mistake(
            _by_the_wall_clock, "ages count up to the question's own `now`, and not to that of the clock on the wall"
        ),
        "naive time zone": Mistake(
            _without_offset,
            "the offset of `now` counts for nothing, as where texts are compared: the same moment told in another zone "
            "gives other holds",
        ),
        "a zone guessed": Mistake(
            _zone_guessed, "a `now` that names no zone must raise UnusableInput: it could be any of two dozen moments"
        ),
        "hours of the zone": Mistake(
            _hours_of_the_zone,
            "the limit is taken off the clock on the wall, which is put on and back: turn `now` into UTC first",
        ),
        "at the limit": Mistake(
            _at_the_limit, "a hold of exactly the limit's age is not older than the limit: leave it out"
        ),
    },
)
