"""Is what a read model is off by a stretch of the log: of all events, of one type's, or of those from one amount on?

One account off by some sum of its events proves little: among a few hundred events there are tens of thousands of such
sums. Accounts that are all off by what one *common* stretch posts on each of them prove a lot. A stretch that one
account allows is a rectangle (it begins in the gap before one event and ends in the gap after another), and what
several accounts allow together is where their rectangles meet.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from esworkbench.forensics.compare.records import Key, Source
from esworkbench.forensics.diagnosis.context import Facts

MOST_EVENTS = 20_000
"""Accounts with more events in the stretch's order are not searched, only held against what others say."""

MOST_RECTANGLES = 500
MOST_ACCOUNTS = 12
MOST_TRIED = 20

Places = list[tuple[int, int]]
"""A place and what was posted there, in order: a position, or the size of an amount."""


class Stretch(NamedTuple):
    """The error of every account in ``fits`` is ``times`` what it posts after ``after`` and up to ``up_to``.

    ``misses`` are the accounts of which that isn't so, though the stretch holds events of theirs.
    """

    after: int
    up_to: int
    times: int
    fits: tuple[Key, ...]
    misses: tuple[Key, ...]

    @property
    def common(self) -> bool:
        """Whether several accounts agree on it, and next to none disagrees."""
        return len(self.fits) >= 2 and 3 * len(self.misses) <= len(self.fits)


class _Rectangle(NamedTuple):
    """The stretches that begin between ``low`` and ``after``, and end between ``up_to`` and ``high``."""

    low: int
    after: int
    up_to: int
    high: int

    def meets(self, other: "_Rectangle") -> "_Rectangle | None":
        both = _Rectangle(
            max(self.low, other.low), min(self.after, other.after), max(self.up_to, other.up_to),
            min(self.high, other.high),
        )  # fmt: skip
        return both if both.low <= both.after and both.up_to <= both.high and both.after < both.up_to else None


def stretches(
    errors: Mapping[Key, int], places: Mapping[Key, Places], end: int, times: Sequence[int]
) -> Iterator[Stretch]:
    """The stretches that explain most of ``errors``, in minor units by account, the tightest of each kind.

    ``places`` are the events of all accounts up to the place ``end``.
    """
    searched = sorted((key for key in errors if 0 < len(places.get(key, ())) <= MOST_EVENTS),
                      key=lambda key: (len(places[key]), key))[:MOST_ACCOUNTS]  # fmt: skip
    sums = {key: _Sums.of(mine) for key, mine in places.items()}
    for factor in times:
        allowed = [
            found for key in searched
            if (found := _rectangles(places[key], errors[key], factor, end))
        ]  # fmt: skip
        allowed.sort(key=len)
        # Where one account has another fault besides, the others still agree.
        for first in range(min(3, len(allowed))):
            met = allowed[first]
            for other in (*allowed[:first], *allowed[first + 1 :]):
                met = [both for one in met for two in other if (both := one.meets(two))] or met
            best = max(
                (_held_against(errors, sums, each, factor) for each in met[:MOST_TRIED]),
                key=lambda each: (len(each.fits), -len(each.misses), each.after - each.up_to),
            )
            yield best
            if best.common:
                break


def _rectangles(places: Places, error: int, times: int, end: int) -> list[_Rectangle]:
    """Every stretch of one account's events that comes to ``error``; none where there are too many to mean anything."""
    if error % times:
        return []
    wanted = error // times
    before: dict[int, list[tuple[int, int]]] = {}
    found: list[_Rectangle] = []
    total = 0
    last = 0
    for number, (place, amount) in enumerate(places):
        before.setdefault(total, []).append((last, place - 1))
        total += amount
        last = place
        next_place = places[number + 1][0] - 1 if number + 1 < len(places) else end
        found += (
            _Rectangle(low, after, place, next_place)
            for low, after in islice(before.get(total - wanted, ()), MOST_RECTANGLES)
        )
        if len(found) > MOST_RECTANGLES:
            return []
    return found


class _Sums(NamedTuple):
    """One account's places, and what was posted up to each."""

    places: list[int]
    totals: list[int]

    @classmethod
    def of(cls, places: Places) -> "_Sums":
        return cls([place for place, _ in places], [0, *accumulate(amount for _, amount in places)])

    def within(self, after: int, up_to: int) -> int:
        return self.totals[bisect_right(self.places, up_to)] - self.totals[bisect_right(self.places, after)]


def _held_against(errors: Mapping[Key, int], sums: Mapping[Key, _Sums], within: _Rectangle, times: int) -> Stretch:
    """The tightest stretch of the rectangle, held against all accounts."""
    predicted = {key: times * mine.within(within.after, within.up_to) for key, mine in sums.items()}
    fits = sorted(key for key, amount in predicted.items() if amount and amount == errors.get(key))
    misses = sorted(key for key, amount in predicted.items() if amount and amount != errors.get(key))
    return Stretch(within.after, within.up_to, times, tuple(fits), tuple(misses))


def places_of(facts: Facts, source: Source) -> dict[Key, Places]:
    """What every account posts at each position that the source has read, where that isn't 0."""
    rows = facts.rows(
        "SELECT account, currency, position, sum(amount_minor)::BIGINT AS amount FROM postings "
        "WHERE position <= $cut GROUP BY ALL HAVING amount <> 0 ORDER BY position",
        cut=source.cut,
    )
    found: dict[Key, Places] = {}
    for account, currency, position, amount in rows:
        found.setdefault((account, currency), []).append((position, amount))
    return found


class Standing(NamedTuple):
    """The rows are right at every position from ``first`` to ``last``: on the accounts in ``fits``, not in ``misses``.

    ``fits`` are accounts that differ at the checkpoint; ``misses`` counts those that differ here, too or instead.
    """

    first: int
    last: int
    fits: tuple[Key, ...]
    misses: int

    @property
    def common(self) -> bool:
        return len(self.fits) >= 2 and 3 * self.misses <= len(self.fits)


_SPANS = """
    WITH errors AS (
        SELECT unnest($accounts::VARCHAR[]) AS account, unnest($currencies::VARCHAR[]) AS currency,
            unnest($amounts::BIGINT[]) AS error
    ), posted AS (
        SELECT account, currency, position, sum(amount_minor) AS amount FROM postings GROUP BY ALL
    ), spans AS (
        SELECT account, currency, position AS first, coalesce(lead(position) OVER mine - 1, $end) AS last,
            sum(amount) OVER mine AS total
        FROM posted WINDOW mine AS (PARTITION BY account, currency ORDER BY position)
        UNION ALL SELECT account, currency, 0, min(position) - 1, 0 FROM posted GROUP BY account, currency
    ), due AS (
        SELECT account, currency, total + coalesce(error, 0) AS due, error
        FROM spans LEFT JOIN errors USING (account, currency) WHERE $cut BETWEEN first AND last
    ), hits AS (
        SELECT account, currency, first, last, error FROM spans JOIN due USING (account, currency) WHERE total = due
    )
"""

_DEEPEST = f"""
    {_SPANS}, edges AS (
        SELECT first AS place, 1 AS step FROM hits UNION ALL SELECT last + 1, -1 FROM hits
    ), depths AS (
        SELECT place, sum(sum(step)) OVER (ORDER BY place) AS depth,
            coalesce(lead(place) OVER (ORDER BY place) - 1, $end) AS last
        FROM edges GROUP BY place
    )
    SELECT place, last, ((SELECT count(*) FROM due) - depth)::BIGINT AS misses FROM depths
    WHERE NOT $cut BETWEEN place AND last AND place <= last ORDER BY depth DESC, abs(place - $cut) LIMIT 1
"""


def standing(facts: Facts, source: Source, errors: Mapping[Key, int]) -> Standing | None:
    """Where else in the log than at its checkpoint most of a source's figures are right; None if nowhere."""
    given = {
        "accounts": [account for account, _ in errors], "currencies": [currency for _, currency in errors],
        "amounts": list(errors.values()), "cut": source.cut, "end": max(facts.head, source.cut),
    }  # fmt: skip
    found = facts.rows(_DEEPEST, **given)
    if not found:
        return None
    [(first, last, misses)] = found
    right = facts.rows(
        f"{_SPANS} SELECT account, currency FROM hits WHERE error <> 0 AND $at BETWEEN first AND last ORDER BY 1, 2",
        **given, at=first,
    )  # fmt: skip
    fits = tuple((account, currency) for account, currency in right)
    return Standing(first, last, fits, misses) if fits else None
