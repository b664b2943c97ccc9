"""Is what a read model is off by a stretch of the log: of all events, of one type's, or of those from one amount on?

One account off by some sum of its events proves little: among a few hundred events there are tens of thousands of such
sums. Accounts that are all off by what one *common* stretch posts on each of them prove a lot. A stretch that one
account allows is a rectangle (it begins in the gap before one event and ends in the gap after another), and what
several accounts allow together is where their rectangles meet.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, NamedTuple

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

    ``misses`` are the accounts that are off otherwise, though the stretch holds events of theirs, and ``missed`` counts
    these and the ones that are right. ``others`` are apart from this one and explain just as much.
    """

    after: int
    up_to: int
    times: int
    fits: tuple[Key, ...]
    misses: tuple[Key, ...]
    missed: int
    others: tuple[tuple[int, int], ...] = ()

    @property
    def common(self) -> bool:
        """Whether several accounts agree on it, and next to none disagrees."""
        return len(self.fits) >= 2 and 3 * self.missed <= len(self.fits)


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


Within = Callable[[Sequence[tuple[int, int]]], Sequence[Mapping[Key, int]]]
"""For each stretch, after one place and up to another, what every account posts in it."""


def stretches(
    errors: Mapping[Key, int], places: Mapping[Key, Places], end: int, times: Sequence[int],
    within: Within | None = None,
) -> Iterator[Stretch]:  # fmt: skip
    """The stretches that explain most of ``errors``, in minor units by account, the tightest of each kind.

    ``places`` are the events, up to the place ``end``, of the accounts that are searched. Without ``within`` these are
    all accounts that there are.
    """
    within = within or _within(places)
    for factor in times:
        allowed = [
            found for key in searched_first({key: len(places.get(key, ())) for key in errors})
            if (found := _rectangles(places[key], errors[key], factor, end))
        ]  # fmt: skip
        allowed.sort(key=len)
        # Where one account has another fault besides, the others still agree.
        for first in range(min(3, len(allowed))):
            met = allowed[first]
            for other in (*allowed[:first], *allowed[first + 1 :]):
                met = [both for one in met for two in other if (both := one.meets(two))] or met
            tried = [(each.after, each.up_to) for each in met[:MOST_TRIED]]
            held = [_held_against(errors, posted, *ends, factor)
                    for ends, posted in zip(tried, within(tried), strict=True)]  # fmt: skip
            best = max(held, key=lambda each: (len(each.fits), -each.missed, each.after - each.up_to))
            yield best._replace(others=tuple(_as_good(best, held)))
            if best.common:
                break


def _as_good(best: Stretch, held: Iterable[Stretch]) -> Iterator[tuple[int, int]]:
    """Stretches that explain what the best one does, and have nothing in common with it nor with each other."""
    apart = [(best.after, best.up_to)]
    for each in sorted(held, key=lambda each: each.up_to - each.after):
        if (each.fits, each.missed) == (best.fits, best.missed) and not any(
            each.after < up_to and after < each.up_to for after, up_to in apart
        ):
            apart.append((each.after, each.up_to))
            yield each.after, each.up_to


def held_against(errors: Mapping[Key, int], posted: "PostedPlaces", after: int, up_to: int) -> Stretch:
    """A stretch that something else than sums tells of, held against the errors of accounts that lack it."""
    return _held_against(errors, posted.within([(after, up_to)])[0], after, up_to, -1)


def searched_first(sizes: Mapping[Key, int]) -> list[Key]:
    """Of accounts with so many events each: those that are searched."""
    able = sorted((size, key) for key, size in sizes.items() if 0 < size <= MOST_EVENTS)
    return [key for _, key in able[:MOST_ACCOUNTS]]


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


def _within(places: Mapping[Key, Places]) -> Within:
    sums = {key: _Sums.of(mine) for key, mine in places.items()}
    return lambda ends: [
        {key: mine.within(after, up_to) for key, mine in sums.items()} for after, up_to in ends
    ]  # fmt: skip


def _held_against(errors: Mapping[Key, int], posted: Mapping[Key, int], after: int, up_to: int, times: int) -> Stretch:
    """A stretch, held against what every account posts in it."""
    touched = {key: times * amount for key, amount in posted.items() if amount}
    fits = sorted(key for key, amount in touched.items() if amount == errors.get(key))
    misses = sorted(key for key, amount in touched.items() if key in errors and amount != errors[key])
    return Stretch(after, up_to, times, tuple(fits), tuple(misses), len(touched) - len(fits))


class PostedPlaces:
    """Accounts' places by query: ``posted`` is SQL for account, currency, place and amount, ``given`` its parameters.

    Only the accounts that are searched are read, so the log needn't fit in memory. A second one takes the place of the
    first.
    """

    def __init__(self, facts: Facts, posted: str, given: Mapping[str, Any]) -> None:
        self._facts = facts
        facts.rows(f"CREATE OR REPLACE TEMP TABLE places AS {posted}", **given)
        [(self.end,)] = facts.rows("SELECT coalesce(max(place), 0) FROM places")

    def searched(self, errors: Mapping[Key, int]) -> dict[Key, Places]:
        """The places of those of the accounts that are searched."""
        sizes = self._facts.rows(f"SELECT account, currency, count(*) FROM places WHERE {OF_THESE} GROUP BY ALL",
                                 **named(errors))  # fmt: skip
        chosen = searched_first({(account, currency): size for account, currency, size in sizes})
        found: dict[Key, Places] = {}
        for account, currency, place, amount in self._facts.rows(
            f"SELECT account, currency, place, amount FROM places WHERE {OF_THESE} ORDER BY place", **named(chosen)
        ):
            found.setdefault((account, currency), []).append((place, amount))
        return found

    def within(self, ends: Sequence[tuple[int, int]]) -> list[dict[Key, int]]:
        sums = ", ".join(
            f"coalesce(sum(amount) FILTER (place > {after} AND place <= {up_to}), 0)::BIGINT" for after, up_to in ends
        )
        rows = self._facts.rows(f"SELECT account, currency, {sums} FROM places GROUP BY ALL")
        return [{(row[0], row[1]): row[number] for row in rows} for number in range(2, 2 + len(ends))]


OF_THESE = "(account, currency) IN (SELECT (unnest($accounts::VARCHAR[]), unnest($currencies::VARCHAR[])))"
"""A condition for the accounts and currencies that ``named`` gives."""


def named(keys: Collection[Key]) -> dict[str, list[str]]:
    """Accounts and currencies as a query is given them."""
    return {"accounts": [account for account, _ in keys], "currencies": [currency for _, currency in keys]}


_POSTED = """
    SELECT account, currency, position AS place, sum(amount_minor)::BIGINT AS amount FROM postings
    WHERE position <= $cut AND {which} GROUP BY ALL HAVING amount <> 0
"""


def places_of_all(facts: Facts, source: Source) -> PostedPlaces:
    """What every account posts at each position that the source has read, where that isn't 0."""
    return PostedPlaces(facts, _POSTED.replace("{which}", "true"), {"cut": source.cut})


def places_of(facts: Facts, source: Source, key: Key) -> Places:
    """The same of one account, in order."""
    posted = _POSTED.replace("{which}", "account = $account AND currency = $currency")
    given = {"cut": source.cut, "account": key[0], "currency": key[1]}
    return [(place, amount) for _, _, place, amount in facts.rows(f"{posted} ORDER BY place", **given)]


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
    found: Standing | None = facts.once(
        ("standing", source, frozenset(errors.items())), lambda: _standing(facts, source, errors)
    )
    return found


def _standing(facts: Facts, source: Source, errors: Mapping[Key, int]) -> Standing | None:
    given = {
        "accounts": [account for account, _ in errors], "currencies": [currency for _, currency in errors],
        "amounts": list(errors.values()), "cut": max(source.cut, 0), "end": max(facts.head, source.cut),
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
