"""The exercise ``compensate``: the event that makes up for another one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.observe import reply
from esworkbench.course.nb01_events_not_rows.facts import FACTS_STUB, HALF_A_SECOND, POSTED, STEPS, Fact, at, streams


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
    return facts, wrong.version, at(20, 9) + draw(STEPS)


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
                Fact(1, "AccountOpened", 1, at(13, 22)),
                *[Fact(each, "MoneyDeposited", each, at(13, 23)) for each in (3, 4)],
            ],
            3,
            at(20, 9),
        ),
        ([Fact(1, "MoneyDeposited", 1, at(13, 22))], 1, at(13, 22) - HALF_A_SECOND),
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
