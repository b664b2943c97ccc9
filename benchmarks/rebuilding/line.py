"""Is it straight? A line through (events, seconds), and what it says far beyond its points."""

from itertools import combinations
from statistics import linear_regression
from typing import NamedTuple

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
    """None for fewer than three points, through which no line says anything about straightness."""
    if len(points) < 3:
        return None
    fit = linear_regression([events for events, _ in points], [seconds for _, seconds in points])
    bend = max(abs(fit.intercept + fit.slope * events - seconds) / seconds for events, seconds in points)
    beyond = [
        later_seconds + (later_seconds - seconds) / (later - events) * (TWO_BILLION - later)
        for (events, seconds), (later, later_seconds) in combinations(points, 2)
    ]
    at = fit.intercept + fit.slope * TWO_BILLION
    return Line(fit.intercept, 1 / fit.slope if fit.slope > 0 else float("inf"), bend, at, min(beyond), max(beyond))
