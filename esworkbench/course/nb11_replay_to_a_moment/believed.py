"""The exercise ``believed``: what was believed then of another moment."""

from collections.abc import Sequence
from datetime import datetime
from itertools import product

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb11_replay_to_a_moment.known_then import known_then, true_then
from esworkbench.course.nb11_replay_to_a_moment.postings import (
    EVERY_COMBINATION,
    EXACT,
    FIRST,
    LATER,
    OF_ONE_EVENT,
    POSTINGS_STUB,
    SECOND,
    TWICE_HALF_PAST_TWO,
    lists_of_postings,
    moments,
    shown_postings,
)
from esworkbench.course.small_log import day
from esworkbench.evidence import Posting


def believed(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    """What the store believed, as of ``known_at``, that the balance was at ``at``: both bounds, as in ``Bounds``."""
    return sum(each.amount_minor for each in postings if each.valid_at <= at and each.recorded_at <= known_at)


def _ignores_known(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return true_then(postings, at)


def _ignores_at(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return known_then(postings, known_at)


def _axes_swapped(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return believed(postings, known_at, at)


def _either(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= at or each.recorded_at <= known_at)


def _before_at(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at < at and each.recorded_at <= known_at)


def _before_known_at(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= at and each.recorded_at < known_at)


def _before_both(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at < at and each.recorded_at < known_at)


def _one_bound_for_both(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return believed(postings, min(at, known_at), min(at, known_at))


BELIEVED = Exercise(
    name="believed",
    task=(
        "As of `known_at`, what did the store believe the balance was at `at`? An `int` in minor units, 0 where there "
        "is nothing to add up. Each of the two moments bounds an axis of its own, inclusively; either of them may be "
        "the earlier one. The postings are those of `known_then`, in no particular order."
    ),
    stub=POSTINGS_STUB + "def my_believed(postings: list[Posting], at: datetime, known_at: datetime) -> int: ...",
    reference=believed,
    cases=st.tuples(lists_of_postings(), moments(), moments()),
    examples=[
        ([], day(1), day(1)),
        (EVERY_COMBINATION, day(2), day(1)),
        (EVERY_COMBINATION, day(1), day(2)),
        (OF_ONE_EVENT, day(1), day(2)),
        (LATER, day(1), day(1)),
        (EXACT, day(1), day(1)),
        *[(TWICE_HALF_PAST_TWO, at, known_at) for at, known_at in product([FIRST, SECOND], repeat=2)],
    ],
    given=lambda postings, at, known_at: f"at={at}, known_at={known_at}, postings:{shown_postings(postings)}",
    hints=(
        "Two questions of each posting: was it true by then, and had we been told?",
        "valid_at <= at and recorded_at <= known_at",
    ),
    mistakes={
        "known_at ignored": Mistake(_ignores_known, "that is what we know today of that time: known_at has no effect"),
        "at ignored": Mistake(_ignores_at, "that is all that was known by then: at has no effect"),
        "or": Mistake(_either, "a posting counts only when it is within both bounds: and, not or"),
        "swapped": Mistake(_axes_swapped, "the axes are swapped: at bounds valid_at, known_at bounds recorded_at"),
        "an exclusive at": Mistake(_before_at, "what was valid exactly at `at` counts: that bound is inclusive"),
        "an exclusive known_at": Mistake(
            _before_known_at, "what was recorded exactly at `known_at` counts: that bound is inclusive"
        ),
        "both exclusive": Mistake(_before_both, "both bounds are inclusive, and yours leave out what lies on them"),
        "one bound for both": Mistake(
            _one_bound_for_both,
            "the earlier moment bounds both axes: each axis has a bound of its own, at for valid_at and known_at for "
            "recorded_at",
        ),
    },
)
