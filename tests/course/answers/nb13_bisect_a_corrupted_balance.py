"""Answers to the exercises of notebook 13."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate, count, pairwise, repeat

import numpy as np
import pandas as pd

from esworkbench.forensics.compare.bisect import Search, first_bad


def residuals_by_pairs(claimed: list[int], posted: list[int]) -> Iterator[int]:
    return (now - then - moved for (then, now), moved in zip(pairwise([0, *claimed]), posted, strict=False))


def residuals_by_loop(claimed: list[int], posted: list[int]) -> tuple[int, ...]:
    found, before = [], 0
    for index in range(len(posted)):
        found.append(claimed[index] - before - posted[index])
        before = claimed[index]
    return tuple(found)


def residuals_by_numpy(claimed: list[int], posted: list[int]) -> np.ndarray:
    return np.diff(np.array(claimed, dtype="int64"), prepend=0) - np.array(posted, dtype="int64")


def residuals_by_deltas(claimed: list[int], posted: list[int]) -> list[int]:
    """A residual is by how much the delta changes."""
    deltas = [says - total for says, total in zip(claimed, accumulate(posted), strict=True)]
    return [now - then for then, now in pairwise([0, *deltas])]


def residuals_from_the_first_claim(claimed: list[int], posted: list[int]) -> list[int]:
    """The claim before the first is taken to be what would make it right."""
    if not posted:
        return []
    return [0, *(now - then - moved for then, now, moved in zip(claimed, claimed[1:], posted[1:], strict=False))]


def residuals_as_floats(claimed: list[int], posted: list[int]) -> list[int]:
    return [int(each) for each in np.diff(np.array(claimed, dtype=float), prepend=0.0) - np.array(posted, dtype=float)]


def residuals_by_pandas_diff(claimed: list[int], posted: list[int]) -> list[float]:
    table = pd.DataFrame({"claimed": claimed, "posted": posted})
    return list(table["claimed"].diff().fillna(table["claimed"]) - table["posted"])


def residuals_that_wrap(claimed: list[int], posted: list[int]) -> list[int]:
    """The claim before the first is the last one."""
    return [claimed[index] - claimed[index - 1] - posted[index] for index in range(len(posted))]


def first_bad_by_recursion(count: int, is_bad: Callable[[int], bool]) -> int:
    def between(good: int, bad: int) -> int:
        if bad - good == 1:
            return bad
        middle = (good + bad) // 2
        return between(good, middle) if is_bad(middle) else between(middle, bad)

    return between(0, count)


def first_bad_rounding_up(count: int, is_bad: Callable[[int], bool]) -> int:
    low, high = 1, count
    while low < high:
        middle = high - (high - low + 1) // 2
        low, high = (low, middle) if is_bad(middle) else (middle + 1, high)
    return low


def first_bad_by_the_library(count: int, is_bad: Callable[[int], bool]) -> int:
    return bisect_left(range(1, count), True, key=is_bad) + 1


def first_bad_by_log(count_: int, is_bad: Callable[[int], bool]) -> int:
    """By powers of two from the front: twice as many questions."""
    reach = next(power for power in count() if 2**power >= count_ or is_bad(2**power))
    good, bad = (2**reach) // 2, min(2**reach, count_)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (good, middle) if is_bad(middle) else (middle, bad)
    return bad


def first_bad_one_by_one_but_the_last(count: int, is_bad: Callable[[int], bool]) -> int:
    return next((step for step in range(1, count) if is_bad(step)), count)


def first_bad_with_a_last_look(count: int, is_bad: Callable[[int], bool]) -> int:
    found = first_bad(count, is_bad).first_bad
    assert found is not None
    assert is_bad(found)
    return found


def first_bad_with_a_lie(count: int, is_bad: Callable[[int], bool]) -> Search:
    return Search(next(step for step in range(1, count + 1) if step == count or is_bad(step)), [])


def first_bad_from_zero(count: int, is_bad: Callable[[int], bool]) -> int:
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_bad(middle) else (middle + 1, high)
    return low


def first_bad_in_ten_rounds(count: int, is_bad: Callable[[int], bool]) -> int:
    good, bad = 0, count
    for _ in range(10):
        if bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (good, middle) if is_bad(middle) else (middle, bad)
    return bad


def first_bad_in_floats(count: int, is_bad: Callable[[int], bool]) -> int:
    good, bad = 0, count
    while bad - good > 1:
        middle = int((good + bad) / 2)
        good, bad = (good, middle) if is_bad(middle) else (middle, bad)
    return bad


def divergence_by_count(residuals: list[int]) -> int | None:
    counts = list(accumulate(bool(each) for each in residuals))
    if not any(counts):
        return None
    return first_bad(len(residuals), lambda step: counts[step - 1] > 0).first_bad


def divergence_by_scan(residuals: list[int]) -> int | None:
    return next((step for step, residual in enumerate(residuals, 1) if residual), None)


def divergence_by_absolute_sums(residuals: list[int]) -> int | None:
    sums = list(accumulate(map(abs, residuals)))
    place = bisect_left(sums, 1)
    return place + 1 if place < len(sums) else None


def divergence_by_squares_of_the_sum(residuals: list[int]) -> int | None:
    sums = [total * total for total in accumulate(residuals)]
    place = bisect_left(sums, 1)
    return place + 1 if place < len(sums) else None


def divergence_above_a_cent(residuals: list[int]) -> int | None:
    return next((step for step, residual in enumerate(residuals, 1) if abs(residual) > 1), None)


def divergence_or_zero(residuals: list[int]) -> int:
    return divergence_by_scan(residuals) or 0


def divergence_of_the_largest(residuals: list[int]) -> int | None:
    largest = max(map(abs, residuals), default=0)
    return (
        next((step for step, residual in enumerate(residuals, 1) if abs(residual) == largest), None)
        if largest
        else None
    )


def divergence_in_16_bits(residuals: list[int]) -> int | None:
    places = np.flatnonzero(np.array(residuals, dtype="int64").astype("int16"))
    return int(places[0]) + 1 if len(places) else None


def every_by_filter(residuals: list[int]) -> Iterator[int]:
    return filter(lambda step: residuals[step - 1] != 0, range(1, len(residuals) + 1))


def every_by_numpy(residuals: list[int]) -> np.ndarray:
    return np.flatnonzero(residuals) + 1


def every_by_index(residuals: list[int]) -> list[int]:
    return [residuals.index(each) + 1 for each in residuals if each != 0]


def every_by_index_once(residuals: list[int]) -> list[int]:
    return sorted({residuals.index(each) + 1 for each in residuals if each != 0})


def every_after_a_right_one(residuals: list[int]) -> list[int]:
    """Only where trouble begins: two in a row are taken for one."""
    steps = enumerate(pairwise([0, *residuals]), 1)
    return [step for step, (before, now) in steps if now and not before]


def every_without_the_last(residuals: list[int]) -> list[int]:
    return [step for step in range(1, len(residuals)) if residuals[step - 1]]


def every_until_healed(residuals: list[int]) -> list[int]:
    found, left = [], 0
    for step, residual in zip(count(1), residuals, strict=False):
        left += residual
        found += repeat(step, 1) if residual and left else []
    return found


def every_in_32_bits(residuals: list[int]) -> list[int]:
    return list(np.flatnonzero(np.array(residuals, dtype="int64").astype("int32")) + 1)


def every_up_to_a_hundred(residuals: list[int]) -> list[int]:
    return [step for step, residual in enumerate(residuals, 1) if residual][:100]


RIGHT = {
    "residuals": [residuals_by_pairs, residuals_by_loop, residuals_by_numpy, residuals_by_deltas],
    "first_bad": [first_bad_by_recursion, first_bad_rounding_up, first_bad_by_the_library],
    "first_divergence": [divergence_by_count, divergence_by_scan, divergence_by_absolute_sums],
    "every_divergence": [every_by_filter, every_by_numpy],
}
WRONG = {
    "residuals": [
        residuals_from_the_first_claim,
        residuals_as_floats,
        residuals_by_pandas_diff,
        residuals_that_wrap,
    ],
    "first_bad": [
        first_bad_by_log,
        first_bad_with_a_last_look,
        first_bad_one_by_one_but_the_last,
        first_bad_with_a_lie,
        first_bad_from_zero,
        first_bad_in_ten_rounds,
        first_bad_in_floats,
    ],
    "first_divergence": [
        divergence_by_squares_of_the_sum,
        divergence_above_a_cent,
        divergence_or_zero,
        divergence_of_the_largest,
        divergence_in_16_bits,
    ],
    "every_divergence": [
        every_by_index,
        every_by_index_once,
        every_after_a_right_one,
        every_without_the_last,
        every_until_healed,
        every_in_32_bits,
        every_up_to_a_hundred,
    ],
}
EQUIVALENT = {
    "first_divergence": {"return Search(None, []) → return": "a Search that found nothing and None say the same"}
}
