"""Exercises of notebook 13: residuals, a search in ⌈log₂ N⌉ probes, and a question that never turns back."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import ceil, log2
from typing import Any

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.forensics.compare.bisect import Search, bisect_running, first_bad, plain_bisect, scan

POSTED = [1_000, -200, 500, -4_210, 0, 300, -600, 250]
CLAIMED = [1_000, 800, 1_300, 1_300, -2_910, -2_610, -3_210, -2_910]
"""Wrong from event 4 on, right again at event 5, wrong again at event 8."""


def residuals(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    """claim[i] − claim[i−1] − posting[i]; the claim before the first is 0."""
    before = [0, *claimed[:-1]]
    return [now - then - moved for now, then, moved in zip(claimed, before, posted, strict=True)]


def _deltas(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [says - total for says, total in zip(claimed, accumulate(posted), strict=True)]


def _without_the_first(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, posted)[1:]


def _one_posting_late(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, [0, *posted[:-1]])


def _other_sign(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [-each for each in residuals(claimed, posted)]


def _examine_residuals(answer: Callable[[Sequence[int], Sequence[int]], Sequence[int]]) -> None:
    said = list(answer(list(CLAIMED), list(POSTED)))
    hints = [
        (_deltas, "those are deltas, claimed minus event sum: one step's error shows in all that follow"),
        (_without_the_first, "the first step has a residual too: before it the claim was 0"),
        (_one_posting_late, "off by one: step i is explained by posting i, not by the one before it"),
        (_other_sign, "the sign is the other way round: what the claim moved by, minus what was posted"),
    ]
    for mistake, hint in hints:
        if said == mistake(CLAIMED, POSTED):
            raise Wrong(hint)
    if said != residuals(CLAIMED, POSTED):
        raise Wrong(f"the residuals are {residuals(CLAIMED, POSTED)}, not {said}")


def _one_by_one(count: int, is_bad: Callable[[int], bool]) -> int:
    return next(step for step in range(1, count + 1) if is_bad(step))


def _last_good(count: int, is_bad: Callable[[int], bool]) -> Any:
    return _number(first_bad(count, is_bad)) - 1


def _drops_the_middle(count: int, is_bad: Callable[[int], bool]) -> int:
    good, bad = 0, count
    while bad - good > 1:
        middle = good + (bad - good) // 2
        if is_bad(middle):
            bad = middle - 1
        else:
            good = middle
    return bad


def _asks_twice(count: int, is_bad: Callable[[int], bool]) -> Any:
    return _number(first_bad(count, lambda step: is_bad(step) and is_bad(step)))


def _number(found: Any) -> Any:
    """The number itself, or the one in a Search."""
    return found.first_bad if isinstance(found, Search) else found


def _examine_first_bad(answer: Callable[[int, Callable[[int], bool]], Any]) -> None:
    if [_number(answer(16, first.__le__)) for first in range(1, 17)] == list(range(16)):
        raise Wrong("that is the last good one; the question is for the first bad one, right after it")
    for count in (220, 64, 7, 2, 1):
        for first in sorted({1, 2, count // 2, count - 1, count} & set(range(1, count + 1))):
            _examine_one_search(answer, count, first)


def _examine_one_search(answer: Callable[[int, Callable[[int], bool]], Any], count: int, first: int) -> None:
    asked: list[int] = []

    def is_bad(step: int) -> bool:
        asked.append(step)
        return step >= first

    said = _number(answer(count, is_bad))
    most = ceil(log2(count))
    if said != first:
        raise Wrong(
            f"of {count} steps, bad from {first} on, you say {said}: a bad middle may itself be the first, keep it"
        )
    if len(asked) > 2 * most + 1:
        raise Wrong(f"{len(asked)} questions for {count} steps: halve the window, {most} are enough")
    if len(asked) > most:
        raise Wrong(f"{len(asked)} questions where {most} are enough: keep the answers you have, each may cost an hour")


def _by_balance(residuals_: Sequence[int]) -> int | None:
    return plain_bisect(list(accumulate(residuals_))).first_bad


def _by_own_step(residuals_: Sequence[int]) -> Any:
    return first_bad(len(residuals_), lambda step: residuals_[step - 1] != 0)


def _from_zero(residuals_: Sequence[int]) -> int | None:
    found = bisect_running(residuals_).first_bad
    return None if found is None else found - 1


def _always_somebody(residuals_: Sequence[int]) -> int:
    return bisect_running(residuals_).first_bad or len(residuals_)


# Off at 3 and healed at 4, off at 7 and healed at 8, off at 10 for good; and one whose errors all cancel.
HEALING = [0, 0, 42, -42, 0, 0, 50, -50, 0, 7, 0, 0]
CANCELLED = [0, 0, 42, 0, 0, -42, 0, 0]
CLEAN = [0] * 8


def _examine_first_divergence(answer: Callable[[Sequence[int]], Any]) -> None:
    said = _number(answer(list(HEALING)))
    if said == 2:
        raise Wrong("off by one: steps are numbered from 1, as events are by their version")
    if said == 10 and _number(answer(list(CANCELLED))) is not None:
        raise Wrong("'is this step off?' turns back to no at the next step: ask whether any step up to here was off")
    if said == 10:
        raise Wrong("the balance is right before that and wrong after it, but two errors that cancelled came before")
    if said != 3:
        raise Wrong(f"the first step that is off is 3, not {said}")
    if _number(answer(list(CANCELLED))) != 3:
        raise Wrong("the last balance is right, and still step 3 was off: errors cancel")
    if _number(answer(list(CLEAN))) is not None:
        raise Wrong("no step is off: say None, and accuse nobody")


def _wrong_balances(residuals_: Sequence[int]) -> list[int]:
    return scan(list(accumulate(residuals_)))


def _first_only(residuals_: Sequence[int]) -> list[int]:
    return scan(residuals_)[:1]


def _numbered_from_zero(residuals_: Sequence[int]) -> list[int]:
    return [step - 1 for step in scan(residuals_)]


def _too_much_only(residuals_: Sequence[int]) -> list[int]:
    return [step for step, residual in enumerate(residuals_, 1) if residual > 0]


def _examine_every_divergence(answer: Callable[[Sequence[int]], Sequence[int]]) -> None:
    said = list(answer(list(HEALING)))
    hints = [
        (
            _wrong_balances,
            "those are the events after which the balance is wrong; the question is for the steps that are off",
        ),
        (_first_only, "that is the first; a scan goes on to the end"),
        (_numbered_from_zero, "off by one: steps are numbered from 1"),
        (_too_much_only, "a step that moves too little is off as well: its residual is negative"),
    ]
    for mistake, hint in hints:
        if said == mistake(HEALING):
            raise Wrong(hint)
    if said != scan(HEALING):
        raise Wrong(f"the steps that are off are {scan(HEALING)}, not {said}")


exercises = Exercises(
    Exercise(
        name="residuals",
        task="What does each step of a running claim leave unexplained? Given claims and postings, one of each per "
        "event, return the list of residuals.",
        examine=_examine_residuals,
        reference=residuals,
        hints=(
            "A residual knows nothing of earlier errors.",
            "claimed[i] − claimed[i−1] − posted[i], with 0 before the first claim",
        ),
        mistakes={
            "deltas": Mistake(_deltas, "those are deltas"),
            "the first missing": Mistake(_without_the_first, "the first step"),
            "off by one": Mistake(_one_posting_late, "off by one"),
            "sign": Mistake(_other_sign, "other way round"),
        },
    ),
    Exercise(
        name="first_bad",
        task="Steps 1 … `count`; the last is bad, and what is bad stays bad. Find the first bad one by calling "
        "`is_bad(step)` at most ⌈log₂ count⌉ times.",
        examine=_examine_first_bad,
        reference=first_bad,
        hints=(
            "Keep two marks: one known to be good (0 is), one known to be bad (count is).",
            "While they are not neighbours, ask in the middle and move one mark onto it.",
        ),
        mistakes={
            "one by one": Mistake(_one_by_one, "halve the window"),
            "the last good": Mistake(_last_good, "last good one"),
            "the middle dropped": Mistake(_drops_the_middle, "keep it"),
            "asked twice": Mistake(_asks_twice, "keep the answers"),
        },
    ),
    Exercise(
        name="first_divergence",
        task="Given residuals, find the number (from 1) of the first step that is off, or None. Bisect: which question "
        "stays *yes* once it is?",
        examine=_examine_first_divergence,
        reference=bisect_running,
        hints=(
            "'Is the balance right here?' can turn back. So can 'is this step off?'.",
            "Count the non-zero residuals up to each step: that count never falls. Give the question to first_bad.",
        ),
        mistakes={
            "by balance": Mistake(_by_balance, "cancelled came before"),
            "by its own step": Mistake(_by_own_step, "turns back to no"),
            "from 0": Mistake(_from_zero, "off by one"),
            "always somebody": Mistake(_always_somebody, "accuse nobody"),
        },
    ),
    Exercise(
        name="every_divergence",
        task="List the number of every step that is off, in one pass: the check on the search.",
        examine=_examine_every_divergence,
        reference=scan,
        hints=("No search is needed here.", "enumerate(residuals, 1)"),
        mistakes={
            "wrong balances": Mistake(_wrong_balances, "after which the balance is wrong"),
            "only the first": Mistake(_first_only, "goes on to the end"),
            "from 0": Mistake(_numbered_from_zero, "off by one"),
            "only too much": Mistake(_too_much_only, "negative"),
        },
    ),
)
