"""Proofs that a stranger checks without this package: that an event is in a log, and that a log only grew.

``data/check_proof.py`` checks them; it shares no code with this. A proof holds the event's place and hash, the hashes
that lead from there to the root, and the anchor that signs the root: under 2 kB for a log of a million. The event's own
fields go beside it, payload and metadata as they were written, because whoever checks must hash them anew.
"""

import base64
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.anchor import Anchor
from esworkbench.event_store.anchors.files import index_of, leaves_up_to
from esworkbench.event_store.anchors.tree import Leaf, consistency_path, inclusion_path, leaf_hash


class EventPlace(msgspec.Struct, frozen=True):
    """What the log's leaf says of the event; ``hash`` commits to all its fields."""

    stream_id: str
    version: int
    position: int
    hash: str


class InclusionProof(msgspec.Struct, frozen=True):
    """``index``: which leaf it is, from 0. ``path``: the hashes from there to the root, 32 bytes each, base64."""

    kind: Literal["esworkbench:inclusion:v1"]
    event: EventPlace
    index: int
    path: str
    anchor: Anchor


class ConsistencyProof(msgspec.Struct, frozen=True):
    """That the log of the ``later`` anchor begins with all of the log of the ``earlier`` one; ``path`` as above."""

    kind: Literal["esworkbench:consistency:v1"]
    earlier: Anchor
    later: Anchor
    path: str


class HashedEvent(msgspec.Struct, frozen=True):
    """The fields that an event's hash is over, and the previous event's: see ``event_store.chain``."""

    prev_hash: str
    stream_id: str
    version: int
    event_id: str
    event_type: str
    schema_version: int
    recorded_at: str
    valid_at: str
    payload: str
    metadata: str


def prove_inclusion(folder: Path, anchor: Anchor, leaf: Leaf) -> InclusionProof:
    """A proof that the anchor covers this event, from the leaves kept in the folder.

    Raises UnusableInput where it doesn't, or where the event isn't what was anchored; AnchorRefused for other leaves.
    """
    index = index_of(folder, anchor, leaf.position)
    if index is None:
        raise UnusableInput(
            f"the anchor at position {anchor.position} covers no event at position {leaf.position}: it was written "
            "later, so take an anchor, or it was put there since, so diagnose the store"
        )
    anchored: list[Leaf] = []
    leaves = leaves_up_to(folder, anchor)
    path = inclusion_path(_hashes(leaves, leaf.position, anchored), index, anchor.count)
    _require_all(leaves)
    if anchored != [leaf]:
        raise UnusableInput(
            f"the event at position {leaf.position} isn't the one that was anchored there ({anchored[0].stream_id!r} "
            f"version {anchored[0].version}, hash {anchored[0].hash[:16]}…), so nothing proves it: diagnose the store"
        )
    place = EventPlace(leaf.stream_id, leaf.version, leaf.position, leaf.hash)
    return InclusionProof("esworkbench:inclusion:v1", place, index, _as_text(path), anchor)


def prove_consistency(folder: Path, earlier: Anchor, later: Anchor) -> ConsistencyProof:
    """A proof that the later anchor's log begins with the earlier one's, from the leaves kept in the folder.

    Raises UnusableInput for anchors in the wrong order, AnchorRefused for other leaves.
    """
    if earlier.count >= later.count:
        raise UnusableInput(f"the anchor at position {later.position} is no later than that at {earlier.position}")
    leaves = leaves_up_to(folder, later)
    path = consistency_path(map(leaf_hash, leaves), earlier.count, later.count)
    _require_all(leaves)
    return ConsistencyProof("esworkbench:consistency:v1", earlier, later, _as_text(path))


def as_json(proof: InclusionProof | ConsistencyProof | HashedEvent) -> bytes:
    """The proof as it is given away."""
    return msgspec.json.format(msgspec.json.encode(proof), indent=1) + b"\n"


def _require_all(leaves: Iterable[Leaf]) -> None:
    """Read them to the end, where it shows whether they lead to the anchor's root. Raises AnchorRefused."""
    deque(leaves, maxlen=0)


def _hashes(leaves: Iterable[Leaf], position: int, met: list[Leaf]) -> Iterable[bytes]:
    """The leaves' hashes; the one at the position is told as well."""
    for leaf in leaves:
        if leaf.position == position:
            met.append(leaf)
        yield leaf_hash(leaf)


def _as_text(path: list[bytes]) -> str:
    return base64.b64encode(b"".join(path)).decode()
