"""The exercise ``due``: whether a save has reached a multiple of so many events."""

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "A snapshot is due at every multiple of `every`. A save took the stream from version `before` to version "
    "`after`, by one event or by many. Return True if it reached a multiple or passed one, else False; a multiple "
    "that the stream had reached before counts no more. `every` is 1 or more, and `before` is 0 or more and not "
    "above `after`; a save of no events makes nothing due."
)


def due(before: int, after: int, every: int) -> bool:
    """Whether a multiple of ``every`` lies after version ``before`` and not after ``after``."""
    return after // every > before // every


@st.composite
def _saves(draw: st.DrawFn) -> tuple[int, int, int]:
    """Of few events, near a multiple."""
    every = draw(st.integers(1, 6) | st.sampled_from([49, 98, 100]))
    before = max(0, draw(st.integers(0, 3)) * every + draw(st.integers(-3, 3)))
    return before, before + draw(st.integers(0, 12)), every


TOO_LARGE_FOR_A_FLOAT = 2**54
"""The next whole number has no float."""


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _only_on_the_multiple(before: int, after: int, every: int) -> bool:
    return after % every == 0


def _counts_events(before: int, after: int, every: int) -> bool:
    return after - before >= every


def _one_late(before: int, after: int, every: int) -> bool:
    return (after - 1) // every > (before - 1) // every


def _at_either_end(before: int, after: int, every: int) -> bool:
    return before % every == 0 or after // every > before // every


def _in_floats(before: int, after: int, every: int) -> bool:
    return int(after / every) > int(before / every)


# --- the exercise -----------------------------------------------------------------------------------------------------

DUE = Exercise(
    name="due",
    task=TASK,
    stub="def my_due(before: int, after: int, every: int) -> bool: ...",
    reference=due,
    cases=_saves(),
    examples=[
        (20, 120, 100),
        (99, 100, 100),
        (100, 101, 100),
        (98, 99, 100),
        (48, 49, 49),
        (TOO_LARGE_FOR_A_FLOAT, TOO_LARGE_FOR_A_FLOAT + 1, 1),
    ],
    hints=("One save may hold several events.", "How many multiples are there up to `before`, and up to `after`?"),
    mistakes={
        "jumped over": Mistake(
            _only_on_the_multiple,
            "`after` as a multiple says too little: a save of many events may pass one, and one of none reaches none",
        ),
        "counts events": Mistake(
            _counts_events, "it counts the events of this save: count the multiples between the two versions instead"
        ),
        "off by one version": Mistake(
            _one_late, "it is one version late: the event that reaches the multiple makes it due, not the next one"
        ),
        "twice": Mistake(
            _at_either_end,
            "a multiple that the stream had reached before is due again: the save before this one took it",
        ),
        "in floats": Mistake(
            _in_floats, "`/` gives a float, which is not exact for large numbers: `//` divides whole numbers"
        ),
    },
)
