"""The exercise ``lag_percentiles``: how late is late, as p50, p95 and p99."""

import math
from collections.abc import Sequence

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.projections.monitoring.measure import Percentiles, percentiles

TASK = (
    "p50, p95 and p99 of the measured values, as `Percentiles`. Each is the smallest measured value that at least "
    "50%, 95% or 99% of the measurements do not exceed; nothing is rounded, and nothing lies between two values. "
    "The values come in any order; leave them as they are. Without any, raise `ValueError`."
)


def _shuffled(count: int) -> list[float]:
    """The numbers from 1 to ``count``, as many as it takes to tell p95 and p99 apart, in an order that looks random."""
    return [float(number) for number in sorted(range(1, count + 1), key=lambda number: number * 37 % 211)]


def _given_values(values: Sequence[float]) -> str:
    return f"{list(values)}" if len(values) < 20 else f"the values from 1.0 to {max(values)}, in another order"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _averages(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    return Percentiles(*[sum(values) / len(values)] * 3)


def _off_by_one(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    ascending = sorted(values)
    return Percentiles(*(ascending[len(ascending) * share // 100] for share in (50, 95, 99)))


def _unsorted(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    return Percentiles(*(values[math.ceil(len(values) * share / 100) - 1] for share in (50, 95, 99)))


def _in_between(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    ascending = sorted(values)

    def at(share: float) -> float:
        place = (len(ascending) - 1) * share / 100
        below = math.floor(place)
        above = min(below + 1, len(ascending) - 1)
        return ascending[below] + (ascending[above] - ascending[below]) * (place - below)

    return Percentiles(at(50), at(95), at(99))


def _rounded(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    ascending = sorted(values)
    return Percentiles(*(ascending[max(round(len(ascending) * share / 100), 1) - 1] for share in (50, 95, 99)))


def _zeros_for_nothing(values: Sequence[float]) -> Percentiles:
    return percentiles(values) if values else Percentiles(0.0, 0.0, 0.0)


def _require_some(values: Sequence[float]) -> None:
    if not values:
        raise ValueError


# --- the exercise -----------------------------------------------------------------------------------------------------

LAG_PERCENTILES = Exercise(
    name="lag_percentiles",
    task=TASK,
    stub=(
        "from collections.abc import Sequence\n\n"
        "from esworkbench.projections.monitoring.measure import Percentiles  # p50, p95, p99\n\n\n"
        "def my_lag_percentiles(values: Sequence[float]) -> Percentiles: ..."
    ),
    reference=percentiles,
    cases=st.tuples(
        st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.123456789, 1.25, 3.0]), max_size=7)
        | st.sampled_from([20, 21, 50, 99, 100, 101, 130, 150, 200]).map(_shuffled)
    ),
    examples=[([],), (_shuffled(100),), ([0.123456789],)],
    given=_given_values,
    hints=(
        "Sort, then count from the front.",
        "Of n values the p99 is number ⌈n · 99 / 100⌉, counted from 1.",
    ),
    mistakes={
        "the average": Mistake(
            _averages, "all three are the average, in which the one customer in a hundred who waits disappears"
        ),
        "off by one": Mistake(
            _off_by_one, "it is off by one: of 100 measurements the p50 is the 50th, which stands at index 49"
        ),
        "not sorted": Mistake(_unsorted, "the same measurements in another order give other percentiles: sort first"),
        "values nobody waited": Mistake(
            _in_between, "it lies between two measurements: each percentile is a value that somebody really waited"
        ),
        "rounded": Mistake(
            _rounded,
            "the place is rounded to the nearest: round it up, or fewer than so many of 100 stay at or below the value",
        ),
        "zeros for nothing": Mistake(
            _zeros_for_nothing, "without a measurement it makes up a lag of 0, which looks healthy: raise ValueError"
        ),
    },
)
