"""Exercises of notebook 13: residuals, a search in ⌈log₂ N⌉ probes, and a question that never turns back."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.forensics.compare.bisect import Search, bisect_running, plain_bisect, scan

# --- residuals --------------------------------------------------------------------------------------------------------


def residuals(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    """claim[i] − claim[i−1] − posting[i]; the claim before the first is 0."""
    before = [0, *claimed]
    return [now - then - moved for now, then, moved in zip(claimed, before, posted, strict=False)]


def _deltas(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [says - total for says, total in zip(claimed, accumulate(posted), strict=True)]


def _without_the_first(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, posted)[1:]


def _first_is_right(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [0, *residuals(claimed, posted)[1:]] if claimed else []


def _one_posting_late(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, [0, *posted[:-1]] if posted else [])


def _other_sign(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [-each for each in residuals(claimed, posted)]


def _without_sign(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [abs(each) for each in residuals(claimed, posted)]


def _only_moves(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, [0] * len(posted))


AMOUNTS = st.sampled_from([0, 100, -100, 4_210, -4_210, 1, 2**60 + 1])


@st.composite
def _claims_and_postings(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Steps that are mostly right, the first no more than the others."""
    steps = draw(st.lists(st.tuples(AMOUNTS, st.sampled_from([0, 0, 1, -1, 4_210, -4_210])), max_size=6))
    posted = [amount for amount, _ in steps]
    return list(accumulate(amount + off for amount, off in steps)), posted


RESIDUALS = Exercise(
    name="residuals",
    task=(
        "What does each step of a running claim leave unexplained? `claimed` holds the balance that was claimed after "
        "each event, `posted` what each event posts, both in minor units and one of each per event. Return the list of "
        "residuals, one per event, the first included: before it the claim was 0. Without events the list is empty."
    ),
    stub="def my_residuals(claimed: list[int], posted: list[int]) -> list[int]: ...",
    reference=residuals,
    cases=_claims_and_postings(),
    examples=[([1_005, 805, 1_305, 1_305, -2_910], [1_000, -200, 500, -4_210, 0])],
    hints=(
        "A residual knows nothing of earlier errors.",
        "claimed[i] − claimed[i−1] − posted[i], with 0 before the first claim",
    ),
    mistakes={
        "deltas": Mistake(
            _deltas, "those are deltas, claimed minus event sum: one step's error shows in all that follow"
        ),
        "the first missing": Mistake(
            _without_the_first, "the first step is missing, and it has a residual too: before it the claim was 0"
        ),
        "the first taken as right": Mistake(
            _first_is_right, "the first residual is always 0: the first claim may be wrong as well, and before it was 0"
        ),
        "off by one": Mistake(
            _one_posting_late, "off by one: step i is explained by posting i, not by the one before it"
        ),
        "sign": Mistake(_other_sign, "the sign is the other way round: what the claim moved by, minus what was posted"),
        "no sign": Mistake(_without_sign, "the sign is lost: a claim that moved too little has a negative residual"),
        "nothing posted": Mistake(
            _only_moves, "that is by how much the claim moved; take off what its event posts, which explains the move"
        ),
    },
)

# --- first_bad --------------------------------------------------------------------------------------------------------


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


def _number(found: Any, asked: Sequence[int] | None = None) -> Any:
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

    said = _number(answer(count, is_bad), asked)
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

# --- first_divergence -------------------------------------------------------------------------------------------------


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
    return _number(answer(residuals))


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

# --- every_divergence -------------------------------------------------------------------------------------------------


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

exercises = Exercises(__name__, RESIDUALS, FIRST_BAD, FIRST_DIVERGENCE, EVERY_DIVERGENCE)
