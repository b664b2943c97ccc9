"""Exercises of notebook 01: derive a balance, ask about the past, and correct without deleting."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.observe import reply
from esworkbench.events import MAX_AMOUNT_MINOR

ZURICH = ZoneInfo("Europe/Zurich")
NEW_YORK = ZoneInfo("America/New_York")
CAIRO = ZoneInfo("Africa/Cairo")


class Fact(NamedTuple):
    """An event as this notebook uses it: its version, its type, the amount in minor units, when it was recorded."""

    version: int
    kind: str
    amount_minor: int
    recorded_at: datetime


# 14 March 2023 is a Tuesday. Zurich is one hour ahead of UTC until the clocks change on the 26th.
def _at(day: int, hour: int, minute: int = 0) -> datetime:
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

START = _at(13, 22)
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

# --- balance ----------------------------------------------------------------------------------------------------------


def balance(facts: Sequence[Fact]) -> int:
    """A settled withdrawal posts 0: its request has taken the money already."""
    return sum(POSTED[fact.kind] * fact.amount_minor for fact in facts)


def _summed(facts: Sequence[Fact], **otherwise: int) -> int:
    """With other signs for some event types."""
    return sum((POSTED | otherwise)[fact.kind] * fact.amount_minor for fact in facts)


def _settled_twice(facts: Sequence[Fact]) -> int:
    return _summed(facts, WithdrawalSettled=-1)


def _at_settlement(facts: Sequence[Fact]) -> int:
    return _summed(facts, WithdrawalRequested=0, WithdrawalSettled=-1, WithdrawalCancelled=0)


def _in_dollars(facts: Sequence[Fact]) -> float:
    return sum(POSTED[fact.kind] * fact.amount_minor / 100 for fact in facts)


def _all_added(facts: Sequence[Fact]) -> int:
    return sum(fact.amount_minor for fact in facts)


def _without_fees(facts: Sequence[Fact]) -> int:
    return _summed(facts, FeeCharged=0)


def _cancelled_forgotten(facts: Sequence[Fact]) -> int:
    return _summed(facts, WithdrawalCancelled=0)


BALANCE = Exercise(
    name="balance",
    task=(
        "Fold the facts into the balance in minor units, an `int`; without facts it is 0. A fact's `kind` is its event "
        "type, and `POSTED` has the sign of each: a withdrawal takes the money when it is requested, settling it posts "
        "nothing, and cancelling it gives the money back. Versions ascend, but one may be missing."
    ),
    stub=FACTS_STUB + "\n\ndef my_balance(facts: list[Fact]) -> int: ...",
    reference=balance,
    cases=st.tuples(streams()),
    examples=[
        ([Fact(1, "WithdrawalRequested", 2_020, _at(13, 9))],),
        ([Fact(1, "MoneyDeposited", 3_000_000_000, _at(13, 9)), Fact(3, "MoneyDeposited", 100, _at(13, 9))],),
    ],
    hints=(
        "Give each kind a sign. Which of requested and settled takes the money?",
        "`POSTED` holds the signs: sum `POSTED[fact.kind] * fact.amount_minor`.",
    ),
    mistakes={
        "float money": Mistake(_in_dollars, "it is a float: money is counted in whole minor units, or cents get lost"),
        "double apply": Mistake(
            _settled_twice, "the settled withdrawal is taken off twice: its request has taken the money already"
        ),
        "at settlement": Mistake(
            _at_settlement, "the money is gone from the moment it is requested: until then it could be spent twice"
        ),
        "no signs": Mistake(_all_added, "withdrawals and fees are added; they take money away"),
        "an event type overlooked": Mistake(
            _without_fees, "the fee is missing: an event type that a fold overlooks makes no noise"
        ),
        "cancelled": Mistake(
            _cancelled_forgotten, "a cancelled withdrawal gives the money back, which its request has taken"
        ),
    },
)

# --- balance_at -------------------------------------------------------------------------------------------------------


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
        ([Fact(1, "MoneyDeposited", 1, _at(13, 22))], _at(13, 22).replace(tzinfo=None)),
        ([], _at(13, 22).replace(tzinfo=None)),
        ([Fact(1, "MoneyDeposited", 1, _at(13, 22) + HALF_A_SECOND)], _at(13, 22)),
        *(([Fact(1, "MoneyDeposited", 1, _at(13, 22) + off)], _at(13, 22)) for off in (MICROSECOND, -MICROSECOND)),
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

# --- between ----------------------------------------------------------------------------------------------------------


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
    (ZURICH, datetime(2023, 3, 14)),  # noqa: DTZ001 - a day, which the zone beside it makes a midnight
    (NEW_YORK, datetime(2023, 3, 14)),  # noqa: DTZ001 - a day, its zone apart
    (ZoneInfo("UTC"), datetime(2023, 3, 14)),  # noqa: DTZ001 - a day, its zone apart
    (ZURICH, datetime(2023, 3, 26)),  # noqa: DTZ001 - a day, its zone apart
    (NEW_YORK, datetime(2023, 3, 12)),  # noqa: DTZ001 - a day, its zone apart
    (ZURICH, datetime(2023, 10, 29)),  # noqa: DTZ001 - a day, its zone apart
    (NEW_YORK, datetime(2023, 11, 5)),  # noqa: DTZ001 - a day, its zone apart
    (ZURICH, datetime(2023, 3, 31)),  # noqa: DTZ001 - a day, its zone apart
    (NEW_YORK, datetime(2024, 2, 29)),  # noqa: DTZ001 - a day, its zone apart
    (ZoneInfo("UTC"), datetime(2023, 12, 31)),  # noqa: DTZ001 - a day, its zone apart
    (CAIRO, datetime(2023, 10, 26)),  # noqa: DTZ001 - a day, its zone apart
]
"""Where a customer lives, and a day there: any day, one of 23 hours, one of 25, the last one of a month or a year.

In Cairo the hour that comes twice is the last one of the day.
"""

EDGES = [timedelta(0), -HALF_A_SECOND, -MICROSECOND, timedelta(minutes=-30), timedelta(minutes=30)]


@st.composite
def _facts_and_days(draw: st.DrawFn) -> tuple[list[Fact], datetime, datetime, ZoneInfo]:
    """Two midnights where the customer lives, and facts on the edges of the two days now and then."""
    zone, day = draw(st.sampled_from(DAYS))
    first = (day - timedelta(days=draw(st.integers(0, 1)))).replace(tzinfo=zone)
    last = first + timedelta(days=draw(st.integers(0, 2)))
    start = (day - timedelta(days=1)).replace(hour=22, tzinfo=UTC)
    moments = [(fact.recorded_at, fact.kind, fact.amount_minor) for fact in draw(streams(fewest=1, start=start))]
    for edge in first, last + timedelta(days=1):
        off = draw(st.sampled_from([None, *EDGES]))
        if off is not None:
            moments.append((edge.astimezone(UTC) + off, "MoneyDeposited", 1))
    missing = draw(st.integers(1, 9))
    facts = [
        Fact(number + (number >= missing), kind, amount, at)
        for number, (at, kind, amount) in enumerate(sorted(moments), start=1)
    ]
    return facts, first, last, zone


def _on_edges(first: datetime, days: int, zone: ZoneInfo, off: timedelta) -> Any:
    """Some days, and a fact so long before or after the beginning and the end of them."""
    midnights = [(first + timedelta(days=number)).replace(tzinfo=zone) for number in (0, days - 1, days)]
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
        for day, days in ((datetime(2023, 3, 25), 3), (datetime(2023, 3, 14), 1))  # noqa: DTZ001 - a day, its zone apart
        for zone in (ZURICH,)
        for off in (-MICROSECOND, timedelta(minutes=-30), timedelta(minutes=30))
    ]
    + [
        _on_edges(datetime(2023, 12, 31), 2, ZURICH, timedelta(minutes=30)),  # noqa: DTZ001 - a day, its zone apart
        _on_edges(datetime(2023, 10, 26), 1, CAIRO, timedelta(minutes=-30)),  # noqa: DTZ001 - a day, its zone apart
        _on_edges(datetime(2023, 3, 14), 1, ZURICH, timedelta(days=-365, minutes=30)),  # noqa: DTZ001 - a day, its zone apart
        _on_edges(datetime(2023, 3, 14), 1, ZURICH, timedelta(days=-31, minutes=-30)),  # noqa: DTZ001 - a day, its zone apart
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

# --- compensate -------------------------------------------------------------------------------------------------------


def compensate(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    """Everything that was there, and one more fact, which posts the opposite of the wrong one."""
    wrong = next(fact for fact in facts if fact.version == wrong_version)
    kind = {1: "MoneyWithdrawn", -1: "MoneyDeposited"}[POSTED[wrong.kind]]
    return [*facts, Fact(facts[-1].version + 1, kind, wrong.amount_minor, now)]


def _deletes(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    return [fact for fact in facts if fact.version != wrong_version]


def _edits(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    return [fact._replace(amount_minor=0) if fact.version == wrong_version else fact for fact in facts]


def _same_again(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    wrong = next(fact for fact in facts if fact.version == wrong_version)
    return [*facts, wrong._replace(version=facts[-1].version + 1, recorded_at=now)]


def _reuses_the_version(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    return [*facts, compensate(facts, wrong_version, now)[-1]._replace(version=facts[-1].version)]


def _counts_the_facts(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    return [*facts, compensate(facts, wrong_version, now)[-1]._replace(version=len(facts) + 1)]


def _looks_by_place(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    wrong = facts[wrong_version - 1]
    return [*facts, Fact(facts[-1].version + 1, wrong.kind, -wrong.amount_minor, now)]


def _dated_back(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    wrong = next(fact for fact in facts if fact.version == wrong_version)
    return [*facts, compensate(facts, wrong_version, wrong.recorded_at)[-1]]


def _play_compensate(answer: Any, facts: list[Fact], wrong_version: int, now: datetime) -> Any:
    """What was there, unchanged, and of what was appended the version, the moment and the effect."""
    before = list(facts)
    after = list(answer(facts, wrong_version, now))
    kept, appended = after[: len(before)], after[len(before) :]
    told = [
        (version, _effect(reply(POSTED.__getitem__, kind), amount), moment)
        for version, kind, amount, moment in appended
    ]
    return {"before": kept, "appended": told}


def _effect(sign: Any, amount: Any) -> Any:
    return sign * amount if isinstance(sign, int) and isinstance(amount, int) else (sign, amount)


@st.composite
def _facts_and_the_wrong_one(draw: st.DrawFn) -> tuple[list[Fact], int, datetime]:
    """What posted nothing is never the wrong one. A version may be missing."""
    facts = draw(streams(fewest=1).filter(lambda facts: any(POSTED[fact.kind] for fact in facts)))
    wrong = draw(st.sampled_from([fact for fact in facts if POSTED[fact.kind]]))
    return facts, wrong.version, _at(20, 9) + draw(STEPS)


COMPENSATE = Exercise(
    name="compensate",
    task=(
        "The fact with `wrong_version`, which moved money, should never have been recorded. Return all facts as they "
        "were, and one more behind them: of the version after the last one, recorded at `now`, of a kind and an amount "
        "that together post the opposite of the wrong one. Which kind is yours to choose, and the amount may be "
        "negative, as none of those given is. Leave the list `facts` itself as it is. Versions ascend, but one may be "
        "missing."
    ),
    stub=(
        "from datetime import datetime\n\n" + FACTS_STUB + "\n\n"
        "def my_compensate(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]: ..."
    ),
    reference=compensate,
    cases=_facts_and_the_wrong_one(),
    examples=[
        (
            [
                Fact(1, "AccountOpened", 1, _at(13, 22)),
                *[Fact(each, "MoneyDeposited", each, _at(13, 23)) for each in (3, 4)],
            ],
            3,
            _at(20, 9),
        ),
        ([Fact(1, "MoneyDeposited", 1, _at(13, 22))], 1, _at(13, 22) - HALF_A_SECOND),
    ],
    play=_play_compensate,
    hints=(
        "An accountant doesn't erase a line either. What do they write below it?",
        "Return `[*facts, Fact(…)]` with the next version, the opposite kind, the same amount, and `now`.",
    ),
    mistakes={
        "deleted": Mistake(
            _deletes, "an event is gone: whoever read it yesterday can't be told today that it never happened"
        ),
        "edited": Mistake(_edits, "an event was changed in place: leave everything as it was, and append"),
        "same direction": Mistake(
            _same_again, "the compensation goes the same way as the mistake, which is now there twice"
        ),
        "off by one version": Mistake(
            _reuses_the_version, "the last version is used twice: what is appended gets the next one"
        ),
        "counts the facts": Mistake(
            _counts_the_facts,
            "it counts the facts, but a version may be missing: the next one is the last fact's version and 1",
        ),
        "by its place": Mistake(
            _looks_by_place,
            "it looks by the place in the list: where a version is missing, another fact stands in that place",
        ),
        "dated back": Mistake(
            _dated_back,
            "it is dated back: the store learns of the correction now, and yesterday's statements stay as they are",
        ),
    },
)

exercises = Exercises(__name__, BALANCE, BALANCE_AT, COMPENSATE, BETWEEN)
