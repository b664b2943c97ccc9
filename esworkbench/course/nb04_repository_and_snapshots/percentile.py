"""The exercise ``percentile``: the p99, or any other share, by nearest rank."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.snapshotting.frequency import percentile

TASK = (
    "Of the numbers in `ordered`, which are ascending and at least one, return the smallest such that at least "
    "this `share` of them all is at or below it (nearest rank): one of the numbers, not one between two, and not "
    "rounded. `share` runs from 0, which gives the smallest of all, to 1, which gives the largest; 0.99 is the "
    "p99. It is a float, but no case depends on how `share * len(ordered)` is rounded."
)


def _load(number: int) -> float:
    """Exact, also for whoever interpolates, and another number when rounded to seven decimals or fewer."""
    return number * 257 / 256


SHARES = (0.0, 0.01, 0.1, 0.25, 0.375, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
HUNDRED = [_load(number) for number in range(1, 101)]


@st.composite
def _loads_and_a_share(draw: st.DrawFn) -> tuple[list[float], float]:
    """A few numbers, some of them equal, or a hundred; and a share that no float carries past a rank."""
    ordered = sorted(draw(st.lists(st.integers(-5, 20).map(_load), min_size=1, max_size=12)))
    if draw(st.sampled_from([False, False, False, True])):
        ordered = HUNDRED
    exact = [share for share in SHARES if ceil(share * len(ordered)) == ceil(Fraction(str(share)) * len(ordered))]
    return ordered, draw(st.sampled_from(exact))


def _given_percentile(ordered: list[float], share: float) -> str:
    told = f"{ordered}" if len(ordered) <= 12 else f"{ordered[0]}, {ordered[1]} … {ordered[-1]}, {len(ordered)} in all"
    return f"ordered {told}; share {share}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _last_for_none(ordered: Sequence[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1]


def _average(ordered: Sequence[float], share: float) -> float:
    return sum(ordered) / len(ordered)


def _slowest(ordered: Sequence[float], share: float) -> float:
    return ordered[-1]


def _one_below(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 2)]


def _one_above(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, floor(share * len(ordered)))]


def _rounds_the_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, round(share * len(ordered)) - 1)]


def _cuts_off_the_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, floor(share * len(ordered)) - 1)]


def _rounds_the_result(ordered: Sequence[float], share: float) -> float:
    return round(percentile(ordered, share))


def _between_two(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


# --- the exercise -----------------------------------------------------------------------------------------------------

PERCENTILE = Exercise(
    name="percentile",
    task=TASK,
    stub="import math\n\n\ndef my_percentile(ordered: list[float], share: float) -> float: ...",
    reference=percentile,
    cases=_loads_and_a_share(),
    examples=[
        (HUNDRED, 0.99),
        (HUNDRED[:8], 0.375),
        (HUNDRED, 0.0),
        ([0.0, 1.0], 0.0),
        ([-5.0, 1.0], 0.0),
        ([1e-10, 0.1], 0.5),
        ([1e-10, 0.1], 1.0),
    ],
    given=_given_percentile,
    hints=(
        "Of 100 numbers, p99 is the 99th.",
        "Counted from 1, it is the first at whose rank `rank / len(ordered) >= share`. "
        "`math.ceil(share * len(ordered))` is that rank too, but for 0, and where a float passes it: 0.07 * 100 is a "
        "little more than 7.",
    ),
    mistakes={
        "the average": Mistake(
            _average, "the average is no load that was measured, and says little about the slow ones"
        ),
        "share 0": Mistake(
            _last_for_none, "share 0 asks for index -1, which is the last one and not the first: the lowest rank is 1"
        ),
        "the slowest": Mistake(_slowest, "it is the slowest of all, whatever the share"),
        "off by one": Mistake(
            _one_below, "it is one number too low: fewer than the share are at or below it; Python counts from 0"
        ),
        "one above": Mistake(
            _one_above, "it is one number too high where the rank is whole: rank 99 stands at index 98"
        ),
        "rounds the rank": Mistake(
            _rounds_the_rank, "the rank is rounded, down as well as up: then fewer than the share may be at or below it"
        ),
        "cuts off the rank": Mistake(
            _cuts_off_the_rank, "the rank is cut off: then fewer than the share may be at or below it, so round it up"
        ),
        "rounds the number": Mistake(
            _rounds_the_result, "the number is rounded, but it should be one of those measured"
        ),
        "between two": Mistake(
            _between_two, "it lies between two of the numbers: no load took so long, so return one of them"
        ),
    },
)
