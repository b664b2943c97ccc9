"""The exercise ``first_divergence``: the first event at which a claim parts from the events."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb13_bisect_a_corrupted_balance.first_bad import first_bad, number_of
from esworkbench.forensics.compare.bisect import bisect_running, plain_bisect


def _by_balance(residuals: Sequence[int]) -> int | None:
    return plain_bisect(list(accumulate(residuals))).first_bad


def _by_own_step(residuals: Sequence[int]) -> int | None:
    if not any(residuals):
        return None
    return first_bad(len(residuals), lambda step: residuals[step - 1] != 0)


def _from_zero(residuals: Sequence[int]) -> int | None:
    found = bisect_running(residuals).first_bad
    return None if found is None else found - 1


def _always_somebody(residuals: Sequence[int]) -> int:
    return bisect_running(residuals).first_bad or len(residuals)


def _first_too_much(residuals: Sequence[int]) -> int | None:
    return next((step for step, residual in enumerate(residuals, 1) if residual > 0), None)


def _first_wrong_balance_above(residuals: Sequence[int]) -> int | None:
    """As the sound way, but with the running sum of the residuals in place of their count."""
    return next((step for step, total in enumerate(accumulate(residuals), 1) if total > 0), None)


OFF = st.sampled_from([0, 0, 0, 42, -42, 1, -1])


def _play_number(answer: Any, residuals: list[int]) -> Any:
    return number_of(answer(residuals))


# Off at 3 and healed at 4, off at 7 and healed at 8, off at 10 for good.
HEALING = [0, 0, 42, -42, 0, 0, 50, -50, 0, 7, 0, 0]

CANCELLED = [0, 0, -42, 0, 0, 42, 0, 0]

LARGE = [0, 2**32, 0, 2**16, 1]
"""Off by what is 0 where numbers have 32 or 16 bits."""

ALL_OFF = [1] * 150

FIRST_DIVERGENCE = Exercise(
    name="first_divergence",
    task=(
        "Given the residuals of all steps, return the number (from 1) of the first step that is off, by however little "
        "and in either direction; `None` where none is, as in an empty list. Bisect: which question stays *yes* once "
        "it is? (Only what you return is judged. A `Search`, which the package's function returns, will do as well.)"
    ),
    stub=(
        "from esworkbench.forensics.compare.bisect import first_bad\n\n\n"
        "def my_first_divergence(residuals: list[int]) -> int | None:\n"
        '    """`first_bad(count, is_bad)` is the search asked for above; its `first_bad` is the number."""'
    ),
    reference=bisect_running,
    cases=st.tuples(st.lists(OFF, max_size=9)),
    examples=[(HEALING,), (CANCELLED,), (LARGE,)],
    play=_play_number,
    hints=(
        "'Is the balance right here?' can turn back. So can 'is this step off?'.",
        "Count the non-zero residuals up to each step: that count never falls. Give the question to first_bad.",
    ),
    mistakes={
        "by balance": Mistake(
            _by_balance, "it asks whether the balance is right at a step: errors cancel, so one may have come before"
        ),
        "by its own step": Mistake(
            _by_own_step,
            "'is this step off?' turns back to no at the next step: ask whether any step up to here was off",
        ),
        "from 0": Mistake(_from_zero, "off by one: steps are numbered from 1, as events are by their version"),
        "always somebody": Mistake(_always_somebody, "where no step is off, say None, and accuse nobody"),
        "only too much": Mistake(
            _first_too_much, "a step that moves too little is off as well: its residual is negative"
        ),
        "the sum is above 0": Mistake(
            _first_wrong_balance_above,
            "it adds the residuals up, and their sum can be 0 or less though steps were off: count them instead",
        ),
    },
)
