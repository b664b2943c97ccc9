"""Events as this notebook uses them, and streams of them."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.events import MAX_AMOUNT_MINOR

ZURICH = ZoneInfo("Europe/Zurich")

NEW_YORK = ZoneInfo("America/New_York")


class Fact(NamedTuple):
    """An event as this notebook uses it: its version, its type, the amount in minor units, when it was recorded."""

    version: int
    kind: str
    amount_minor: int
    recorded_at: datetime


# 14 March 2023 is a Tuesday. Zurich is one hour ahead of UTC until the clocks change on the 26th.
def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2023, 3, day, hour, minute, tzinfo=UTC)


POSTED = {
    "AccountOpened": 0,
    "MoneyDeposited": 1,
    "MoneyWithdrawn": -1,
    "TransferSent": -1,
    "FeeCharged": -1,
    "InterestCredited": 1,
    "WithdrawalRequested": -1,
    "WithdrawalSettled": 0,
    "WithdrawalCancelled": 1,
}
"""What each event type of the bank does to the account's own balance."""

HALF_A_SECOND = timedelta(milliseconds=500)

MICROSECOND = timedelta(microseconds=1)

STEPS = st.sampled_from(
    [
        timedelta(0),
        HALF_A_SECOND,
        MICROSECOND,
        timedelta(minutes=1),
        timedelta(hours=1),
        timedelta(hours=11, minutes=30),
    ]
)

START = at(13, 22)

AMOUNTS = st.integers(1, 5_000) | st.integers(MAX_AMOUNT_MINOR // 2, MAX_AMOUNT_MINOR)


@st.composite
def streams(draw: st.DrawFn, *, fewest: int = 0, start: datetime = START) -> list[Fact]:
    """Facts of one account, each no earlier than the one before: versions from 1, some of them missing."""
    lives = draw(st.lists(st.tuples(st.sampled_from(sorted(POSTED)), AMOUNTS, STEPS), min_size=fewest, max_size=6))
    facts: list[Fact] = []
    moment, version = start, 0
    for kind, amount, step in lives:
        moment += step
        version += draw(st.sampled_from([1, 1, 2])) if facts else 1
        facts.append(Fact(version, kind, amount, moment))
    return facts


FACTS_STUB = "from esworkbench.course.nb01_events_not_rows import POSTED, Fact\n"
