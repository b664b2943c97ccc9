"""Looking for the one event type whose count, or whose sum, an error follows over every account.

Even a bare figure gives something away: if a handler drops every fee, then each account is off by exactly
its fees, whatever its size. One account alone proves little, many accounts and one ratio prove a lot.
"""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left

TELLING = {Fraction(-1), Fraction(-2), Fraction(1)}
"""Dropped, applied with the wrong sign, applied twice: ratios for which a single account is enough."""

MOST_STARTS = 40
MOST_OUTLIERS = 0.25


class Pattern(NamedTuple):
    """On every account: error = ``factor`` × the sum (or the count) of these events from position ``since`` on.

    ``schema_version`` None: all versions of the type. ``versions`` are those the log holds of the type, ``fits`` the
    accounts that are off by exactly that, ``misses`` those that are off otherwise.
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
    return max(found, key=_weight, default=None)


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
        events = {
            key: kept for key, each in _since(events_of(facts, source, type_, version), since).items()
            if (kept := [event for event in each if event[2]])
        }  # fmt: skip
        if sum(len(each) for each in events.values()) != len(wrong):
            continue
        ratios = {Fraction(step.amount, step.posted) for step in wrong}
        offsets = {step.amount for step in wrong}
        if len(ratios) == 1 or len(offsets) == 1:
            of, factor = ("sum", ratios.pop()) if len(ratios) == 1 else ("count", Fraction(offsets.pop()))
            yield Pattern(type_, version, of, factor, since, versions, tuple(events), (), events), wrong
