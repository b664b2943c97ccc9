"""Two exercises of notebook 07: how late is late, by percentiles, and which holds are too old."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, select

from esworkbench.course.branch import START, branch
from esworkbench.course.mechanism import Exercise, Mistake, Wrong
from esworkbench.cqrs.queries import Found
from esworkbench.domains.bank import RequestWithdrawal
from esworkbench.domains.bank.queries import (
    Hold,
    PendingWithdrawalsOlderThan,
    read_pending_too_long,
)
from esworkbench.domains.bank.read_models import PendingWithdrawals
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.events import utc_now
from esworkbench.projections.monitoring.measure import Percentiles, percentiles

# --- lag_percentiles --------------------------------------------------------------------------------------------------


def examine_percentiles(percentiles: Callable[[Sequence[float]], Sequence[float]]) -> None:
    hundred = [float(value) for value in range(1, 101)]
    found = tuple(percentiles(hundred))
    if tuple(percentiles(hundred[::-1])) != found:
        raise Wrong("the same measurements in another order have other percentiles: sort first")
    if found == (51.0, 96.0, 100.0):
        raise Wrong("of 100 measurements the p50 is the 50th, which stands at index 49: off by one")
    if len(set(found)) == 1:
        raise Wrong("all three are alike: that is an average, in which one customer in a hundred disappears")
    if tuple(percentiles([0.1, 0.1, 3.0])) != (0.1, 3.0, 3.0):
        raise Wrong("of 0.1, 0.1 and 3.0 the p99 is 3.0: each percentile is a value that somebody really waited")
    if found != (50.0, 95.0, 99.0):
        raise Wrong(f"of the values 1 to 100 they are 50, 95 and 99, not {found}")


def averages(values: Sequence[float]) -> Percentiles:
    return Percentiles(*[sum(values) / len(values)] * 3)


def off_by_one(values: Sequence[float]) -> Percentiles:
    ascending = sorted(values)
    return Percentiles(*(ascending[len(ascending) * share // 100] for share in (50, 95, 99)))


def unsorted(values: Sequence[float]) -> Percentiles:
    return Percentiles(*(values[math.ceil(len(values) * share / 100) - 1] for share in (50, 95, 99)))


def in_between(values: Sequence[float]) -> Percentiles:
    ascending = sorted(values)

    def at(share: float) -> float:
        place = (len(ascending) - 1) * share / 100
        below = math.floor(place)
        above = min(below + 1, len(ascending) - 1)
        return ascending[below] + (ascending[above] - ascending[below]) * (place - below)

    return Percentiles(at(50), at(95), at(99))


LAG_PERCENTILES = Exercise(
    name="lag_percentiles",
    task=(
        "Write `lag_percentiles(values)`: p50, p95 and p99, each the smallest measured value that so many of 100 "
        "measurements did not exceed."
    ),
    examine=examine_percentiles,
    reference=percentiles,
    hints=(
        "Sort, then count from the front.",
        "Of n values the p99 is number ⌈n · 99 / 100⌉, counted from 1.",
    ),
    mistakes={
        "the average": Mistake(averages, "one customer in a hundred"),
        "off by one": Mistake(off_by_one, "off by one"),
        "not sorted": Mistake(unsorted, "sort first"),
        "values nobody waited": Mistake(in_between, "somebody really waited"),
    },
)


# --- old_holds --------------------------------------------------------------------------------------------------------

WITHDRAWALS = {"w-1": 30, "w-2": 25, "w-3": 20}
"""Hours before START at which each was requested."""

LIMIT = timedelta(hours=24)
OldHolds = Callable[[PendingWithdrawalsOlderThan, Connection], Found[list[Hold]]]


def examine_old_holds(old_holds: OldHolds) -> None:
    with branch() as here:
        for withdrawal, hours in WITHDRAWALS.items():
            here.moment = START - timedelta(hours=hours)
            here.bank.handle(
                RequestWithdrawal(
                    account_id="joint", withdrawal_id=withdrawal, amount_minor=10_00, currency="USD", reference="atm"
                )
            )
        here.run(PendingWithdrawals())
        with here.store.engine.connect() as connection:
            at_noon, in_tokyo = (
                [
                    hold.withdrawal_id
                    for hold in old_holds(PendingWithdrawalsOlderThan(limit=LIMIT, now=now), connection).value
                ]
                for now in (START, START.astimezone(ZoneInfo("Asia/Tokyo")))
            )
    if at_noon == ["w-3"]:
        raise Wrong("that is the young one: an old hold was requested before `now` minus the limit")
    if at_noon == ["w-2", "w-1"]:
        raise Wrong("the one that has waited longest comes first")
    if "w-3" in at_noon:
        raise Wrong(
            "a hold of 20 hours ago is too young: ages count up to the question's own `now`, not to the clock's"
        )
    if at_noon != ["w-1", "w-2"]:
        raise Wrong(f"at that moment the holds of 30 and 25 hours ago are too old, not {at_noon}")
    if in_tokyo != at_noon:
        raise Wrong("asked from Tokyo about the same moment, the answer is another: its offset was thrown away")


def holds_where(
    condition: ColumnElement[bool], connection: Connection, *, newest_first: bool = False
) -> Found[list[Hold]]:
    columns = pending_withdrawals.c
    wanted = select(*(columns[name] for name in Hold._fields)).where(condition)
    moment = columns.requested_at
    rows = connection.execute(wanted.order_by(moment.desc() if newest_first else moment))
    return Found([Hold(*row) for row in rows])


def young_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at > query.now - query.limit, connection)


def newest_first(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at < query.now - query.limit, connection, newest_first=True)


def by_the_wall_clock(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at < utc_now() - query.limit, connection)


def without_offset(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at < query.now.replace(tzinfo=UTC) - query.limit, connection)


OLD_HOLDS = Exercise(
    name="old_holds",
    task=(
        "Write the monitor's question, `old_holds(query, connection)`: every hold in `pending_withdrawals` that at "
        "`query.now` is older than `query.limit`, the oldest first, as `Found([Hold(…), …])`."
    ),
    examine=examine_old_holds,
    reference=read_pending_too_long,
    hints=(
        "`requested_at` is compared with one moment, worked out before the statement is sent.",
        "`select(…).where(pending_withdrawals.c.requested_at < query.now - query.limit).order_by(…)`",
    ),
    mistakes={
        "the young ones": Mistake(young_holds, "the young one"),
        "newest first": Mistake(newest_first, "waited longest comes first"),
        "the wall clock": Mistake(by_the_wall_clock, "not to the clock's"),
        "naive time zone": Mistake(without_offset, "offset was thrown away"),
    },
)
