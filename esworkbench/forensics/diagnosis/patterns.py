"""Looking for the one event type whose count, or whose sum, an error follows over every account.

Even a bare figure gives something away: if a handler drops every fee, then each account is off by exactly
its fees, whatever its size. One account alone proves little, many accounts and one ratio prove a lot.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from esworkbench.archive import quoted
from esworkbench.forensics.compare.records import DIFFERS, NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.stretches import OF_THESE, PostedPlaces, Stretch, named, stretches
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
    accounts that are off by exactly that, ``misses`` those that are off otherwise, and ``missed`` counts these and
    all that are right. ``events`` holds those of accounts that are off. ``where`` says in words to which
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
    missed: int
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

Sizes = dict[Key, tuple[int, int]]
"""Of each account that is off: the sum of some events, and their count."""


class Candidate(NamedTuple):
    """A type, or one version of it, from a position on; and how many accounts have a sum of it, or any such event."""

    type: str
    version: int | None
    versions: tuple[int, ...]
    since: int
    with_sum: int
    with_events: int


def head_pattern(facts: Facts, left: Left, source: Source) -> Pattern | None:
    """The pattern that explains most of a source's figures, or None."""
    errors = left.heads(source.name)
    if not errors:
        return None
    asked = ("head_pattern", source, frozenset(errors.items()))
    found: Pattern | None = facts.once(asked, lambda: _head_pattern(facts, source, errors))
    return found


def _head_pattern(facts: Facts, source: Source, errors: dict[Key, int]) -> Pattern | None:
    found = [
        pattern for candidate, sizes in _candidates(facts, source, errors)
        if (pattern := _best_fit(errors, candidate, sizes))
    ]  # fmt: skip
    best = max(found, key=_weight, default=None)
    if best is None:
        return _part_of_a_type(facts, source, errors)
    events = events_of(facts, source, best.type, best.schema_version, (*best.fits, *best.misses), since=best.since)
    return best._replace(events=events)


_SIZES = """
    CREATE OR REPLACE TEMP TABLE sizes AS
    WITH posted AS (
        SELECT account, currency, position, event_id, sum(amount_minor) AS amount
        FROM postings WHERE position <= $cut GROUP BY ALL
    )
    SELECT e.type, e.schema_version, {slice} AS slice, p.account, p.currency, sum(p.amount) AS amount,
        count(*) AS events
    FROM posted AS p JOIN events AS e ON e.position = p.position AND e.event_id = p.event_id GROUP BY ALL
"""
"""What every account has of each type and version, between one start and the next."""

_FROM_THERE_ON = """
    WITH starts AS (
        SELECT unnest(range($starts)) AS since, v.version FROM (SELECT unnest($versions::BIGINT[]) AS version) AS v
    ), summed AS (
        SELECT s.version, s.since, z.account, z.currency, sum(z.amount)::BIGINT AS amount,
            sum(z.events)::BIGINT AS events
        FROM starts AS s JOIN sizes AS z ON z.slice >= s.since AND (s.version IS NULL OR z.schema_version = s.version)
        WHERE z.type = $type AND {which} GROUP BY ALL
    )
"""
"""The sums of one type, of all its versions and of each, from every start on."""

_OFF = f"""
    {_FROM_THERE_ON.format(which=OF_THESE)}
    SELECT version, since, account, currency, amount, events FROM summed ORDER BY account, currency
"""

_OF_ALL = f"""
    {_FROM_THERE_ON.format(which="true")}
    SELECT version, since, count(*) FILTER (amount <> 0), count(*) FROM summed GROUP BY ALL
"""


def _candidates(facts: Facts, source: Source, errors: Mapping[Key, int]) -> Iterator[tuple[Candidate, Sizes]]:
    """Every type and version, from every start on, that posts on an account that is off; and what it posts there."""
    starts = _starts(facts, source)
    slices = " ".join(f"WHEN p.position >= {start} THEN {number}" for number, start in reversed([*enumerate(starts)]))
    facts.rows(_SIZES.replace("{slice}", f"CASE {slices} END"), cut=source.cut)
    for type_, versions in types_of(facts, source):
        each = (None, *versions) if len(versions) > 1 else (None,)
        asked: dict[str, Any] = {"type": type_, "versions": each, "starts": len(starts)}
        off: dict[tuple[int | None, int], Sizes] = {}
        for version, number, account, currency, amount, events in facts.rows(_OFF, **asked, **named(errors)):
            off.setdefault((version, number), {})[account, currency] = (amount, events)
        if not off:
            continue
        of_all = {(version, number): counts for version, number, *counts in facts.rows(_OF_ALL, **asked)}
        for version in each:
            for number, since in enumerate(starts):
                if sizes := off.get((version, number)):
                    yield Candidate(type_, version, versions, since, *of_all[version, number]), sizes


def _best_fit(errors: Mapping[Key, int], of: Candidate, sizes: Sizes) -> Pattern | None:
    best: Pattern | None = None
    for measure, number, accounts in (("sum", 0, of.with_sum), ("count", 1, of.with_events)):
        ratios = {key: Fraction(errors[key], size[number]) for key, size in sizes.items() if size[number]}
        if not ratios:
            continue
        [(factor, fitting)] = Counter(ratios.values()).most_common(1)
        fits = tuple(key for key, ratio in ratios.items() if ratio == factor)
        misses = tuple(key for key, ratio in ratios.items() if ratio != factor)
        pattern = Pattern(
            of.type, of.version, measure, factor, of.since, of.versions, fits, misses, accounts - len(fits), {}
        )
        enough = sum(sizes[key][1] for key in fits) >= 2 and (fitting >= 2 or (measure == "sum" and factor in TELLING))
        # An account that is right refutes a pattern; one that is off by something else may have another fault besides.
        refuting = pattern.missed - len(misses)
        few = pattern.missed <= MOST_OUTLIERS * accounts
        if not enough or not (few or (refuting <= MOST_OUTLIERS * accounts and len(misses) < len(fits))):
            continue
        if best is None or _weight(pattern) > _weight(best):
            best = pattern._replace(sure=few)
    return best


def _part_of_a_type(facts: Facts, source: Source, errors: dict[Key, int]) -> Pattern | None:
    """A bug that keeps to a stretch of time or to amounts of some size: one stretch for all accounts.

    It may keep to one class of accounts besides. A currency is such a class; whatever else makes one isn't known here,
    so that a pattern on the accounts that are off, and on no other, is no more than possible.
    """
    if len(errors) < 2:
        return None
    currencies = sorted({currency for _, currency in errors})
    coins = f"currency IN ({', '.join(map(quoted, currencies))})"
    classes: list[tuple[str, str]] = [
        ("", "true"), (f" in {' and '.join(currencies)} alone", coins), (" on these accounts alone", OF_THESE),
    ]  # fmt: skip
    found: dict[str, list[Pattern]] = {}
    for type_, versions in types_of(facts, source):
        facts.rows(
            f"CREATE OR REPLACE TEMP TABLE of_type AS SELECT * EXCLUDE (event_id) FROM ({_EVENTS_OF})",
            cut=source.cut, type=type_, version=None,
        )  # fmt: skip
        for whose, belongs in classes:
            parts = _parts(facts, source, errors, type_, versions, belongs)
            found.setdefault(whose, []).extend(part._replace(where=part.where + whose) for part in parts)
            if found[whose]:
                break
    for whose, _ in classes:
        if found.get(whose):
            return max(found[whose], key=_weight)._replace(sure=not whose.endswith("accounts alone"))
    return None


def _parts(
    facts: Facts, source: Source, errors: dict[Key, int], type_: str, versions: tuple[int, ...], belongs: str
) -> Iterator[Pattern]:
    """The parts of one type's events, which are in the table ``of_type``, on the accounts that ``belongs`` says."""
    for by_amount in (False, True):
        place = "abs(amount)" if by_amount else "position"
        posted = PostedPlaces(
            facts,
            f"SELECT account, currency, {place} AS place, sum(amount)::BIGINT AS amount FROM of_type "
            f"WHERE {belongs} GROUP BY ALL",
            named(errors) if belongs == OF_THESE else {},
        )
        places = posted.searched(errors)
        if not places:
            return
        for stretch in stretches(errors, places, posted.end, PART_TIMES, posted.within):
            if not stretch.common:
                continue
            of_keys = events_of(facts, source, type_, None, (*stretch.fits, *stretch.misses))
            events = {
                key: kept for key, each in of_keys.items()
                if (kept := [event for event in each
                             if stretch.after < (abs(event[2]) if by_amount else event[0]) <= stretch.up_to])
            }  # fmt: skip
            pattern = Pattern(
                type_, None, "sum", Fraction(stretch.times), 0, versions, stretch.fits, stretch.misses,
                stretch.missed, events, _in_words(stretch, posted.end, by_amount=by_amount),
            )  # fmt: skip
            if pattern.size >= 2:
                yield pattern


def _in_words(stretch: Stretch, end: int, *, by_amount: bool) -> str:
    if by_amount:
        return f" of {stretch.after + 1} to {stretch.up_to} minor units"
    return f" from position {stretch.after + 1}" + (" on" if stretch.up_to == end else f" to {stretch.up_to}")


def _weight(pattern: Pattern) -> tuple[int, int, bool, bool, int]:
    """Most accounts explained, fewest missed; a sum before a count, all versions before one, the longest time."""
    simple = pattern.factor in TELLING and pattern.of == "sum"
    return len(pattern.fits), -pattern.missed, simple, pattern.schema_version is None, -pattern.since


def types_of(facts: Facts, source: Source) -> list[tuple[str, tuple[int, ...]]]:
    """Every event type that posts, with the schema versions the source has read of it."""
    rows = facts.rows(
        "SELECT type, list(DISTINCT schema_version ORDER BY schema_version) FROM events WHERE position <= $cut "
        "AND event_id IN (SELECT event_id FROM postings) GROUP BY type ORDER BY type",
        cut=source.cut,
    )
    return [(type_, tuple(versions)) for type_, versions in rows]


_EVENTS_OF = """
    SELECT p.account, p.currency, p.position, p.event_id, sum(p.amount_minor)::BIGINT AS amount FROM postings AS p
    JOIN events AS e ON e.position = p.position AND e.event_id = p.event_id
    WHERE p.position <= $cut AND e.type = $type AND ($version IS NULL OR e.schema_version = $version) GROUP BY ALL
"""
"""Account, currency, position, event id and posting of every event of one type that a source has read."""


def events_of(
    facts: Facts, source: Source, type_: str, version: int | None, keys: Collection[Key], *, since: int = 0
) -> Events:
    """Of these accounts: position, event id and posting of every event of one type that the source has read."""
    rows = facts.rows(
        f"SELECT account, currency, position, event_id, amount FROM ({_EVENTS_OF}) "
        f"WHERE position >= $since AND {OF_THESE} ORDER BY position",
        cut=source.cut, type=type_, version=version, since=since, **named(keys),
    )  # fmt: skip
    return _by_account(rows)


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
        part = _part_gone_wrong(facts, source, type_, version, wrong)
        if part is None:
            continue
        where, events = part
        ratios = {Fraction(step.amount, step.posted) for step in wrong}
        offsets = {step.amount for step in wrong}
        if len(ratios) == 1 or len(offsets) == 1:
            of, factor = ("sum", ratios.pop()) if len(ratios) == 1 else ("count", Fraction(offsets.pop()))
            yield Pattern(type_, version, of, factor, since, versions, tuple(events), (), 0, events, where), wrong


def _part_gone_wrong(
    facts: Facts, source: Source, type_: str, version: int | None, wrong: list[Residual]
) -> tuple[str, Events] | None:
    """The part of the events, in words, that is wrong throughout and wrong nowhere else; None where there is none."""
    ids = sorted({step.event_id for step in wrong if step.event_id is not None})
    positions = [step.position or 0 for step in wrong]
    sizes = [abs(step.posted) for step in wrong]
    parts = {
        "": f"position >= {min(positions)}",
        f" to position {max(positions)}": f"position BETWEEN {min(positions)} AND {max(positions)}",
        f" of {min(sizes)} minor units and more": f"abs(amount) >= {min(sizes)}",
        f" of up to {max(sizes)} minor units": f"abs(amount) <= {max(sizes)}",
    }
    told = f"""
        WITH told AS (
            SELECT e.*, w.event_id IS NOT NULL AS is_wrong
            FROM ({_EVENTS_OF}) AS e LEFT JOIN (SELECT unnest($ids::VARCHAR[]) AS event_id) AS w USING (event_id)
            WHERE e.amount <> 0
        )
    """
    given = {"cut": source.cut, "type": type_, "version": version, "ids": ids}
    throughout = ", ".join(
        f"count(*) FILTER ({part} AND NOT is_wrong) = 0 "
        f"AND count(DISTINCT event_id) FILTER ({part} AND is_wrong) = len($ids)"
        for part in parts.values()
    )
    [answers] = facts.rows(f"{told} SELECT {throughout} FROM told", **given)
    for (where, part), right in zip(parts.items(), answers, strict=True):
        if right:
            rows = facts.rows(
                f"{told} SELECT account, currency, position, event_id, amount FROM told WHERE is_wrong AND {part} "
                "ORDER BY position",
                **given,
            )
            return where, _by_account(rows)
    return None


def _by_account(rows: Iterable[tuple[Any, ...]]) -> Events:
    found: Events = {}
    for account, currency, position, event_id, amount in rows:
        found.setdefault((account, currency), []).append((position, event_id, amount))
    return found
