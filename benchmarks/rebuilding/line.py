"""Is it straight? A line through (events, seconds), and what it says far beyond its points."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

TWO_BILLION = 2_000_000_000


class Line(NamedTuple):
    """``seconds = start + events / rate``. ``bend`` is the largest miss of a point, as a share of its seconds.

    ``lowest`` and ``highest`` are seconds for two billion events by the flattest and the steepest line through any two
    points: with a handful of points that says more about the error than a standard deviation would.
    """

    start: float
    rate: float
    bend: float
    seconds: float
    lowest: float
    highest: float


def through(points: list[tuple[int, float]]) -> Line | None:
    """The line whose misses are least as shares of the seconds: else the largest size alone would draw it.

    None for fewer than three points, through which no line says anything about straightness.
    """
    if len(points) < 3:
        return None
    sizes, took = np.array(points).T
    slope, start = map(float, np.polyfit(sizes, took, 1, w=1 / took))
    bend = max(abs(start + slope * events - seconds) / seconds for events, seconds in points)
    beyond = [
        later_seconds + (later_seconds - seconds) / (later - events) * (TWO_BILLION - later)
        for (events, seconds), (later, later_seconds) in combinations(points, 2)
    ]
    at = start + slope * TWO_BILLION
    return Line(start, 1 / slope if slope > 0 else float("inf"), bend, at, min(beyond), max(beyond))
