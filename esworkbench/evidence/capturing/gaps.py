"""Positions that no event holds."""

from collections.abc import Iterator
from typing import Any

import numpy as np


class Gaps:
    """Learns which positions are held, in batches of which most come in order; keeps the ranges between them."""

    def __init__(self, after: int = 0) -> None:
        self.high_water: int | None = after or None
        self._last = after
        self._ranges: list[np.ndarray[Any, Any]] = []
        self._others: list[np.ndarray[Any, Any]] = []

    def seen(self, positions: "np.ndarray[Any, Any]", *, in_order: bool) -> None:
        """Positions that are held; ``in_order`` ones go on from the last such batch."""
        if not len(positions):
            return
        self.high_water = max(self.high_water or 0, int(positions.max())) or None
        if not in_order:
            self._others.append(positions)
            return
        before = np.concatenate([[self._last], positions[:-1]])
        wide = positions > before + 1
        self._ranges.append(np.column_stack([before[wide] + 1, positions[wide] - 1]))
        self._last = int(positions[-1])

    def unfilled(self) -> list[tuple[int, int]]:
        """The ranges, both ends included, in order."""
        others = np.unique(np.concatenate([np.empty(0, np.int64), *self._others]))
        ranges = np.concatenate([np.empty((0, 2), np.int64), *self._ranges])
        if len(others) and others[-1] > self._last:
            ranges = np.vstack([ranges, [[self._last + 1, others[-1]]]])
        return [part for first, last in ranges.tolist() for part in _without(first, last, others)]


def _without(first: int, last: int, others: "np.ndarray[Any, Any]") -> Iterator[tuple[int, int]]:
    held = others[np.searchsorted(others, first) : np.searchsorted(others, last, side="right")]
    for position in held.tolist():
        if position > first:
            yield first, position - 1
        first = position + 1
    if first <= last:
        yield first, last
