"""Event by event, what isn't what was anchored.

A leaf is a place and a hash, and the hash is one of the content and of the hash before it: so a content that was only
hashed again, behind one that was changed, still fits its leaf beside the hash that stood before it then, and what was
changed is told from what merely follows from that.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.evidence import Evidence
from esworkbench.forensics.anchored.kept_anchors import EvidenceAnchor
from esworkbench.forensics.anchored.records import LeafDifference
from esworkbench.forensics.hash_in_sql import HASHES_DIFFER

MOST_DIFFERENCES = 10_000

SHIFTS = 3
"""By so many versions a stream's later events are tried, where some were taken out or put in before them."""

MOST_PAIRS = 2_500
"""So many pairs of an event and a leaf of one stream are tried, to find where an event stood."""

_DIFFERENCES = f"""
    WITH patch AS (SELECT * FROM leaves WHERE anchor = $leaves AND position <= $last),
    now AS (SELECT * FROM events WHERE position IN (SELECT position FROM patch)),
    beyond AS (
        SELECT * FROM events
        WHERE position > $last AND stream_id IN (SELECT stream_id FROM patch WHERE hash IS NOT NULL)
    ),
    anywhere AS (FROM now UNION ALL FROM beyond),
    was AS (
        SELECT p.position, p.stream_id, p.version, p.hash,
            CASE WHEN p.version = 1 THEN $genesis ELSE coalesce(earlier.hash, before.hash) END AS prev_hash
        FROM patch AS p
        LEFT JOIN patch AS earlier ON earlier.stream_id = p.stream_id AND earlier.version = p.version - 1
        LEFT JOIN events AS before ON before.stream_id = p.stream_id AND before.version = p.version - 1
            AND before.position <= $last AND before.position NOT IN (SELECT position FROM patch)
        WHERE p.hash IS NOT NULL
    ),
    tried AS (
        SELECT e.event_id, w.position FROM now AS e JOIN was AS w USING (position)
        UNION SELECT e.event_id, w.position FROM anywhere AS e JOIN was AS w ON w.stream_id = e.stream_id
            AND w.version BETWEEN e.version - {SHIFTS} AND e.version + {SHIFTS}
    ),
    fitting AS (
        SELECT event_id, was_position, now_position FROM (
            SELECT e.* REPLACE (w.stream_id AS stream_id, w.version AS version, w.hash AS hash,
                w.prev_hash AS prev_hash),
                w.position AS was_position, e.position AS now_position,
                (e.stream_id, e.version, e.hash) IS NOT DISTINCT FROM (w.stream_id, w.version, w.hash) AS as_it_was
            FROM tried AS t JOIN anywhere AS e USING (event_id) JOIN was AS w ON w.position = t.position
        ) WHERE as_it_was OR NOT {HASHES_DIFFER}
        QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY abs(was_position - now_position)) = 1
    )
"""

_FITTING = f"""
    {_DIFFERENCES}
    SELECT CASE WHEN w.position = e.position AND w.stream_id = e.stream_id THEN 'hashed_again' ELSE 'moved' END AS kind,
        e.position, e.stream_id, e.version, e.event_id, w.position, w.stream_id, w.version, w.hash
    FROM fitting AS f JOIN anywhere AS e USING (event_id) JOIN was AS w ON w.position = f.was_position
    QUALIFY kind = 'moved' OR row_number() OVER (PARTITION BY kind, e.stream_id ORDER BY e.position) = 1
    ORDER BY 2 LIMIT {MOST_DIFFERENCES}
"""

_NO_EVENT_FITS = f"""
    {_DIFFERENCES}
    SELECT position, stream_id, version, hash, prev_hash FROM was
    WHERE position NOT IN (SELECT was_position FROM fitting) ORDER BY 1 LIMIT {MOST_DIFFERENCES}
"""

_FITS_NO_LEAF = f"""
    {_DIFFERENCES}
    SELECT position, stream_id, version, event_id FROM now
    WHERE event_id NOT IN (SELECT event_id FROM fitting) ORDER BY ALL LIMIT {MOST_DIFFERENCES}
"""

_BEYOND = f"""
    {_DIFFERENCES}
    SELECT position, stream_id, version, event_id FROM events
    WHERE position > $last AND event_id NOT IN (SELECT event_id FROM fitting) ORDER BY position LIMIT {MOST_PAIRS}
"""

# Events past an anchor's position that stand before one that it covers, by the versions of their stream. One that came
# to the stream since says nothing of the order in it.
_PUT_BEFORE = f"""
    {_DIFFERENCES}
    SELECT e.position, e.stream_id, e.version, e.event_id FROM beyond AS e
    WHERE event_id NOT IN (SELECT event_id FROM fitting) AND version < (
        SELECT max(covered.version) FROM events AS covered
        WHERE covered.stream_id = e.stream_id AND covered.position <= $last
            AND covered.event_id NOT IN (SELECT unnest($came::VARCHAR[]))
    ) ORDER BY ALL LIMIT {MOST_DIFFERENCES}
"""

_CONTENTS = """
    SELECT event_id, position, type, schema_version, recorded_at, valid_at, payload, metadata FROM events
    WHERE event_id IN (SELECT unnest($ids)) AND schema_version IS NOT NULL AND recorded_at IS NOT NULL
        AND valid_at IS NOT NULL
"""


def differences_from(evidence: Evidence, lead: EvidenceAnchor) -> tuple[list[LeafDifference], bool]:
    """What differs, in order of position, and whether that is all. Of what was only hashed again, the first of each
    stream is told."""
    given = {"leaves": lead.leaves, "last": lead.anchor.position, "genesis": GENESIS}
    found = [
        LeafDifference(kind, position, stream_id, version, event_id, Leaf(*was))
        for kind, position, stream_id, version, event_id, *was in evidence.rows(_FITTING, **given)
    ]
    leaves = {row[0]: (Leaf(*row[:4]), row[4]) for row in evidence.rows(_NO_EVENT_FITS, **given)}
    events = evidence.rows(_FITS_NO_LEAF, **given)
    rest = list(_told_apart(evidence, leaves, [event for event in events if event[3] is not None]))
    gone = {each.position: leaves[each.position] for each in rest if each.kind == "missing"}
    beyond = list(_moved_beyond(evidence, gone, given))
    placed = {each.was.position for each in beyond if each.was}
    rest = [*beyond, *(each for each in rest if each.kind != "missing" or each.position not in placed)]
    all_told = max(len(found), len(leaves), len(events)) < MOST_DIFFERENCES
    told = sorted([*found, *rest], key=lambda each: each.position)
    known = {each.event_id for each in told}
    came = [each.event_id for each in told if each.kind in ("moved", "inserted")]
    put_before = [
        LeafDifference("inserted", position, stream_id, version, event_id, None)
        for position, stream_id, version, event_id in evidence.rows(_PUT_BEFORE, **given, came=came)
        if event_id not in known
    ]  # fmt: skip
    return sorted([*_without_later_ones(told), *put_before], key=lambda each: each.position), all_told


def _told_apart(
    evidence: Evidence, leaves: Mapping[int, tuple[Leaf, str | None]], events: Sequence[tuple[Any, ...]]
) -> Iterator[LeafDifference]:
    """Events that stand far from where they did, and what is left: edited, missing, inserted."""
    moved = _moved(evidence, leaves, [event_id for *_, event_id in events])
    placed = {leaf.position for leaf in moved.values()}
    for position, stream_id, version, event_id in events:
        leaf, _ = leaves.get(position, (None, None))
        if event_id in moved:
            yield LeafDifference("moved", position, stream_id, version, event_id, moved[event_id])
        elif leaf is not None and leaf.stream_id == stream_id and position not in placed:
            yield LeafDifference("edited", position, stream_id, version, event_id, leaf)
            placed.add(position)
        else:
            yield LeafDifference("inserted", position, stream_id, version, event_id, None)
    for position, (leaf, _) in leaves.items():
        if position not in placed:
            yield LeafDifference("missing", position, leaf.stream_id, leaf.version, None, leaf)


def _moved_beyond(
    evidence: Evidence, gone: Mapping[int, tuple[Leaf, str | None]], given: Mapping[str, Any]
) -> Iterator[LeafDifference]:
    """Events past the anchor's position that stood before it: what is pushed over an edge isn't gone."""
    events = {row[3]: row for row in evidence.rows(_BEYOND, **given)} if gone else {}
    for event_id, leaf in _moved(evidence, gone, list(events)).items():
        position, stream_id, version, _ = events[event_id]
        yield LeafDifference("moved", position, stream_id, version, event_id, leaf)


def _moved(evidence: Evidence, leaves: Mapping[int, tuple[Leaf, str | None]], ids: Sequence[str]) -> dict[str, Leaf]:
    """By event id, the leaf that a content fits which now stands at another position."""
    if not leaves or len(leaves) * len(ids) > MOST_PAIRS:
        return {}
    found: dict[str, Leaf] = {}
    for event_id, _, type_, shape, recorded, valid, payload, metadata in evidence.rows(_CONTENTS, ids=ids):
        for leaf, previous in leaves.values():
            if previous and leaf.hash == event_hash(
                previous, leaf.stream_id, leaf.version, event_id, type_, shape, recorded, valid, payload.encode(),
                metadata.encode(),
            ):  # fmt: skip
                found[event_id] = leaf
    return found


def _without_later_ones(differences: list[LeafDifference]) -> list[LeafDifference]:
    """Without the events that came after the anchor's position and stand before it now, since what came before them was
    taken out and the rest moved up: of those it says nothing."""
    moved = [each for each in differences if each.kind == "moved" and each.was]
    end = max(moved, key=lambda each: each.was.position if each.was else 0, default=None)
    if end is None or end.was is None or end.was.position <= end.position:
        return differences
    later = [each for each in differences if each.kind == "inserted" and each.position > end.position]
    gone = sum(each.kind == "missing" for each in differences)
    put_in = sum(each.kind == "inserted" for each in differences) - len(later)
    return [each for each in differences if each not in later] if len(later) <= gone - put_in else differences
