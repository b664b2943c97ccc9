"""The root over the log up to a position, and over the log as an anchor's leaves say that it was: each in one pass."""

from collections.abc import Iterable, Mapping
from typing import Any

from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash
from esworkbench.evidence import Evidence
from esworkbench.forensics.anchored.kept_anchors import EvidenceAnchor

ROWS_AT_ONCE = 10_000

_LOG = "SELECT position, stream_id, version, hash FROM events WHERE position <= $last ORDER BY ALL"

_ANCHORED = """
    SELECT position, stream_id, version, hash FROM events
    WHERE position <= $last AND position NOT IN (SELECT position FROM leaves WHERE anchor = $leaves)
    UNION ALL SELECT position, stream_id, version, hash FROM leaves
    WHERE anchor = $leaves AND position <= $last AND hash IS NOT NULL ORDER BY ALL
"""


def roots_of_log(evidence: Evidence, positions: Iterable[int]) -> Mapping[int, tuple[int, str]]:
    """How many events the log holds up to each anchor's position, and the root over them."""
    return _roots_of(evidence, _LOG, positions)


def leaves_hold(evidence: Evidence, lead: EvidenceAnchor) -> bool:
    """Whether the leaves that are kept lead to the anchor's root: or they are somebody's say."""
    last = lead.anchor.position
    roots = _roots_of(evidence, _ANCHORED, [last], leaves=lead.leaves)
    return roots[last] == (lead.anchor.count, lead.anchor.root)


def _roots_of(evidence: Evidence, query: str, positions: Iterable[int], **given: Any) -> dict[int, tuple[int, str]]:
    due = sorted(set(positions), reverse=True)
    found: dict[int, tuple[int, str]] = {}
    frontier = Frontier()
    rows = evidence.connection().execute(query, {"last": due[0], **given})
    while due and (batch := rows.fetchmany(ROWS_AT_ONCE)):
        for position, stream_id, version, own in batch:
            while due and due[-1] < position:
                found[due.pop()] = (frontier.count, frontier.root().hex())
            # Of an odd event no leaf can be made: it is none that was ever anchored.
            frontier.append(leaf_hash(Leaf(position, stream_id or "", version or 0, own or "")))
    return found | {position: (frontier.count, frontier.root().hex()) for position in due}
