"""Verify: is the log whole, and is it what was written? Hash chains, versions, positions, checkpoints.

Each event is hashed again over its exact bytes, as the store did, with the previous hash *as stored*: so an edited
event breaks its own content hash and no other, and a cut link shows where it was cut. A chain proves nothing about its
own tail, nor against somebody who recomputed all of it; only an anchor kept elsewhere does (RFC 6962), which
``anchored`` asks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from esworkbench.evidence import Evidence
from esworkbench.forensics.anchored import (
    Anchored,
    AnchorVerdict,
    held_against_anchors,
    in_words,
    left_open,
    range_in_words,
)
from esworkbench.forensics.hash_in_sql import HASHES_DIFFER
from esworkbench.forensics.stamped import TAMPERED, Stamp, left_unproven, read_stamps

if TYPE_CHECKING:
    import duckdb

OWN_LAYOUT = "esworkbench"
BATCH = 5_000


class Break(NamedTuple):
    """One thing that isn't as it was written.

    ``kind``: content, link, fork, version_gap, duplicate_version, duplicate_id, duplicate_position, order,
    checkpoint_ahead, stored_form; against anchors anchor_edited, anchor_hashed_again, anchor_missing, anchor_inserted,
    anchor_moved, anchor_range, anchor_quarrel; timestamp, of a forged token; where the evidence doesn't agree with
    itself, value, bucket, posting, metadata, claim, manifest. ``source`` is the table of the store that it is about.
    """

    kind: str
    stream_id: str | None
    version: int | None
    position: int | None
    event_id: str | None
    words: str
    source: str = "events"


class Gap(NamedTuple):
    """Positions, both ends included, that no event holds. ``dead``: they lie below the cut and will never be filled."""

    first: int
    last: int
    dead: bool


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """``hashed`` counts the events whose hash was recomputed: 0 for a layout without our hashes.

    ``anchors`` are those the evidence holds, ``timestamps`` the tokens beside them and beside the manifest, each with
    what came of it.
    """

    events: int
    streams: int
    hashed: int
    breaks: list[Break]
    gaps: list[Gap]
    unprovable: list[str]
    anchors: list[AnchorVerdict] = []
    timestamps: list[Stamp] = []

    def as_json(self) -> dict[str, Any]:
        """What ``verify --json`` prints."""
        return {
            **msgspec.to_builtins(self),
            "breaks": [each._asdict() for each in self.breaks],
            "gaps": [each._asdict() for each in self.gaps],
        }


def verify(evidence: Evidence, *, authority: Path | None = None) -> Verification:
    """Everything about the log that its own content can prove or refute, and whether the evidence agrees with itself.

    ``authority``: a file with the certificates (PEM) of the authority that is trusted with timestamps. In memory that
    doesn't grow with the log.
    """
    from esworkbench.evidence.agreement import disagreements

    astray = [
        Break(each.kind, each.stream_id, each.version, each.position, each.event_id, each.words)
        for each in disagreements(evidence)
    ]
    stamps = read_stamps(evidence, authority)
    forged = [
        Break("timestamp", None, None, each.position, None, each.words, f"{each.of}s" if each.position else each.of)
        for each in stamps
        if each.outcome in TAMPERED
    ]
    log = verify_log(evidence)
    return msgspec.structs.replace(
        log,
        breaks=sorted([*astray, *forged, *log.breaks], key=_place),
        unprovable=[*log.unprovable, *left_unproven(stamps)],
        timestamps=stamps,
    )


def verify_log(evidence: Evidence, *, known: Verification | None = None, known_up_to: int = 0) -> Verification:
    """The log alone, as whoever wrote it left it: ``verify`` without what a capture made of it.

    ``known`` is what was said of the same events up to position ``known_up_to``: those are not hashed again.
    """
    connection = evidence.connection()
    ((events, streams, hashes),) = connection.execute(
        "SELECT count(*), count(DISTINCT stream_id), count(hash) FROM events"
    ).fetchall()
    # Events that carry hashes are held against them, whatever the manifest calls the layout.
    chained = hashes > 0 or evidence.manifest.layout == OWN_LAYOUT
    breaks = [*_structure(connection), *_checkpoints(evidence), *_stored_form(connection)]
    breaks += [each for each in known.breaks if each.kind == "content"] if known else []
    anchored = held_against_anchors(evidence)
    breaks += breaks_of(anchored)
    if chained:
        breaks += [*_chain(connection, known_up_to), *_links(connection), *_forks(connection)]
    return Verification(
        events=events,
        streams=streams,
        hashed=hashes if chained else 0,
        breaks=sorted(breaks, key=_place),
        gaps=_gaps(evidence),
        unprovable=_unprovable(evidence, chained, anchored),
        anchors=anchored.anchors,
    )


def _place(found: Break) -> tuple[bool, int, str]:
    return found.position is None, found.position or 0, found.kind


STRUCTURE = """
    WITH placed AS (
        SELECT stream_id, version, position, event_id,
            lag(version) OVER stream AS version_before, lag(position) OVER stream AS position_before
        FROM events WINDOW stream AS (PARTITION BY stream_id ORDER BY version, position)
    )
    SELECT CASE WHEN version = version_before THEN 'duplicate_version'
            WHEN position <= position_before THEN 'order' ELSE 'version_gap' END AS kind,
        stream_id, version, position, event_id, version_before, position_before
    FROM placed
    WHERE version = version_before OR position <= position_before
        OR (version_before IS NULL AND version > 1) OR version > version_before + 1
"""

LINKS = """
    SELECT stream_id, version, position, event_id, version_before FROM (
        SELECT *, lag(hash) OVER stream AS hash_before, lag(version) OVER stream AS version_before
        FROM events WINDOW stream AS (PARTITION BY stream_id ORDER BY version, position)
    ) WHERE prev_hash IS DISTINCT FROM coalesce(hash_before, $genesis)
"""

FORKS = """
    SELECT stream_id, version, position, event_id, first_id FROM (
        SELECT *, first_value(event_id) OVER twins AS first_id, row_number() OVER twins AS place
        FROM events WHERE prev_hash IS NOT NULL
        WINDOW twins AS (PARTITION BY stream_id, prev_hash ORDER BY version, position)
    ) WHERE place > 1
"""

DUPLICATE_POSITIONS = """
    SELECT stream_id, version, position, event_id FROM events
    QUALIFY row_number() OVER (PARTITION BY position ORDER BY stream_id, version, event_id) > 1
"""

DUPLICATE_IDS = """
    SELECT stream_id, version, position, event_id FROM events
    WHERE event_id IN (SELECT event_id FROM events GROUP BY event_id HAVING count(*) > 1)
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY position) > 1
"""

CONTENT = f"""
    SELECT position, prev_hash, stream_id, version, event_id, type, schema_version, recorded_at, valid_at, payload,
        metadata, hash
    FROM events WHERE (position > $after OR $after = 0) AND {HASHES_DIFFER}
"""


def _structure(connection: "duckdb.DuckDBPyConnection") -> Iterator[Break]:
    found = connection.execute(STRUCTURE).fetchall()
    for kind, stream_id, version, position, event_id, version_before, position_before in found:
        if kind == "duplicate_version":
            words = f"version {version} of {stream_id} occurs twice, at positions {position_before} and {position}"
        elif kind == "order":
            words = (
                f"version {version} of {stream_id} has position {position}, not after version {version_before}'s "
                f"position {position_before}"
            )
        else:
            missing = _range((version_before or 0) + 1, version - 1)
            words = f"{stream_id} has no version {missing}: it goes from {version_before or 'nothing'} to {version}"
        yield Break(kind, stream_id, version, position, event_id, words)
    for stream_id, version, position, event_id in connection.execute(DUPLICATE_IDS).fetchall():
        words = f"event id {event_id} occurs more than once, here at position {position}"
        yield Break("duplicate_id", stream_id, version, position, event_id, words)
    for stream_id, version, position, event_id in connection.execute(DUPLICATE_POSITIONS).fetchall():
        words = f"position {position} is held more than once, here by event {event_id}"
        yield Break("duplicate_position", stream_id, version, position, event_id, words)


def _chain(connection: "duckdb.DuckDBPyConnection", after: int) -> Iterator[Break]:
    from esworkbench.event_store.chain import event_hash

    rows = connection.execute(CONTENT, {"after": after})
    while batch := rows.fetchmany(BATCH):
        for position, previous, stream_id, version, event_id, event_type, shape, recorded, valid, *rest in batch:
            payload, metadata, stored = rest
            place = (stream_id, version, position, event_id)
            if stored is None or previous is None:
                yield Break("content", *place, f"version {version} of {stream_id} carries no hash")
                continue
            if None in (shape, recorded, valid):
                words = f"version {version} of {stream_id} is not stored in the form that was hashed"
                yield Break("content", *place, words)
                continue
            try:
                computed = event_hash(
                    previous, stream_id, version, event_id, event_type, shape, recorded, valid,
                    payload.encode(), metadata.encode(),
                )  # fmt: skip
            except (ValueError, TypeError, AttributeError):
                yield Break("content", *place, f"version {version} of {stream_id} names no hash as its predecessor")
                continue
            if computed != stored:
                words = (
                    f"version {version} of {stream_id} is not what was hashed when it was written: its content "
                    f"hashes to {computed[:12]}…, the store says {stored[:12]}…"
                )
                yield Break("content", *place, words)


def _links(connection: "duckdb.DuckDBPyConnection") -> Iterator[Break]:
    from esworkbench.event_store.chain import GENESIS

    found = connection.execute(LINKS, {"genesis": GENESIS}).fetchall()
    for stream_id, version, position, event_id, version_before in found:
        before = "the beginning of the stream" if version_before is None else f"version {version_before}"
        words = f"version {version} of {stream_id} does not name the hash of {before}, which comes before it"
        yield Break("link", stream_id, version, position, event_id, words)


def _forks(connection: "duckdb.DuckDBPyConnection") -> Iterator[Break]:
    for stream_id, version, position, event_id, first_id in connection.execute(FORKS).fetchall():
        words = f"events {first_id} and {event_id} of {stream_id} name the same predecessor"
        yield Break("fork", stream_id, version, position, event_id, words)


def _checkpoints(evidence: Evidence) -> Iterator[Break]:
    head = evidence.manifest.cut.high_water or 0
    for projection, position in sorted(evidence.manifest.cut.checkpoints.items()):
        if position > head:
            words = f"projection {projection} has seen position {position}, but the log ends at {head}"
            yield Break("checkpoint_ahead", None, None, position, None, words)


def breaks_of(anchored: Anchored) -> Iterator[Break]:
    """Where the log isn't what was anchored, and where anchors part from each other."""
    apart = anchored.contradiction
    if apart is not None:
        for each in apart.differences:
            yield Break(
                f"anchor_{each.kind}", each.stream_then, each.version, each.position, each.event_id, in_words(each)
            )
        if not apart.all_told:
            yield Break("anchor_range", None, None, apart.by, None, range_in_words(apart))
    for position, words in anchored.quarrels:
        yield Break("anchor_quarrel", None, None, position, None, words, "anchors")


def _stored_form(connection: "duckdb.DuckDBPyConnection") -> Iterator[Break]:
    """What hashes don't see: another storage class, or another spelling of the same moment."""
    found = connection.execute(
        "SELECT source, stream_id, version, position, event_id, account, why FROM oddities ORDER BY ALL"
    )
    for source, stream_id, version, position, event_id, account, why in found.fetchall():
        where = stream_id or account
        words = f"{source}: {why}" + (f", of {where}" if where else "")
        yield Break("stored_form", stream_id, version, position, event_id, words, source)


def _gaps(evidence: Evidence) -> list[Gap]:
    cut = evidence.manifest.cut
    # SQLite has one writer, so nobody can still fill a gap; elsewhere a checkpoint past it says that a reader, who
    # waits for every open transaction, has given the gap up.
    passed = max(cut.checkpoints.values(), default=0)
    one_writer = not evidence.manifest.source.startswith("postgresql")
    return [Gap(first, last, dead=one_writer or last <= passed) for first, last in cut.gaps]


def _unprovable(evidence: Evidence, chained: bool, anchored: Anchored) -> list[str]:
    if not chained:
        said = ["this log has no hash chain of ours, so an edited or replaced event can't be told from a genuine one"]
    else:
        [(head,)] = evidence.rows("SELECT coalesce(max(position), 0) FROM events")
        said = left_open(anchored, head)
    said.append(
        "what read models and snapshots claimed has no second source in the evidence, nor "
        "has a history that was rewritten with all "
        "that follows from it: only the manifest's SHA-256, noted at the capture, shows such an edit; it is now "
        f"{evidence.digest}"
    )
    if evidence.manifest.missing_guards:
        from esworkbench.event_store.missing_guards import unguarded

        said.append(unguarded(evidence.manifest.missing_guards))
    said += _told_otherwise(evidence)
    cut = evidence.manifest.cut
    if cut.gaps:
        count = sum(last - first + 1 for first, last in cut.gaps)
        said.append(
            f"{count} positions hold no event: a position that was rolled back looks the same as one whose whole "
            f"stream was deleted"
        )
    if cut.gaps_left_out:
        said.append(f"{cut.gaps_left_out} more gaps are not listed in the manifest")
    return said


_OF_OTHER_EVENTS = """
    SELECT a.source, count(*), min(a.position), max(a.position) FROM assertions AS a
    JOIN events AS e ON e.position = a.position AND e.event_id <> a.event_id
    WHERE a.kind = 'running' AND a.event_id NOT IN (SELECT event_id FROM events) GROUP BY 1 ORDER BY 1
"""


def _told_otherwise(evidence: Evidence) -> Iterator[str]:
    """A read model may be wrong, so its rows break no rule of the log; and they may be all that is left of what was."""
    for source, count, first, last in evidence.rows(_OF_OTHER_EVENTS):
        where = f"position {first}" if first == last else f"positions {first} to {last}"
        yield (
            f"whether the log is wrong or {source} is: {count} of its rows, at {where}, name events that are nowhere "
            "in the log, where the log holds others; if the log was cut off and went on there, its own hashes don't "
            "show it, and `diagnose` weighs the two"
        )


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
