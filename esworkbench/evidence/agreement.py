"""Whether evidence agrees with itself: all that it holds twice, or that follows from its events, is held side by side.

Hashes show that a file changed after its manifest was written. Whoever writes a new manifest too passes them, but must
then make every table follow from the others: postings from events by the ledger, what metadata says from metadata,
statement and snapshot claims from the statements and snapshots, the manifest from all of them. What a read model
claimed, and when, has no second source: that rests on the digest that was noted at the capture.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from esworkbench.archive import BUCKETED, GAPS_KEPT, SCHEMAS, Manifest, bucket_of
from esworkbench.errors import EvidenceDamaged, UnusableInput
from esworkbench.evidence.capturing.claims import claim_of_state
from esworkbench.evidence.capturing.delimited import counted, read_row
from esworkbench.evidence.capturing.poster import PROBLEMS_KEPT, Unpostable, account_of
from esworkbench.evidence.capturing.set_based import derived_postings
from esworkbench.evidence.evidence import Evidence
from esworkbench.evidence.ledger import DelimitedFile
from esworkbench.evidence.scales import Scales

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 10_000
MOMENTS = "BETWEEN '0001-01-01' AND '9999-12-31'"
ALWAYS_THERE = {
    "events": ("position", "stream_id", "version", "event_id", "type", "payload", "metadata"),
    "assertions": ("source", "kind", "account"),
}
ODD = {
    "events": "position IN (SELECT position FROM oddities WHERE source = 'events')",
    "assertions": "EXISTS (SELECT 1 FROM oddities WHERE source <> 'events')",
}
"""Which rows may lack a value all the same: those of which the table of oddities keeps one."""
LINES = """
    SELECT e.stream_id, e.version, e.position, e.event_id, e.payload,
        e.stream_id, e.event_id, e.type, e.recorded_at, e.valid_at,
        p.account, p.currency, p.amount_minor, p.kind, p.ordinal, p.stream_id,
        p.version, p.event_id, p.recorded_at, p.valid_at,
        a.account, a.currency, a.claimed_minor, a.day, a.version, a.event_id, a.recorded_at, a.valid_at
    FROM events e LEFT JOIN postings p ON p.position = e.position LEFT JOIN assertions a ON a.position = e.position
    ORDER BY e.position
"""
KINDS = ("head", "running", "daily", "statement", "snapshot", "amount", "credits", "debits", "holds")


class Disagreement(NamedTuple):
    """Two places of the evidence that don't say the same.

    ``kind``: value, bucket, posting, metadata, claim, manifest. The place is None where it is no event's.
    """

    kind: str
    words: str
    stream_id: str | None = None
    version: int | None = None
    position: int | None = None
    event_id: str | None = None


def open_agreeing(path: Path | str) -> Evidence:
    """Open evidence that agrees with itself. Raises EvidenceDamaged where it doesn't, besides what ``open`` raises."""
    evidence = Evidence.open(path)
    require_agreement(evidence)
    return evidence


def require_agreement(evidence: Evidence) -> None:
    """Raises EvidenceDamaged, naming the first disagreement."""
    for first in disagreements(evidence):
        raise EvidenceDamaged(
            f"{evidence.path} does not agree with itself, so nothing is answered from it: {first.words}; "
            "`esworkbench verify` lists all, and only a new capture mends it"
        )


def disagreements(evidence: Evidence) -> Iterator[Disagreement]:
    """All of them, the plainest first; where a value can't be counted with, or lies astray, no other is looked for."""
    plain = [*_values(evidence), *_buckets(evidence)]
    yield from plain
    if plain:
        return
    yield from _of_manifest(evidence)
    yield from _of_metadata(evidence)
    yield from _of_statements(evidence)
    yield from _of_snapshots(evidence)
    layout = evidence.ledger.file
    yield from _of_postings(evidence) if layout is None else _of_lines(evidence, layout)


def _values(evidence: Evidence) -> Iterator[Disagreement]:
    """Every value is read once, so that a damaged page shows here and not in the middle of an answer."""
    for table, schema in SCHEMAS.items():
        evidence.rows(f"SELECT count(*) FROM {table} AS whole WHERE hash(whole) = 0")
        empty = " OR ".join(f"{name} IS NULL" for name in ALWAYS_THERE.get(table, ())) or "false"
        odd = ODD.get(table, "false")
        moments = [each.name for each in schema if str(each.type).startswith(("timestamp", "date"))]
        beyond = " OR ".join(f"NOT {name} {MOMENTS}" for name in moments) or "false"
        [(without, outside)] = evidence.rows(
            f"SELECT count(*) FILTER (({empty}) AND NOT coalesce({odd}, false)), count(*) FILTER ({beyond}) "
            f"FROM {table}"
        )
        if without:
            yield Disagreement("value", f"{without:,} rows of {table} lack a value that a capture always writes")
        if outside:
            yield Disagreement("value", f"{outside:,} rows of {table} hold a moment outside the years 1 to 9999")
    for (kind,) in evidence.rows(
        "SELECT DISTINCT kind FROM assertions WHERE NOT list_contains($kinds, kind)", kinds=KINDS
    ):
        yield Disagreement("value", f"there is no kind of claim called {kind!r}")


def _buckets(evidence: Evidence) -> Iterator[Disagreement]:
    buckets = evidence.manifest.buckets
    for table, (key, _) in BUCKETED.items():
        for bucket in range(buckets):
            rows = evidence.connection().execute(
                f"SELECT DISTINCT {key} FROM {evidence.from_buckets(table, [bucket])} WHERE {key} IS NOT NULL"
            )
            while found := rows.fetchmany(ROWS_AT_ONCE):
                for (value,) in found:
                    if bucket_of(value, buckets) != bucket:
                        name = evidence.manifest.files_of(table, bucket)[0]
                        yield Disagreement("bucket", f"{name} holds rows of {value!r}, which belong in another file")


def _of_manifest(evidence: Evidence) -> Iterator[Disagreement]:
    manifest, cut = evidence.manifest, evidence.manifest.cut
    [(last,)] = evidence.rows("SELECT max(position) FROM events")
    if cut.high_water != (last or None):
        yield Disagreement(
            "manifest", f"the manifest says that the log ends at {cut.high_water}, and it ends at {last}"
        )
    kept = dict(evidence.rows("SELECT projection, position FROM checkpoints"))
    if cut.checkpoints != kept:
        odd = sorted(dict(cut.checkpoints.items() ^ kept.items()))[0]
        yield Disagreement("manifest", f"the manifest and the table of checkpoints part at {odd!r}")
    gaps = evidence.rows(
        "SELECT before + 1, position - 1 FROM (SELECT position, greatest(lag(position, 1, 0) OVER places, 0) AS before "
        "FROM events WINDOW places AS (ORDER BY position)) WHERE position > before + 1 ORDER BY 1"
    )
    if (gaps[:GAPS_KEPT], max(0, len(gaps) - GAPS_KEPT)) != (cut.gaps, cut.gaps_left_out):
        yield Disagreement("manifest", "the manifest lists other gaps between the positions than the events leave")
    layout = evidence.ledger.file
    verdicts = Counter(dict(evidence.rows("SELECT verdict, count(*) FROM order_days GROUP BY verdict")))
    expected = counted(verdicts) if layout is not None and layout.order == "day" else None
    if manifest.order != expected:
        yield Disagreement("manifest", f"the manifest counts the order of days as {manifest.order}, not as {expected}")
    if manifest.decimals is not None:
        scales = Scales(evidence.ledger)
        for currency, decimals in scales.of_all({name for _, name in evidence.accounts() if name is not None}).items():
            if currency not in manifest.decimals or decimals not in (None, manifest.decimals[currency]):
                said = manifest.decimals.get(currency)
                yield Disagreement("manifest", f"{currency!r} has {said} decimals in the manifest, not {decimals}")


def _of_metadata(evidence: Evidence) -> Iterator[Disagreement]:
    """SQL finds what may differ, and Python reads it as capture did."""
    names = ("correlation_id", "causation_id", "idempotency_key", "actor", "decided_on_version")
    differs = " OR ".join(
        f"{name}::VARCHAR IS DISTINCT FROM TRY(json_extract_string(metadata, '$.{name}'))" for name in names
    )
    rows = evidence.connection().execute(
        f"SELECT stream_id, version, position, event_id, metadata, {', '.join(names)} FROM events WHERE {differs}"
    )
    while found := rows.fetchmany(ROWS_AT_ONCE):
        for *place, metadata, correlation, causation, key, actor, decided in found:
            said = _said(metadata)
            for name, kept in zip(names, (correlation, causation, key, actor, decided), strict=True):
                value = said.get(name)
                if _is_kept(name, value) and value != kept:
                    words = f"{name} of event {place[3]} is {kept!r} in its column and {value!r} in its metadata"
                    yield Disagreement("metadata", words, *place)


def _is_kept(name: str, value: Any) -> bool:
    """Whether a capture keeps the value as it is, where it is one that the column can hold."""
    if name == "decided_on_version":
        return value is None or (type(value) is int and -(2**63) <= value < 2**63)
    return value is None or type(value) is str


def _said(metadata: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(metadata)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _of_statements(evidence: Evidence) -> Iterator[Disagreement]:
    claimed = "SELECT source, account, currency, claimed_minor, valid_at FROM assertions WHERE kind = 'statement'"
    written = "SELECT file, account, currency, balance_minor, booked_at FROM statements"
    for file, account, currency, balance, moment, _ in _unequal(evidence, claimed, written):
        words = f"the claim of {balance} {currency} on {account!r} at {moment} and the lines of statement {file!r} part"
        yield Disagreement("claim", words)


def _of_snapshots(evidence: Evidence) -> Iterator[Disagreement]:
    claims = evidence.ledger.snapshot
    if claims is None:
        return
    expected = set()
    rows = evidence.rows("SELECT stream_id, version, state FROM snapshots ORDER BY ALL")
    for stream_id, version, state in rows:
        if not (stream_id or "").startswith(f"{claims.category}-"):
            continue
        try:
            claimed, currency = claim_of_state(claims, state)
        except Unpostable:
            continue
        expected.add((account_of(stream_id), currency, version, claimed))
    query = "SELECT account, currency, version, claimed_minor FROM assertions WHERE kind = 'snapshot'"
    for account, _, version, claimed in sorted(expected ^ set(evidence.rows(query)), key=str):
        words = f"the claim of {claimed} on {account!r} at version {version} and the snapshots part"
        yield Disagreement("claim", words)


def _of_postings(evidence: Evidence) -> Iterator[Disagreement]:
    connection = evidence.connection()
    names = ", ".join(SCHEMAS["postings"].names)
    derived, poster = derived_postings(connection, evidence.ledger)
    yield from _of_counts(evidence.manifest, dict(poster.unposted), poster.problem_count)
    if _all_kept(connection, derived):
        return
    found = connection.execute(_comparison(f"SELECT {names} FROM postings", f"SELECT {names} FROM {derived}"))
    while rows := found.fetchmany(ROWS_AT_ONCE):
        for position, _, stream_id, version, event_id, account, currency, amount, *_, surplus in rows:
            whose = (
                "is kept, and its event posts otherwise" if surplus > 0 else "follows from its event, and is not kept"
            )
            words = f"the posting of {amount} {currency} on {account!r} at position {position} {whose}"
            yield Disagreement("posting", words, stream_id, version, position, event_id)


def _all_kept(connection: "duckdb.DuckDBPyConnection", derived: str) -> bool:
    """Proof that the postings kept are the derived ones, at a fraction of what it costs to tell them apart.

    As many are kept as derived, no two derived have the same place, and each has its like among those kept.
    """
    same = " AND ".join(f"d.{name} IS NOT DISTINCT FROM k.{name}" for name in SCHEMAS["postings"].names)
    counts = connection.execute(
        f"SELECT count(*) FROM postings UNION SELECT count(*) FROM {derived} "
        f"UNION SELECT count(*) FROM (SELECT DISTINCT position, ordinal FROM {derived}) "
        f"UNION SELECT count(*) FROM {derived} d SEMI JOIN postings k ON {same}"
    )
    return len(counts.fetchall()) == 1


def _of_counts(manifest: Manifest, unposted: dict[str, int], problems: int) -> Iterator[Disagreement]:
    """What no rule knows, and what no rule fits. A capture also lists what is odd beside the payloads, so there may be
    more problems, but none without words up to the first hundred."""
    if manifest.unposted != unposted:
        yield Disagreement(
            "manifest",
            f"the manifest counts {manifest.unposted} as events that no rule knows, and there are {unposted}",
        )
    if manifest.problem_count < problems or len(manifest.problems) != min(manifest.problem_count, PROBLEMS_KEPT):
        yield Disagreement(
            "manifest",
            f"the manifest counts {manifest.problem_count:,} problems and lists {len(manifest.problems):,}, and the "
            f"events have {problems:,}",
        )


def _of_lines(evidence: Evidence, layout: DelimitedFile) -> Iterator[Disagreement]:
    """Of a delimited file every event is a line, which says its posting and its claim."""
    counts = {table: evidence.manifest.rows[table] for table in ("events", "postings", "assertions")}
    if len(set(counts.values())) > 1:
        yield Disagreement(
            "posting", f"every line of a file is an event, a posting and a claim, and there are {counts}"
        )
        return
    yield from _of_counts(evidence.manifest, {}, 0)
    scales = Scales(evidence.ledger)
    found = evidence.connection().execute(LINES)
    while rows := found.fetchmany(ROWS_AT_ONCE):
        for stream_id, version, position, event_id, payload, *kept in rows:
            place = (stream_id, version, position, event_id)
            try:
                line = read_row(evidence.path, position, _said(payload), 0, layout, scales, evidence.ledger.zone())
            except (UnusableInput, KeyError, AttributeError, TypeError):
                yield Disagreement("posting", f"event {event_id} is no line that the ledger can read", *place)
                continue
            owner, same = (line.account, line.currency), (version, line.id, line.moment, line.moment)
            event = (line.account, line.id, line.type, line.moment, line.moment)
            posting = (*owner, line.amount, line.type, 0, line.account, *same)
            if tuple(kept) != (*event, *posting, *owner, line.balance, line.day, *same):
                words = f"what is kept of event {event_id} at position {position} is not what its line says"
                yield Disagreement("posting", words, *place)


def _unequal(evidence: Evidence, kept: str, derived: str) -> Iterable[tuple[Any, ...]]:
    return evidence.rows(_comparison(kept, derived))


def _comparison(kept: str, derived: str) -> str:
    """The rows that one query has more often than the other, and how much more often the first has them."""
    return (
        "SELECT * EXCLUDE (side), sum(side)::BIGINT "
        f"FROM (SELECT *, 1 AS side FROM ({kept}) UNION ALL SELECT *, -1 FROM ({derived})) "
        "GROUP BY ALL HAVING sum(side) <> 0 ORDER BY ALL"
    )
