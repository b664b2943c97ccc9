"""The anchors that the evidence keeps: whose signature each bears, what that proves, and whether it is of this log."""

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.evidence import Evidence
from esworkbench.evidence.origins import GIVEN, OUTSIDE, STORE
from esworkbench.forensics.anchored.records import Signature, Strength

if TYPE_CHECKING:
    from esworkbench.event_store.anchors.anchor import Anchor

_ANCHORS = """
    SELECT log_id, position, event_count, root, anchored_at, previous, key_id, signature, list(DISTINCT origin),
        list(DISTINCT token) FILTER (token IS NOT NULL), max(leaves)
    FROM anchors GROUP BY ALL ORDER BY position, root, signature
"""


class EvidenceAnchor(NamedTuple):
    """An anchor as the evidence has it."""

    anchor: "Anchor"
    origins: frozenset[str]
    tokens: tuple[str, ...]
    leaves: str | None
    signature: Signature


class KeptAnchors:
    """``all`` of them, in order of position."""

    def __init__(self, evidence: Evidence) -> None:
        from esworkbench.event_store.anchors.keys import key_id_of

        self._evidence = evidence
        keys = evidence.rows("SELECT DISTINCT origin, key_id, public_key FROM public_keys")
        known = [(origin, key_id, bytes.fromhex(key)) for origin, key_id, key in keys]
        self._keys = {key_id: key for _, key_id, key in known if key_id_of(key) == key_id}
        self._key_origins = defaultdict(set)
        for origin, key_id, _ in known:
            self._key_origins[key_id].add(origin)
        self.all = [self._read(row) for row in evidence.rows(_ANCHORS)]

    def _read(self, row: tuple[Any, ...]) -> EvidenceAnchor:
        from esworkbench.event_store.anchors.anchor import Anchor, AnchorRefused, check_signature
        from esworkbench.event_store.columns import moment_text

        log_id, position, count, root, anchored_at, previous, key_id, signature, origins, tokens, leaves = row
        anchor = Anchor(
            log_id=log_id, position=position, count=count, root=root, anchored_at=moment_text(anchored_at),
            previous=previous, key_id=key_id, signature=signature,
        )  # fmt: skip
        found: Signature = "good"
        try:
            check_signature(anchor, self._keys)
        except AnchorRefused as refused:
            found = "unknown_key" if refused.failure == "unknown_key" else "bad"
        return EvidenceAnchor(anchor, frozenset(origins), tuple(sorted(tokens or ())), leaves, found)

    def is_trusted(self, kept: EvidenceAnchor) -> bool:
        """Whether whoever investigates brought the key that it names."""
        return GIVEN in self._key_origins[kept.anchor.key_id]

    def strength(self, kept: EvidenceAnchor) -> Strength:
        """What a valid signature proves, by who could have written it.

        Without a trusted key it is the word of whoever could write where the anchor and its key lie: in one place, or
        in the database and outside of it.
        """
        if self.is_trusted(kept):
            return "proven"
        places = set(self._key_origins[kept.anchor.key_id])
        for each in self.all:
            if each.signature == "good" and each.anchor.key_id == kept.anchor.key_id:
                places |= each.origins
        return "likely" if {STORE, OUTSIDE} <= places else "possible"

    def is_of_this_log(self, kept: EvidenceAnchor) -> bool:
        """By its first event; where that was changed, by its leaves, some of which must be events that stand here."""
        if kept.anchor.log_id == self._log_id:
            return True
        return kept.anchor.log_id in self._known_logs

    @cached_property
    def _log_id(self) -> str | None:
        from esworkbench.event_store.anchors.anchor import log_id_of

        rows = self._evidence.rows(
            "SELECT position, stream_id, version, hash FROM events WHERE version IS NOT NULL AND hash IS NOT NULL "
            "ORDER BY ALL LIMIT 1"
        )
        return log_id_of(Leaf(*rows[0])) if rows else None

    @cached_property
    def _known_logs(self) -> set[str]:
        changed = dict(
            self._evidence.rows("SELECT anchor, count(*) FROM leaves WHERE hash IS NOT NULL GROUP BY anchor")
        )
        of_leaves = {each.anchor.digest(): each.anchor.count for each in self.all}
        return {
            each.anchor.log_id for each in self.all
            if each.signature == "good" and each.leaves is not None
            and changed.get(each.leaves, 0) < of_leaves.get(each.leaves, 0)
        }  # fmt: skip
