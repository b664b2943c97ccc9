"""Which line of a statement means which movement: one to one, and of all ways the one with the least distance in time.

What both sides know by one id belongs together, whatever its day; where they share none, equal amounts within a window
of days do. Taking the nearest free partner again and again is not the best of all: it may leave a line without one that
had one, or match a month's rents each to the next month's. So it is an assignment problem: first the most pairs, then
the least sum of days between them (solved by scipy, after Crouse, "On implementing 2D rectangular assignment
algorithms", 2016). Among equally good ways, first goes with first.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

By = Literal["id", "amount", "parts"]

MOST_AT_ONCE = 2_000
"""So many lines, or movements, of one amount near each other are assigned at best; more in their order."""


class Item(NamedTuple):
    """A line or a movement: what it is known by, its amount in minor units, its day; ``place`` orders those of a day.

    A line has two ids, the one that both sides know and the bank's own. ``comes_second``: something that was undone
    since, which a statement need not tell.
    """

    ids: tuple[str, ...]
    amount: int
    day: date
    place: int
    comes_second: bool = False


class Pair(NamedTuple):
    """The places in their lists of a line and a movement, and by what they were found. ``is_altered``: one id, and
    another amount."""

    line: int
    movement: int
    by: By
    is_altered: bool = False


def match(lines: Sequence[Item], movements: Sequence[Item], window: int) -> list[Pair]:
    """The pairs among the lines and movements of one account in one currency, by line; ``window`` is in days.

    Several under one id that come to the same together are told in other parts, and each line has one of them.
    """
    found: list[Pair] = []
    left = _Left(lines, movements, found)
    for second in (False, True):
        for which in (0, 1):
            left.pair(lambda item, which=which: _id(item.ids, which), second, window, "id")  # type: ignore[misc]
        left.pair(lambda item: item.amount, second, window, "amount")
    return sorted(found)


class _Left:
    """What has no partner yet."""

    def __init__(self, lines: Sequence[Item], movements: Sequence[Item], found: list[Pair]) -> None:
        self._lines, self._movements, self._found = lines, movements, found
        self._open = (set(range(len(lines))), set(range(len(movements))))

    def pair(self, key: Callable[[Item], Hashable], second: bool, window: int, by: By) -> None:
        """Pair what has the same key."""
        lines: dict[Hashable, list[int]] = defaultdict(list)
        movements: dict[Hashable, list[int]] = defaultdict(list)
        for number in sorted(self._open[0], key=lambda each: self._order(self._lines, each)):
            lines[key(self._lines[number])].append(number)
        for number in sorted(self._open[1], key=lambda each: self._order(self._movements, each)):
            item = self._movements[number]
            if item.comes_second == second:
                # A movement is known by one id, and a line by either of two.
                movements[_id(item.ids, 0) if by == "id" else key(item)].append(number)
        for value, mine in lines.items():
            theirs = movements.get(value, [])
            if value is None or not theirs:
                continue
            if by == "amount":
                self._take(self._nearest(mine, theirs, window), by)
            else:
                self._under_one_id(mine, theirs, window)

    def _under_one_id(self, mine: list[int], theirs: list[int], window: int) -> None:
        """Equal amounts first; an id that each side has once says it alone, at whatever distance."""
        is_told_once = len(mine) == len(theirs) == 1
        for amount in dict.fromkeys(self._lines[each].amount for each in mine):
            same = [each for each in theirs if self._movements[each].amount == amount]
            own = [each for each in mine if self._lines[each].amount == amount]
            self._take(self._nearest(own, same, None if is_told_once else window), "id")
        mine = [each for each in mine if each in self._open[0]]
        theirs = [each for each in theirs if each in self._open[1]]
        if not mine or not theirs:
            return
        if self._come_to_the_same(mine, theirs, window):
            longer = max(len(mine), len(theirs))
            padded = [[*side, *side[-1:] * (longer - len(side))] for side in (mine, theirs)]
            self._take(list(zip(*padded, strict=True)), "parts")
            return
        self._take(self._nearest(mine, theirs, None if is_told_once else window), "id", is_altered=True)

    def _come_to_the_same(self, mine: list[int], theirs: list[int], window: int) -> bool:
        lines, movements = [self._lines[each] for each in mine], [self._movements[each] for each in theirs]
        days = [item.day for item in (*lines, *movements)]
        is_near = (max(days) - min(days)).days <= window
        return is_near and sum(item.amount for item in lines) == sum(item.amount for item in movements)

    def _nearest(self, mine: list[int], theirs: list[int], window: int | None) -> list[tuple[int, int]]:
        days = [self._lines[each].day.toordinal() for each in mine]
        others = [self._movements[each].day.toordinal() for each in theirs]
        return [(mine[line], theirs[movement]) for line, movement in nearest(days, others, window)]

    def _take(self, pairs: list[tuple[int, int]], by: By, *, is_altered: bool = False) -> None:
        for line, movement in pairs:
            self._open[0].discard(line)
            self._open[1].discard(movement)
            self._found.append(Pair(line, movement, by, is_altered))

    @staticmethod
    def _order(items: Sequence[Item], number: int) -> tuple[date, int, int]:
        return items[number].day, items[number].place, number


def _id(ids: tuple[str, ...], which: int) -> str | None:
    """An id as banks print it, in capitals and padded; None for one that there isn't."""
    return (ids[which].strip().upper() or None) if which < len(ids) else None


def nearest(lines: Sequence[int], movements: Sequence[int], window: int | None) -> list[tuple[int, int]]:
    """Of two lists of days, both rising, the most pairs no more than ``window`` apart, and of those ways the one with
    the least sum of distances; places in the lists, by line.
    """
    found: list[tuple[int, int]] = []
    for first, own, second, others in _stretches(lines, movements, window):
        widest = max(abs(own[0] - others[-1]), abs(own[-1] - others[0])) if window is None else window
        if max(len(own), len(others)) <= MOST_AT_ONCE:
            chosen = _assigned(own, others, widest)
        else:
            chosen = _in_order(own, others, widest)
        # The days chosen, first with first: no way to pair these same days has a smaller sum, or a wider pair.
        mine, theirs = (sorted(side) for side in zip(*chosen, strict=True)) if chosen else ([], [])
        found += [(first + line, second + movement) for line, movement in zip(mine, theirs, strict=True)]
    return found


def _stretches(
    lines: Sequence[int], movements: Sequence[int], window: int | None
) -> Iterator[tuple[int, Sequence[int], int, Sequence[int]]]:
    """Parts of both lists between which nothing is near enough, each with its places in them."""
    if window is None:
        if lines and movements:
            yield 0, lines, 0, movements
        return
    marked = sorted([(day, 0) for day in lines] + [(day, 1) for day in movements])
    begins, counts, last = [0, 0], [0, 0], None
    for day, side in [*marked, (None, None)]:
        if last is not None and (day is None or day - last > window):
            if counts[0] and counts[1]:
                yield (begins[0], lines[begins[0] : begins[0] + counts[0]],
                       begins[1], movements[begins[1] : begins[1] + counts[1]])  # fmt: skip
            begins = [begins[0] + counts[0], begins[1] + counts[1]]
            counts = [0, 0]
        if side is not None:
            counts[side] += 1
            last = day


def _assigned(lines: Sequence[int], movements: Sequence[int], window: int) -> list[tuple[int, int]]:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    apart = np.abs(np.subtract.outer(np.array(lines, np.int64), np.array(movements, np.int64)))
    # No pair is dearer than all pairs that might be had instead.
    dearest = (window + 1) * (min(apart.shape) + 1)
    rows, columns = linear_sum_assignment(np.where(apart <= window, apart, dearest))
    return [
        (int(row), int(column)) for row, column in zip(rows, columns, strict=True) if apart[row, column] <= window
    ]  # fmt: skip


def _in_order(lines: Sequence[int], movements: Sequence[int], window: int) -> list[tuple[int, int]]:
    """The most pairs, too, but not always the nearest: the first line with the first movement that it reaches."""
    found, line, movement = [], 0, 0
    while line < len(lines) and movement < len(movements):
        if abs(lines[line] - movements[movement]) <= window:
            found.append((line, movement))
            line, movement = line + 1, movement + 1
        elif lines[line] < movements[movement]:
            line += 1
        else:
            movement += 1
    return found
