"""Looking for the one event type whose count, or whose sum, an error follows over every account.

Even a bare figure gives something away: if a handler drops every fee, then each account is off by exactly
its fees, whatever its size. One account alone proves little, many accounts and one ratio prove a lot.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.stretches import Stretch, stretches
from esworkbench.forensics.diagnosis.unexplained import Left

TELLING = {Fraction(-1), Fraction(-2), Fraction(1)}
"""Dropped, applied with the wrong sign, applied twice: ratios for which a single account is enough."""

PART_TIMES = (-1, -2, 1)
"""The same, in the order in which they are likely."""

MOST_STARTS = 40
MOST_OUTLIERS = 0.25


class Pattern(NamedTuple):
    """On every account: error = ``factor`` × the sum (or the count) of these events from position ``since`` on.

    ``schema_version`` None: all versions of the type. ``versions`` are those the log holds of the type, ``fits`` the
    accounts that are off by exactly that, ``misses`` those that are off otherwise. ``where`` says in words to which
    part of those events the bug keeps: code may know a date or an amount. Not ``sure``: to accounts
    of which nothing says what they have in common.
    """

    type: str
    schema_version: int | None
    of: str
    factor: Fraction
    since: int
    versions: tuple[int, ...]
    fits: tuple[Key, ...]
    misses: tuple[Key, ...]
    events: dict[Key, list[tuple[int, str, int]]]
    where: str = ""
    sure: bool = True

    def predicted(self, key: Key) -> int:
        """What the pattern says this account is off by; 0 where that is no whole number."""
        events = self.events[key]
        size = sum(amount for _, _, amount in events) if self.of == "sum" else len(events)
        amount = self.factor * size
        return int(amount) if amount.denominator == 1 else 0

    @property
    def size(self) -> int:
        return sum(len(self.events[key]) for key in self.fits)


Events = dict[Key, list[tuple[int, str, int]]]


def head_pattern(facts: Facts, left: Left, source: Source) -> Pattern | None:
    """The pattern that explains most of a source's figures, or None."""
    errors = left.heads(source.name)
    if not errors:
        return None
    found: list[Pattern] = []
    for type_, versions in types_of(facts, source):
        for version in (None, *versions) if len(versions) > 1 else (None,):
            events = events_of(facts, source, type_, version)
            if any(key in errors for key in events):
                found += [
                    pattern for since in _starts(facts, source)
                    if (pattern := _best_fit(errors, _since(events, since), type_, version, since, versions))
                ]  # fmt: skip
    return max(found, key=_weight, default=None) or _part_of_a_type(facts, source, errors)


def _part_of_a_type(facts: Facts, source: Source, errors: dict[Key, int]) -> Pattern | None:
    """A bug that keeps to a stretch of time or to amounts of some size: one stretch for all accounts.

    It may keep to one class of accounts besides. A currency is such a class; whatever else makes one isn't known here,
    so that a pattern on the accounts that are off, and on no other, is no more than possible.
    """
    currencies = {currency for _, currency in errors}
    classes: list[tuple[str, Callable[[Key], bool]]] = [
        ("", lambda key: True),
        (f" in {' and '.join(sorted(currencies))} alone", lambda key: key[1] in currencies),
        (" on these accounts alone", lambda key: key in errors),
    ]
    for whose, belongs in classes:
        found = [
            pattern._replace(where=pattern.where + whose, sure=not whose.endswith("accounts alone"))
            for type_, versions in types_of(facts, source)
            for pattern in _parts(facts, source, errors, type_, versions, belongs)
        ]
        if found:
            return max(found, key=_weight)
    return None


def _parts(
    facts: Facts,
    source: Source,
    errors: dict[Key, int],
    type_: str,
    versions: tuple[int, ...],
    belongs: Callable[[Key], bool],
) -> Iterator[Pattern]:
    events = {key: each for key, each in events_of(facts, source, type_, None).items() if belongs(key)}
    if not any(key in errors for key in events):
        return
    for by_amount in (False, True):
        places = {key: _places(each, by_amount=by_amount) for key, each in events.items()}
        end = max((place for each in places.values() for place, _ in each), default=0)
        for stretch in stretches(errors, places, end, PART_TIMES):
            mine = {
                key: kept for key, each in events.items()
                if (kept := [event for event in each
                             if stretch.after < (abs(event[2]) if by_amount else event[0]) <= stretch.up_to])
            }  # fmt: skip
            pattern = Pattern(
                type_, None, "sum", Fraction(stretch.times), 0, versions, stretch.fits, stretch.misses, mine,
                _in_words(stretch, end, by_amount=by_amount),
            )  # fmt: skip
            if stretch.common and pattern.size >= 2:
                yield pattern


def _places(events: list[tuple[int, str, int]], *, by_amount: bool) -> list[tuple[int, int]]:
    sums: dict[int, int] = {}
    for position, _, amount in events:
        place = abs(amount) if by_amount else position
        sums[place] = sums.get(place, 0) + amount
    return sorted(sums.items())


def _in_words(stretch: Stretch, end: int, *, by_amount: bool) -> str:
    if by_amount:
        return f" of {stretch.after + 1} to {stretch.up_to} minor units"
    return f" from position {stretch.after + 1}" + (" on" if stretch.up_to == end else f" to {stretch.up_to}")


def _weight(pattern: Pattern) -> tuple[int, int, bool, bool, int]:
    """Most accounts explained, fewest missed; a sum before a count, all versions before one, the longest time."""
    simple = pattern.factor in TELLING and pattern.of == "sum"
    return len(pattern.fits), -len(pattern.misses), simple, pattern.schema_version is None, -pattern.since


def types_of(facts: Facts, source: Source) -> list[tuple[str, tuple[int, ...]]]:
    """Every event type that posts, with the schema versions the source has read of it."""
    rows = facts.rows(
        "SELECT type, list(DISTINCT schema_version ORDER BY schema_version) FROM events WHERE position <= $cut "
        "AND event_id IN (SELECT event_id FROM postings) GROUP BY type ORDER BY type",
        cut=source.cut,
    )
    return [(type_, tuple(versions)) for type_, versions in rows]


def events_of(facts: Facts, source: Source, type_: str, version: int | None) -> Events:
    """Per account: position, event id and posting of every event of one type that the source has read."""
    rows = facts.rows(
        "SELECT p.account, p.currency, p.position, p.event_id, sum(p.amount_minor)::BIGINT FROM postings AS p "
        "JOIN events AS e USING (event_id) WHERE p.position <= $cut AND e.type = $type "
        "AND ($version IS NULL OR e.schema_version = $version) GROUP BY ALL ORDER BY p.position",
        cut=source.cut, type=type_, version=version,
    )  # fmt: skip
    found: Events = {}
    for account, currency, *event in rows:
        found.setdefault((account, currency), []).append((event[0], event[1], event[2]))
    return found


def _since(events: Events, since: int) -> Events:
    later = {key: [event for event in each if event[0] >= since] for key, each in events.items()}
    return {key: each for key, each in later.items() if each}


def _starts(facts: Facts, source: Source) -> list[int]:
    """Where a bug may have begun: at the first event, or where another code version or another run took over."""
    batches = facts.batches(source.name)
    deploys: dict[str, int] = {}
    takeovers: dict[str, int] = {}
    for batch in batches:
        deploys.setdefault(batch.code_version, batch.from_position)
        takeovers.setdefault(batch.run_id, batch.from_position)
    starts = {0, *deploys.values()}
    if len(takeovers) <= MOST_STARTS:
        starts |= set(takeovers.values())
    return sorted(starts)


def _best_fit(
    errors: dict[Key, int], events: Events, type_: str, version: int | None, since: int, versions: tuple[int, ...]
) -> Pattern | None:
    best: Pattern | None = None
    for of in ("sum", "count"):
        sizes = {
            key: sum(amount for _, _, amount in each) if of == "sum" else len(each) for key, each in events.items()
        }
        sizes = {key: size for key, size in sizes.items() if size}
        ratios = {key: Fraction(errors[key], size) for key, size in sizes.items() if key in errors}
        if not ratios:
            continue
        [(factor, fitting)] = Counter(ratios.values()).most_common(1)
        fits = tuple(key for key, ratio in ratios.items() if ratio == factor)
        misses = tuple(key for key in sizes if key not in fits)
        pattern = Pattern(type_, version, of, factor, since, versions, fits, misses, events)
        telling = of == "sum" and factor in TELLING
        enough = pattern.size >= 2 and (fitting >= 2 or telling)
        if enough and len(misses) <= MOST_OUTLIERS * len(sizes) and (best is None or _weight(pattern) > _weight(best)):
            best = pattern
    return best


def running_patterns(facts: Facts, left: Left, source: Source) -> Iterator[tuple[Pattern, list[Residual]]]:
    """Event types that a running claim gets wrong every single time, from the first error on."""
    steps: dict[str, list[Residual]] = {}
    for step in left.steps(source=source.name):
        if step.reason in (DIFFERS, NO_ROW) and step.type is not None and step.posted:
            steps.setdefault(step.type, []).append(step)
    for type_, versions in types_of(facts, source):
        wrong = steps.get(type_, [])
        if len(wrong) < 2:
            continue
        touched = {step.schema_version for step in wrong}
        version = next(iter(touched)) if len(touched) == 1 and len(versions) > 1 else None
        since = min(step.position or 0 for step in wrong)
        part = _part_gone_wrong(events_of(facts, source, type_, version), wrong)
        if part is None:
            continue
        where, events = part
        ratios = {Fraction(step.amount, step.posted) for step in wrong}
        offsets = {step.amount for step in wrong}
        if len(ratios) == 1 or len(offsets) == 1:
            of, factor = ("sum", ratios.pop()) if len(ratios) == 1 else ("count", Fraction(offsets.pop()))
            yield Pattern(type_, version, of, factor, since, versions, tuple(events), (), events, where), wrong


def _part_gone_wrong(events: Events, wrong: list[Residual]) -> tuple[str, Events] | None:
    """The part of the events, in words, that is wrong throughout and wrong nowhere else; None where there is none."""
    ids = {step.event_id for step in wrong}
    positions = [step.position or 0 for step in wrong]
    sizes = [abs(step.posted) for step in wrong]
    parts: list[tuple[str, Callable[[tuple[int, str, int]], bool]]] = [
        ("", lambda event: event[0] >= min(positions)),
        (f" to position {max(positions)}", lambda event: min(positions) <= event[0] <= max(positions)),
        (f" of {min(sizes)} minor units and more", lambda event: abs(event[2]) >= min(sizes)),
        (f" of up to {max(sizes)} minor units", lambda event: abs(event[2]) <= max(sizes)),
    ]
    for where, belongs in parts:
        kept = {key: mine for key, each in events.items() if (mine := [one for one in each if one[2] and belongs(one)])}
        if {event_id for each in kept.values() for _, event_id, _ in each} == ids:
            return where, kept
    return None
