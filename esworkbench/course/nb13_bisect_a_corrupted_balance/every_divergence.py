"""The exercise ``every_divergence``: all of them, though amounts cancel."""

from collections.abc import Sequence
from itertools import accumulate

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb13_bisect_a_corrupted_balance.first_divergence import ALL_OFF, HEALING, LARGE, OFF
from esworkbench.forensics.compare.bisect import scan


def _wrong_balances(residuals: Sequence[int]) -> list[int]:
    return scan(list(accumulate(residuals)))


def _first_only(residuals: Sequence[int]) -> list[int]:
    return scan(residuals)[:1]


def _numbered_from_zero(residuals: Sequence[int]) -> list[int]:
    return [step - 1 for step in scan(residuals)]


def _too_much_only(residuals: Sequence[int]) -> list[int]:
    return [step for step, residual in enumerate(residuals, 1) if residual > 0]


def _by_index(residuals: Sequence[int]) -> list[int]:
    return [residuals.index(residual) + 1 for residual in residuals if residual]


def _more_than_a_cent(residuals: Sequence[int]) -> list[int]:
    return [step for step, residual in enumerate(residuals, 1) if abs(residual) > 1]


EVERY_DIVERGENCE = Exercise(
    name="every_divergence",
    task=(
        "Given the residuals of all steps, list the number (from 1) of every step that is off, by however little and "
        "in either direction, in order and in one pass: the check on the search. Where none is off, the list is empty."
    ),
    stub="def my_every_divergence(residuals: list[int]) -> list[int]: ...",
    reference=scan,
    cases=st.tuples(st.lists(OFF, max_size=9)),
    examples=[(HEALING,), (LARGE,), (ALL_OFF,)],
    hints=("No search is needed here.", "enumerate(residuals, 1)"),
    mistakes={
        "wrong balances": Mistake(
            _wrong_balances,
            "those are the events after which the balance is wrong; the question is for the steps that are off",
        ),
        "only the first": Mistake(_first_only, "that is only the first; a scan goes on to the end"),
        "from 0": Mistake(_numbered_from_zero, "off by one: steps are numbered from 1"),
        "only too much": Mistake(
            _too_much_only, "a step that moves too little is off as well: its residual is negative"
        ),
        "by index": Mistake(
            _by_index, "`index` finds the first residual of that size every time: two steps may be off by the same"
        ),
        "a cent of tolerance": Mistake(
            _more_than_a_cent,
            "a step that is off by one cent is let pass: whole numbers leave no room for rounding, so it is off",
        ),
    },
)
