"""Exercises of notebook 01: derive a balance, ask about the past, and correct without deleting."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong

ZURICH = ZoneInfo("Europe/Zurich")


class Fact(NamedTuple):
    """An event as these exercises use it: its version, what happened, the amount in minor units, when (UTC)."""

    version: int
    kind: str
    amount_minor: int
    recorded_at: datetime


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2023, 3, day, hour, minute, tzinfo=UTC)


# 14 March 2023 is a Tuesday. Zurich is one hour ahead of UTC until the clocks change on the 26th.
FACTS = [
    Fact(1, "deposited", 10_010, _at(13, 9)),
    Fact(2, "withdrawal_requested", 2_020, _at(13, 23, 30)),
    Fact(3, "withdrawal_settled", 2_020, _at(14, 8)),
    Fact(4, "deposited", 3_030, _at(15, 14, 47)),
    Fact(5, "fee_charged", 250, _at(16, 22, 59)),
    Fact(6, "withdrawn", 1_000, _at(16, 23, 30)),
]
POSTED = {"deposited": 1, "withdrawn": -1, "fee_charged": -1, "withdrawal_requested": -1, "withdrawal_settled": 0}


def balance(facts: Sequence[Fact]) -> int:
    """A settled withdrawal posts 0: its request has taken the money already."""
    return sum(POSTED[fact.kind] * fact.amount_minor for fact in facts)


def _settled_twice(facts: Sequence[Fact]) -> int:
    return sum(fact.amount_minor if fact.kind == "deposited" else -fact.amount_minor for fact in facts)


def _in_dollars(facts: Sequence[Fact]) -> float:
    return sum(POSTED[fact.kind] * fact.amount_minor / 100 for fact in facts)


def _all_added(facts: Sequence[Fact]) -> int:
    return sum(fact.amount_minor for fact in facts)


def _without_fees(facts: Sequence[Fact]) -> int:
    return sum(POSTED[fact.kind] * fact.amount_minor for fact in facts if fact.kind != "fee_charged")


def _examine_balance(answer: Callable[[Sequence[Fact]], Any]) -> None:
    said = answer(FACTS)
    if isinstance(said, float):
        raise Wrong(f"{said!r} is a float: money is counted in whole minor units, or cents get lost on the way")
    if said == _settled_twice(FACTS):
        raise Wrong("the settled withdrawal is taken off twice: its request has taken the money already")
    if said == _all_added(FACTS):
        raise Wrong("withdrawals and fees are added; they take money away")
    if said == _without_fees(FACTS):
        raise Wrong("the fee is missing: an event type that a fold overlooks makes no noise")
    if said != balance(FACTS):
        raise Wrong(f"the six facts give {balance(FACTS)} minor units, not {said!r}")
    if answer([]) != 0:
        raise Wrong("an account without events has a balance of 0")


def balance_at(facts: Sequence[Fact], moment: datetime) -> int:
    """As ``Repository.load_as_of``: the bound is inclusive, a moment without a zone is refused."""
    if moment.utcoffset() is None:
        raise ValueError("say in which zone: a naive time could be any of two dozen moments")
    return balance([fact for fact in facts if fact.recorded_at <= moment])


def _naive_taken_for_utc(facts: Sequence[Fact], moment: datetime) -> int:
    return balance([fact for fact in facts if fact.recorded_at.replace(tzinfo=None) <= moment.replace(tzinfo=None)])


def _before(facts: Sequence[Fact], moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise ValueError
    return balance([fact for fact in facts if fact.recorded_at < moment])


def _guesses_the_zone(facts: Sequence[Fact], moment: datetime) -> int:
    return balance_at(facts, moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC))


def _todays_balance(facts: Sequence[Fact], moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise ValueError
    return balance(facts)


def _examine_balance_at(answer: Callable[[Sequence[Fact], datetime], int]) -> None:
    moment = datetime(2023, 3, 15, 15, 47, tzinfo=ZURICH)
    said = answer(FACTS, moment - timedelta(minutes=30))
    if said == balance(FACTS):
        raise Wrong("that is today's balance: leave out what was recorded after the moment")
    if said == balance(FACTS[:4]):
        raise Wrong("the time zone is dropped: 15:17 in Zurich is 14:17 in UTC, before the deposit of 14:47")
    if said != balance(FACTS[:3]):
        raise Wrong(f"at 15:17 in Zurich it was {balance(FACTS[:3])}, not {said!r}")
    if answer(FACTS, moment) == balance(FACTS[:3]):
        raise Wrong("what was recorded exactly at that moment counts: the bound is inclusive")
    if answer(FACTS, moment) != balance(FACTS[:4]):
        raise Wrong(f"at 15:47 in Zurich it was {balance(FACTS[:4])}")
    try:
        answer(FACTS, datetime(2023, 3, 15, 15, 47))  # noqa: DTZ001 - a naive moment is what is asked about
    except ValueError:
        return
    raise Wrong("a naive moment, one that names no zone, must raise ValueError: whose 15:47 is it?")


def between(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    """A day runs from midnight to midnight where the customer lives, so compare dates there."""
    days = first.date(), last.date()
    return [fact for fact in facts if days[0] <= fact.recorded_at.astimezone(zone).date() <= days[1]]


def _days_of_utc(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first.date() <= fact.recorded_at.date() <= last.date()]


def _up_to_midnight(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    begin, end = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, last))
    return [fact for fact in facts if begin <= fact.recorded_at <= end]


def _the_balance_before_too(facts: Sequence[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if fact.recorded_at.astimezone(zone).date() <= last.date()]


def _examine_between(answer: Callable[..., list[Fact]]) -> None:
    tuesday, thursday = datetime(2023, 3, 14, tzinfo=ZURICH), datetime(2023, 3, 16, tzinfo=ZURICH)
    said = answer(FACTS, tuesday, thursday, ZURICH)
    hints = {
        "the days are UTC's: 23:30 in UTC is already tomorrow in Zurich": _days_of_utc,
        "Thursday is missing: midnight is where Thursday begins, and the customer means all of it": _up_to_midnight,
        "it includes what happened before Tuesday": _the_balance_before_too,
    }
    for hint, mistake in hints.items():
        if said == mistake(FACTS, tuesday, thursday, ZURICH):
            raise Wrong(hint)
    if said != between(FACTS, tuesday, thursday, ZURICH):
        raise Wrong("versions 2, 3, 4 and 5 fall on these days in Zurich")


def compensate(facts: Sequence[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    """Everything that was there, and one more fact, which posts the opposite of the wrong one."""
    wrong = next(fact for fact in facts if fact.version == wrong_version)
    kind = "withdrawn" if POSTED[wrong.kind] > 0 else "deposited"
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


def _examine_compensate(answer: Callable[[Sequence[Fact], int, datetime], list[Fact]]) -> None:
    now = _at(20, 9)
    for version in (4, 6):
        before = tuple(FACTS)
        after = list(answer(list(before), version, now))
        if len(after) < len(before):
            raise Wrong("an event is gone: whoever read it yesterday can't be told today that it never happened")
        if tuple(after[: len(before)]) != before:
            raise Wrong("an event was changed in place: leave everything as it was, and append")
        if len(after) != len(before) + 1:
            raise Wrong("append exactly one event")
        effect = POSTED[after[-1].kind] * after[-1].amount_minor
        undone = next(fact for fact in before if fact.version == version)
        if effect == POSTED[undone.kind] * undone.amount_minor:
            raise Wrong("the compensation goes the same way as the mistake, which is now there twice")
        if effect != -POSTED[undone.kind] * undone.amount_minor:
            raise Wrong("the compensation must post the opposite of what the wrong event posted")
        if after[-1].version != before[-1].version + 1:
            raise Wrong(f"after version {before[-1].version} comes {before[-1].version + 1}")
        if after[-1].recorded_at != now:
            raise Wrong(
                "it is dated back: the store learns of the correction now, and yesterday's statements stay as they are"
            )


exercises = Exercises(
    Exercise(
        name="balance",
        task="Fold the facts into minor units. `POSTED` has the sign of each kind.",
        examine=_examine_balance,
        reference=balance,
        hints=(
            "Give each kind a sign. Which of requested and settled takes the money?",
            "`POSTED` holds the signs: sum `POSTED[fact.kind] * fact.amount_minor`.",
        ),
        mistakes={
            "float money": Mistake(_in_dollars, "is a float"),
            "double apply": Mistake(_settled_twice, "taken off twice"),
            "no signs": Mistake(_all_added, "they take money away"),
            "an event type overlooked": Mistake(_without_fees, "the fee is missing"),
        },
    ),
    Exercise(
        name="balance_at",
        task="The balance at a moment, inclusive. Refuse a moment without a time zone with `ValueError`.",
        examine=_examine_balance_at,
        reference=balance_at,
        hints=(
            "Choose the facts first, then fold them. What does `moment.utcoffset()` say of a naive moment?",
            "Keep those with `fact.recorded_at <= moment`: Python compares moments with zones correctly.",
        ),
        mistakes={
            "naive time zone": Mistake(_naive_taken_for_utc, "the time zone is dropped"),
            "a zone guessed": Mistake(_guesses_the_zone, "whose 15:47 is it?"),
            "exclusive bound": Mistake(_before, "the bound is inclusive"),
            "today's balance": Mistake(_todays_balance, "today's balance"),
        },
    ),
    Exercise(
        name="between",
        task="The facts from `first` to `last`, both days included, in the customer's `zone`.",
        examine=_examine_between,
        reference=between,
        hints=(
            "On which date was 23:30 UTC in Zurich?",
            "Compare `fact.recorded_at.astimezone(zone).date()` with the two dates.",
        ),
        mistakes={
            "days of UTC": Mistake(_days_of_utc, "the days are UTC's"),
            "off by one day": Mistake(_up_to_midnight, "Thursday is missing"),
            "no lower bound": Mistake(_the_balance_before_too, "before Tuesday"),
        },
    ),
    Exercise(
        name="compensate",
        task=(
            "The fact with `wrong_version` should never have been recorded. Return all facts, and one more that "
            "makes up for it at `now`."
        ),
        examine=_examine_compensate,
        reference=compensate,
        hints=(
            "An accountant doesn't erase a line either. What do they write below it?",
            "Return `[*facts, Fact(…)]` with the next version, the opposite kind, the same amount, and `now`.",
        ),
        mistakes={
            "deleted": Mistake(_deletes, "an event is gone"),
            "edited": Mistake(_edits, "changed in place"),
            "same direction": Mistake(_same_again, "there twice"),
            "off by one version": Mistake(_reuses_the_version, "after version 6 comes 7"),
            "dated back": Mistake(_dated_back, "dated back"),
        },
    ),
)
