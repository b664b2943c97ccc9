"""The exercise ``balance_at``: what it was at a moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb01_events_not_rows.balance import balance
from esworkbench.course.nb01_events_not_rows.facts import (
    FACTS_STUB,
    HALF_A_SECOND,
    MICROSECOND,
    NEW_YORK,
    START,
    ZURICH,
    Fact,
    at,
    streams,
)


def balance_at(facts: Sequence[Fact], moment: datetime) -> int:
    """As ``Repository.load_as_of``: the bound is inclusive, a moment without a zone is refused."""
    if moment.utcoffset() is None:
        raise ValueError("say in which zone: a naive time could be any of two dozen moments")
    return balance([fact for fact in facts if fact.recorded_at <= moment])


def _zone_dropped(facts: Sequence[Fact], moment: datetime) -> int:
    _require_zone(moment)
    return balance([fact for fact in facts if fact.recorded_at.replace(tzinfo=None) <= moment.replace(tzinfo=None)])


def _before(facts: Sequence[Fact], moment: datetime) -> int:
    _require_zone(moment)
    return balance([fact for fact in facts if fact.recorded_at < moment])


def _guesses_the_zone(facts: Sequence[Fact], moment: datetime) -> int:
    return balance_at(facts, moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC))


def _todays_balance(facts: Sequence[Fact], moment: datetime) -> int:
    _require_zone(moment)
    return balance(facts)


def _asks_each_fact(facts: Sequence[Fact], moment: datetime) -> int:
    return balance_at(facts, moment) if facts else 0


def _in_whole_seconds(facts: Sequence[Fact], moment: datetime) -> int:
    _require_zone(moment)
    until = moment.replace(microsecond=0)
    return balance([fact for fact in facts if fact.recorded_at.replace(microsecond=0) <= until])


def _by_the_clock_on_the_wall(facts: Sequence[Fact], moment: datetime) -> int:
    _require_zone(moment)
    return balance([fact for fact in facts if fact.recorded_at.astimezone(moment.tzinfo) <= moment])


def _equal_or_before(facts: Sequence[Fact], moment: datetime) -> int:
    _require_zone(moment)
    return balance([fact for fact in facts if fact.recorded_at == moment or fact.recorded_at < moment])


def _require_zone(moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise ValueError


Told = tuple[datetime, list[tzinfo | None]]

OFTEN: Told = (START, [UTC, ZURICH, NEW_YORK, None])

CLOCKS_PUT_BACK: list[Told] = [
    (datetime(2023, 10, 28, 23, 30, tzinfo=UTC), [ZURICH]),
    (datetime(2023, 11, 5, 4, 30, tzinfo=UTC), [NEW_YORK]),
]
"""When facts begin, and in which zone a moment is told, where an hour comes twice soon afterwards."""

TWICE_AT_HALF_PAST_TWO = [Fact(1, "MoneyDeposited", 1, datetime(2023, 10, 29, 0, 30, tzinfo=UTC)),
                          Fact(2, "MoneyDeposited", 2, datetime(2023, 10, 29, 1, 10, tzinfo=UTC)),
                          Fact(3, "MoneyDeposited", 4, datetime(2023, 10, 29, 1, 30, tzinfo=UTC))]  # fmt: skip


@st.composite
def _facts_and_moment(draw: st.DrawFn) -> tuple[list[Fact], datetime]:
    """A moment at, just before or just after one of the facts, if there are any, told in some zone or in none."""
    start, zones = draw(st.sampled_from([OFTEN, OFTEN, *CLOCKS_PUT_BACK]))
    facts = draw(streams(start=start))
    moments = [fact.recorded_at for fact in facts] or [start]
    offs = [
        timedelta(0),
        *(sign * off for off in (HALF_A_SECOND, MICROSECOND, timedelta(minutes=1)) for sign in (1, -1)),
    ]
    moment = draw(st.sampled_from(moments)) + draw(st.sampled_from(offs))
    zone = draw(st.sampled_from(zones))
    return facts, moment.replace(tzinfo=None) if zone is None else moment.astimezone(zone)


BALANCE_AT = Exercise(
    name="balance_at",
    task=(
        "The balance of what was recorded up to `moment`, what was recorded exactly then included. The facts come in "
        "the order of `recorded_at`; a version may be missing. A `moment` without a time zone is refused with "
        "`ValueError`, even where there are no facts."
    ),
    stub=(
        "from datetime import datetime\n\n" + FACTS_STUB + "\n\n"
        "def my_balance_at(facts: list[Fact], moment: datetime) -> int: ..."
    ),
    reference=balance_at,
    cases=_facts_and_moment(),
    examples=[
        ([Fact(1, "MoneyDeposited", 1, at(13, 22))], at(13, 22).replace(tzinfo=None)),
        ([], at(13, 22).replace(tzinfo=None)),
        ([Fact(1, "MoneyDeposited", 1, at(13, 22) + HALF_A_SECOND)], at(13, 22)),
        *(([Fact(1, "MoneyDeposited", 1, at(13, 22) + off)], at(13, 22)) for off in (MICROSECOND, -MICROSECOND)),
        *((TWICE_AT_HALF_PAST_TWO, fact.recorded_at.astimezone(ZURICH)) for fact in TWICE_AT_HALF_PAST_TWO),
    ],
    hints=(
        "Choose the facts first, then fold them. What does `moment.utcoffset()` say of a naive moment?",
        "Keep those with `fact.recorded_at <= moment`: Python compares moments with zones correctly.",
    ),
    mistakes={
        "naive time zone": Mistake(
            _zone_dropped, "the time zone is dropped: 15:17 in Zurich is 14:17 in UTC, another moment"
        ),
        "a zone guessed": Mistake(
            _guesses_the_zone, "a naive moment, one that names no zone, must raise ValueError: whose 15:47 is it?"
        ),
        "exclusive bound": Mistake(_before, "what was recorded exactly at that moment counts: the bound is inclusive"),
        "equal or before": Mistake(
            _equal_or_before,
            "in an hour that comes twice `==` is False for moments of two zones, even for the same one: compare with "
            "`<=` alone, or in UTC",
        ),
        "today's balance": Mistake(
            _todays_balance, "that is today's balance: leave out what was recorded after the moment"
        ),
        "no facts": Mistake(
            _asks_each_fact,
            "a naive moment is refused only where a fact is compared with it: look at the moment before the facts",
        ),
        "whole seconds": Mistake(
            _in_whole_seconds, "moments are cut to whole seconds, but half a second after the moment is after it"
        ),
        "the clock on the wall": Mistake(
            _by_the_clock_on_the_wall,
            "it compares what the clock on the wall says, and when clocks are put back that says each time of one hour "
            "twice: within one zone Python compares only the wall clocks, so compare with a moment in UTC",
        ),
    },
)
