"""The exercise ``first_bad``: a search in ⌈log₂ N⌉ probes."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.forensics.compare.bisect import Search


def first_bad(count: int, is_bad: Callable[[int], bool]) -> int:
    """Two marks, one known to be good and one known to be bad, until they are neighbours."""
    good, bad = 0, count
    while bad - good > 1:
        middle = (good + bad) // 2
        if is_bad(middle):
            bad = middle
        else:
            good = middle
    return bad


def number_of(found: Any, asked: Sequence[int] | None = None) -> Any:
    """The number itself, or the one in a Search, unless that lies about what it asked."""
    if isinstance(found, Search) and asked in (None, found.probes):
        return found.first_bad
    return found


def _one_by_one(count: int, is_bad: Callable[[int], bool]) -> int:
    return next(step for step in range(1, count + 1) if is_bad(step))


def _last_good(count: int, is_bad: Callable[[int], bool]) -> int:
    return first_bad(count, is_bad) - 1


def _drops_the_middle(count: int, is_bad: Callable[[int], bool]) -> int:
    good, bad = 0, count
    while bad - good > 1:
        middle = good + (bad - good) // 2
        if is_bad(middle):
            bad = middle - 1
        else:
            good = middle
    return bad


def _asks_twice(count: int, is_bad: Callable[[int], bool]) -> int:
    return first_bad(count, lambda step: is_bad(step) and is_bad(step))


def _asks_for_the_last_too(count: int, is_bad: Callable[[int], bool]) -> int:
    """The bisection of textbooks, on a window from 1: it asks one time more than need be, now and then."""
    low, high = 1, count
    while low <= high:
        middle = (low + high) // 2
        if is_bad(middle):
            high = middle - 1
        else:
            low = middle + 1
    return low


ENDLESS = 20_000
"""Questions after which no answer comes any more, however many steps there are."""


class _TooManyQuestions(Exception):
    """Nobody asks so often: the search may never end."""


def _play_first_bad(answer: Any, count: int, first: int) -> Any:
    """The number, and whether it was found in as few questions as are enough. A step that isn't there is an error."""
    asked: list[int] = []

    def is_bad(step: int) -> bool:
        asked.append(step)
        if len(asked) > min(3 * count + 10, ENDLESS):
            raise _TooManyQuestions(f"is_bad was called {len(asked)} times for {count} steps")
        if step not in range(1, count + 1):
            raise IndexError(f"there is no step {step!r}: the steps are 1 to {count}")
        return step >= first

    said = number_of(answer(count, is_bad), asked)
    most = (count - 1).bit_length()  # ⌈log₂ count⌉, exactly
    enough = len(asked) <= most
    return {"first bad": said, "questions": "few enough" if enough else f"{len(asked)}, where {most} are enough"}


@st.composite
def _count_and_first(draw: st.DrawFn) -> tuple[int, int]:
    """Powers of two and their neighbours, where one question more or less shows."""
    count = draw(st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 63, 64, 65, 220, 1_025, 5_000])))
    return count, draw(st.one_of(st.sampled_from([1, count]), st.integers(1, count)))


FIRST_BAD = Exercise(
    name="first_bad",
    task=(
        "Of steps 1 … `count` the last is bad, and what is bad stays bad; `count` is at least 1. Return the number of "
        "the first bad one. `is_bad(step)` says whether a step is bad, and each call costs an hour: make at most "
        "⌈log₂ count⌉ of them, so none for a single step."
    ),
    stub=(
        "from collections.abc import Callable\n\n\n"
        "def my_first_bad(count: int, is_bad: Callable[[int], bool]) -> int: ..."
    ),
    reference=first_bad,
    cases=_count_and_first(),
    examples=[(16, 11), (220, 100), (5_000, 3), (2**60 + 1, 2**59 + 2)],
    play=_play_first_bad,
    given=lambda count, first: f"steps 1 … {count}, bad from {first} on",
    hints=(
        "Keep two marks: one known to be good (0 is), one known to be bad (count is).",
        "While they are not neighbours, ask in the middle and move one mark onto it.",
    ),
    mistakes={
        "one by one": Mistake(
            _one_by_one, "it asks about one step after the other: halve the window with each question"
        ),
        "the last good": Mistake(
            _last_good, "that is the last good one; the question is for the first bad one, right after it"
        ),
        "the middle dropped": Mistake(
            _drops_the_middle, "a bad middle may itself be the first bad one: keep it in the window"
        ),
        "asked twice": Mistake(
            _asks_twice, "it asks about the same step again: keep the answers you have, each may cost an hour"
        ),
        "the last asked about": Mistake(
            _asks_for_the_last_too,
            "it asks one question too many now and then: that the last step is bad is known, so don't ask about it",
        ),
    },
)
