"""The order inside a day that nobody wrote down, found from the balances that were.

A booked row takes the balance from ``balance - amount`` to ``balance``. So balances are places and rows are one-way
streets between them, and an order in which the recorded balances chain is a walk that takes every street once, from
the day's opening balance on: an Eulerian path. (Same-day ordering is what Beancount's and hledger's balance assertions
trip over again and again.)

Finding the walk means finding who follows whom. Every row's end is joined to the start of another row at the same
balance, and one end stays free: the day's last. That gives one walk and perhaps some closed rounds beside it; wherever
two of these meet in a balance they are spliced into one (Hierholzer, 1873). Where the joints don't all fit exactly they
may be off by a few minor units, the rounding limit, in as few places as can be found: on days of up to eight rows by
looking at every order, on longer ones by a rule that works on real ledgers, whose balances lie far apart. Time
grows with the number of rows times its logarithm, so a day of ten thousand rows is nothing special.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

Verdict = Literal["exact", "ambiguous", "rounded", "unresolved"]
"""``exact``: the balances chain, in one order only. ``ambiguous``: they chain, in several. ``rounded``: they chain when
steps may be off by the limit. ``unresolved``: they chain in no order, so a row is missing, repeated or wrong; the
order kept is one with the fewest steps that don't follow, the file's own if it has no more."""

SMALL_DAY = 8
"""Up to this many rows, the order with the fewest rounded steps is found by trying them all (Held and Karp, 1962)."""

NO_LIMIT = 2**64
"""For a day that chains in no order at all: every step may be off by any amount."""

NEIGHBOURS = 8
"""How many of the next higher balances are tried when two rounds don't meet exactly."""


class BookedRow(NamedTuple):
    """A signed amount and the balance recorded after it, in minor units."""

    amount: int
    balance: int


class DayOrder(NamedTuple):
    """``order`` holds indexes into the day's rows. Residuals are claimed step minus amount, in minor units."""

    order: list[int]
    verdict: Verdict
    rounded_steps: int
    largest_residual: int


def order_days(days: Iterable[Sequence[BookedRow]], *, opening: int | None, limit: int) -> Iterator[DayOrder]:
    """The order of each of one account's days, which chain on each other from ``opening``.

    The day after an unresolved one may open at any balance, so that one wrong day doesn't spoil all later ones.
    """
    days = list(days)
    for rows, following in zip(days, [*days[1:], None], strict=True):
        found = order_day(rows, opening=opening, limit=limit, following=following)
        yield found
        opening = None if found.verdict == "unresolved" else rows[found.order[-1]].balance


def order_day(
    rows: Sequence[BookedRow], *, opening: int | None, limit: int, following: Sequence[BookedRow] | None = None
) -> DayOrder:
    """The order in which one day's balances chain; ``opening`` None where the balance before it isn't known.

    ``following``, the next day's rows, helps to order a day that doesn't chain: the next day knows how it ended.
    """
    if opening is None:
        opening = _likely_opening(rows)
    exact = _chain(rows, opening, 0)
    if exact is not None:
        walk = [opening, *(rows[index].balance for index in exact)]
        return DayOrder(exact, "ambiguous" if _has_another_order(walk) else "exact", 0, 0)
    rounded = _rounded_order(rows, opening, limit) if limit else None
    order = _fewest_broken(rows, opening, following) if rounded is None else rounded
    residuals = _residuals(rows, order, opening)
    largest = max(residuals, key=abs)
    if rounded is None:
        return DayOrder(order, "unresolved", 0, largest)
    return DayOrder(order, "rounded", _rounded_steps(residuals), largest)


def _fewest_broken(rows: Sequence[BookedRow], opening: int, following: Sequence[BookedRow] | None) -> list[int]:
    """An order with as few steps that don't follow as can be found, the file's own if it has no more of them."""
    as_written = list(range(len(rows)))
    ending = None if following is None else _likely_opening(following)
    found = [as_written, _chain(rows, opening, NO_LIMIT)]
    if len(rows) <= SMALL_DAY:
        found += [_fewest_rounded(rows, opening, NO_LIMIT, last=last) for last in [None, *as_written]]

    def broken(order: list[int]) -> int:
        ends_wrong = ending is not None and rows[order[-1]].balance != ending
        return _rounded_steps(_residuals(rows, order, opening)) + ends_wrong

    return min((order for order in found if order is not None), key=broken)


def _rounded_order(rows: Sequence[BookedRow], opening: int, limit: int) -> list[int] | None:
    if len(rows) <= SMALL_DAY:
        return _fewest_rounded(rows, opening, limit)
    found = [_chain(rows, opening, limit, exact_first=exact_first) for exact_first in (True, False)]
    chains = [order for order in found if order is not None]
    return min(chains, key=lambda order: _rounded_steps(_residuals(rows, order, opening)), default=None)


class _Partial(NamedTuple):
    """Some of a day's rows in an order; less is better, field by field."""

    rounded_steps: int
    off_by: int
    order: list[int]


def _fewest_rounded(
    rows: Sequence[BookedRow], opening: int, limit: int, *, last: int | None = None
) -> list[int] | None:
    """The order with the fewest rounded steps, of these the one with the least rounding; ``last`` names its last row.

    The best way to have booked a set of rows and to have ended with a certain one leads to the best ways for one more.
    """
    best = {(0, -1): _Partial(0, 0, [])}
    for _ in rows:
        longer: dict[tuple[int, int], _Partial] = {}
        for (booked, before), (steps, off_by, order) in best.items():
            balance = opening if before < 0 else rows[before].balance
            for index, row in enumerate(rows):
                residual = row.balance - balance - row.amount
                if booked >> index & 1 or abs(residual) > limit:
                    continue
                key = (booked | 1 << index, index)
                candidate = _Partial(steps + (residual != 0), off_by + abs(residual), [*order, index])
                longer[key] = min(longer.get(key, candidate), candidate)
        best = longer
    ended = [partial for (_, end), partial in best.items() if last in (None, end)]
    return min(ended).order if ended else None


def _residuals(rows: Sequence[BookedRow], order: Iterable[int], opening: int) -> list[int]:
    residuals = []
    for index in order:
        residuals.append(rows[index].balance - opening - rows[index].amount)
        opening = rows[index].balance
    return residuals


def _rounded_steps(residuals: Iterable[int]) -> int:
    return sum(residual != 0 for residual in residuals)


def _likely_opening(rows: Sequence[BookedRow]) -> int:
    """A balance that more rows leave than reach; where there is none the day is a round, and any start will do."""
    surplus: dict[int, int] = defaultdict(int)
    for row in rows:
        surplus[row.balance - row.amount] += 1
        surplus[row.balance] -= 1
    first = rows[0].balance - rows[0].amount
    return next((balance for balance, count in surplus.items() if count > 0), first)


def _chain(rows: Sequence[BookedRow], opening: int, limit: int, *, exact_first: bool = True) -> list[int] | None:
    """An order in which every step is within ``limit``, or None. Joints that fit exactly are made first, or not."""
    ends = [opening, *(row.balance for row in rows)]
    starts: list[int | None] = [None, *(row.balance - row.amount for row in rows)]
    follower = _join(ends, starts, limit, exact_first=exact_first)
    if follower is None:
        return None
    rounds = _Rounds(follower)
    _splice(ends, starts, limit, follower, rounds)
    order: list[int] = []
    place = follower[0]
    while place != 0:
        order.append(place - 1)
        place = follower[place]
    return order if len(order) == len(rows) else None


def _join(ends: list[int], starts: list[int | None], limit: int, *, exact_first: bool) -> list[int] | None:
    """Who follows whom: ``follower[end]`` is a start, and 0 for the end that stays free. None where limits forbid."""
    follower = [0] * len(ends)
    open_starts: dict[int, list[int]] = defaultdict(list)
    for index in range(len(starts) - 1, 0, -1):
        start = starts[index]
        assert start is not None
        open_starts[start].append(index)
    free_ends = []
    for index, end in enumerate(ends):
        if exact_first and open_starts.get(end):
            follower[index] = open_starts[end].pop()
        else:
            free_ends.append(index)
    free_ends.sort(key=lambda index: ends[index])
    free_starts = [(start, index) for start, indexes in open_starts.items() for index in reversed(indexes)]
    free_starts.sort()
    # On a line, pairing in sorted order keeps the widest joint narrowest; one end, somewhere, is left over.
    shifted = len(free_starts)
    while shifted and abs(ends[free_ends[shifted]] - free_starts[shifted - 1][0]) <= limit:
        shifted -= 1
    if any(abs(ends[free_ends[place]] - free_starts[place][0]) > limit for place in range(shifted)):
        return None
    del free_ends[shifted]
    for end, (_, start) in zip(free_ends, free_starts, strict=True):
        follower[end] = start
    return follower


class _Rounds:
    """Which closed round each place is in (union-find)."""

    def __init__(self, follower: list[int]) -> None:
        self._parent = list(range(len(follower)))
        for place, successor in enumerate(follower):
            self.unite(place, successor)

    def of(self, place: int) -> int:
        while self._parent[place] != place:
            self._parent[place] = self._parent[self._parent[place]]
            place = self._parent[place]
        return place

    def unite(self, one: int, other: int) -> None:
        self._parent[self.of(one)] = self.of(other)


def _splice(ends: list[int], starts: list[int | None], limit: int, follower: list[int], rounds: _Rounds) -> None:
    """Join separate rounds into one by letting two ends swap followers: first where it costs no rounding, then more."""

    def off(end: int, start: int) -> int:
        value = starts[start]
        return 0 if value is None else abs(ends[end] - value)

    def cost(one: int, other: int) -> int:
        """How many more joints would be rounded after the swap."""
        before = (off(one, follower[one]), off(other, follower[other]))
        after = (off(one, follower[other]), off(other, follower[one]))
        return 3 if max(after) > limit else sum(map(bool, after)) - sum(map(bool, before))

    by_end = sorted(range(len(ends)), key=lambda index: ends[index])
    for allowed in (0, 1, 2):
        for distance in range(1, 2 if allowed == 0 else NEIGHBOURS + 1):
            for one, other in zip(by_end, by_end[distance:], strict=False):
                if rounds.of(one) != rounds.of(other) and cost(one, other) <= allowed:
                    follower[one], follower[other] = follower[other], follower[one]
                    rounds.unite(one, other)


def _has_another_order(walk: list[int]) -> bool:
    """Whether the streets of this walk can be walked in another order of balances, from the same start.

    Another walk leaves this one at some balance ``u``, by taking a street that this one takes on a later visit. It
    can still take all the others exactly when the part that was put off, from the first visit to the later one, meets
    what comes after. So it suffices to look, for each ``u``, at the visits before its last and at the last one.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, balance in enumerate(walk):
        first.setdefault(balance, place)
        last[balance] = place
    onward: dict[int, int] = {}
    # The farthest later visit of anything walked since a place: a stack whose values fall from bottom to top.
    places: list[int] = []
    farthest: list[int] = []
    for place, balance in enumerate(walk):
        while farthest and farthest[-1] <= last[balance]:
            farthest.pop()
            places.pop()
        places.append(place)
        farthest.append(last[balance])
        if place == len(walk) - 1:
            break
        following = walk[place + 1]
        if onward.setdefault(balance, following) == following:
            continue
        if farthest[bisect_left(places, first[balance])] > place:
            return True
    return False
