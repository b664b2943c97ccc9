"""Exercises of notebook 01: derive a balance, ask about the past, and correct without deleting."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.observe import reply

ZURICH = ZoneInfo("Europe/Zurich")


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

STEPS = st.sampled_from([timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(hours=11, minutes=30)])


@st.composite
def streams(draw: st.DrawFn, *, fewest: int = 0) -> list[Fact]:
    """Facts of one account, versions from 1, each no earlier than the one before."""
    lives = draw(st.lists(st.tuples(st.sampled_from(sorted(POSTED)), st.integers(1, 5_000), STEPS), min_size=fewest,
                          max_size=6))  # fmt: skip
    facts, moment = [], _at(13, 22)
    for version, (kind, amount, step) in enumerate(lives, start=1):
        moment += step
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
        "nothing, and cancelling it gives the money back."
    ),
    stub=FACTS_STUB + "\n\ndef my_balance(facts: list[Fact]) -> int: ...",
    reference=balance,
    cases=st.tuples(streams()),
    examples=[([Fact(1, "WithdrawalRequested", 2_020, _at(13, 9))],)],
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


def _require_zone(moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise ValueError


@st.composite
def _facts_and_moment(draw: st.DrawFn) -> tuple[list[Fact], datetime]:
    """A moment at, just before or just after one of the facts, told in some zone or in none."""
    facts = draw(streams(fewest=1))
    moment = draw(st.sampled_from(facts)).recorded_at + timedelta(minutes=draw(st.integers(-1, 1)))
    zone = draw(st.sampled_from([UTC, ZURICH, ZoneInfo("America/New_York"), None]))
    return facts, moment.replace(tzinfo=None) if zone is None else moment.astimezone(zone)


BALANCE_AT = Exercise(
    name="balance_at",
    task=(
        "The balance of what was recorded up to `moment`, what was recorded exactly then included. A `moment` without "
        "a time zone is refused with `ValueError`."
    ),
    stub=(
        "from datetime import datetime\n\n" + FACTS_STUB + "\n\n"
        "def my_balance_at(facts: list[Fact], moment: datetime) -> int: ..."
    ),
    reference=balance_at,
    cases=_facts_and_moment(),
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
        "today's balance": Mistake(
            _todays_balance, "that is today's balance: leave out what was recorded after the moment"
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


@st.composite
def _facts_and_days(draw: st.DrawFn) -> tuple[list[Fact], datetime, datetime, ZoneInfo]:
    """Two midnights where the customer lives, and a fact in the last half second of the last day now and then."""
    zone = draw(st.sampled_from([ZURICH, ZoneInfo("America/New_York"), ZoneInfo("UTC")]))
    facts = draw(streams(fewest=1))
    first = datetime(2023, 3, draw(st.integers(13, 15)), tzinfo=zone)
    last = first + timedelta(days=draw(st.integers(0, 2)))
    late = (last + timedelta(days=1)).astimezone(UTC) - timedelta(milliseconds=draw(st.sampled_from([0, 500])))
    if draw(st.booleans()) and late >= facts[-1].recorded_at:
        facts.append(Fact(facts[-1].version + 1, "MoneyDeposited", 1, late))
    return facts, first, last, zone


BETWEEN = Exercise(
    name="between",
    task=(
        "The facts from the day of `first` to the day of `last`, both days whole, as days are in the customer's "
        "`zone`. `first` and `last` are midnights in that zone."
    ),
    stub=(
        "from datetime import datetime\nfrom zoneinfo import ZoneInfo\n\n" + FACTS_STUB + "\n\n"
        "def my_between(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]: ..."
    ),
    reference=between,
    cases=_facts_and_days(),
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
    """What posted nothing is never the wrong one."""
    facts = draw(streams(fewest=1).filter(lambda facts: any(POSTED[fact.kind] for fact in facts)))
    wrong = draw(st.sampled_from([fact for fact in facts if POSTED[fact.kind]]))
    return facts, wrong.version, _at(20, 9) + draw(STEPS)


COMPENSATE = Exercise(
    name="compensate",
    task=(
        "The fact with `wrong_version`, which moved money, should never have been recorded. Return all facts as they "
        "were, and one more behind them: the next version, recorded at `now`, of a kind and an amount that post the "
        "opposite of the wrong one. Which kind is yours to choose, as long as its sign in `POSTED` fits."
    ),
    stub=(
        "from datetime import datetime\n\n" + FACTS_STUB + "\n\n"
        "def my_compensate(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]: ..."
    ),
    reference=compensate,
    cases=_facts_and_the_wrong_one(),
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
        "dated back": Mistake(
            _dated_back,
            "it is dated back: the store learns of the correction now, and yesterday's statements stay as they are",
        ),
    },
)

exercises = Exercises(__name__, BALANCE, BALANCE_AT, COMPENSATE, BETWEEN)
