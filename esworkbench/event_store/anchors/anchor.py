"""An anchor: who holds this key said, at this time, that the log up to this position has this root.

What is signed (Ed25519, RFC 8032), so that anybody can check it::

    ANCHOR_TAG · field(log id) · field(position) · field(count) · field(root) · field(anchored at)
               · field(previous) · field(key id)
    field(x) = length of x as 8 bytes, big-endian · x;  hashes are hex text, numbers decimal ASCII

``log_id`` names the log by its first event, whose id nobody else drew, so an anchor of one store is none of another's.
``previous`` is the digest of the anchor before, so that anchors chain and none can be left out between two others. The
digest covers the signature too; it is what a timestamp authority is asked about.

An anchor says what its signer said. Who holds the key can sign another history: only a third party's timestamp on the
first one would show that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.tree import Leaf, field, leaf_hash
from esworkbench.event_store.columns import LAST_POSITION, MOMENT, moment_of

ANCHOR_TAG = b"esworkbench:anchor:v1\n"
DIGEST_TAG = b"esworkbench:anchor-digest:v1\n"
LOG_TAG = b"esworkbench:log:v1\n"

NO_PREVIOUS = "0" * 64
"""As ``previous`` of a log's first anchor."""

Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
Signature = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{128}$", max_length=128)]
Count = Annotated[int, msgspec.Meta(ge=1, le=LAST_POSITION)]

Failure = Literal["unknown_key", "bad_signature", "other_log", "out_of_order", "broken_chain", "bad_leaves"]
"""What can be wrong with an anchor: signed by a key that isn't known; not signed by that key; about another log; no
further than the one before; not naming the one before; not the root of the leaves beside it."""


class AnchorRefused(UnusableInput):
    """An anchor that proves nothing; ``failure`` says which check failed, ``position`` of which anchor."""

    def __init__(self, failure: Failure, position: int, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure
        self.position = position


class TreeHead(msgspec.Struct, frozen=True):
    """What an anchor says of a log, before it is signed (RFC 9162, 4.10 calls it so)."""

    log_id: str
    position: int
    count: int
    root: str


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed tree head. Hashes and signature are lower-case hex; ``anchored_at`` is spelt as ``moment_text`` does.

    ``position``: every event at or below it is covered, and none can still appear there. ``count``: how many there are.
    ``key_id``: SHA-256 of the 32 bytes of the public key. ``previous``: digest of the anchor before, or NO_PREVIOUS.
    """

    log_id: Hash
    position: Count
    count: Count
    root: Hash
    anchored_at: Annotated[str, msgspec.Meta(pattern=f"^{MOMENT.pattern}$", max_length=27)]
    previous: Hash
    key_id: Hash
    signature: Signature

    def __post_init__(self) -> None:
        if self.count > self.position:
            raise ValueError(f"{self.count} events can't stand at positions up to {self.position}")
        moment_of(self.anchored_at)  # a 30 February has the right shape too

    @property
    def tree_head(self) -> TreeHead:
        return TreeHead(self.log_id, self.position, self.count, self.root)

    def moment(self) -> datetime:
        """When its signer's clock said it was made."""
        return moment_of(self.anchored_at)

    def signed_bytes(self) -> bytes:
        return signed_bytes(self.tree_head, self.anchored_at, self.previous, self.key_id)

    def digested_bytes(self) -> bytes:
        """What ``digest`` is the SHA-256 of: to be handed to a timestamp authority."""
        return DIGEST_TAG + field(self.signed_bytes()) + field(bytes.fromhex(self.signature))

    def digest(self) -> str:
        """64 hex digits that stand for this very anchor: named by the next one, and timestamped."""
        return sha256(self.digested_bytes()).hexdigest()


def signed_bytes(head: TreeHead, anchored_at: str, previous: str, key_id: str) -> bytes:
    fields = (head.log_id, str(head.position), str(head.count), head.root, anchored_at, previous, key_id)
    return ANCHOR_TAG + b"".join([field(each.encode()) for each in fields])


def log_id_of(first: Leaf) -> str:
    """What a log is called, by the leaf of its first event: 64 hex digits."""
    return sha256(LOG_TAG + leaf_hash(first)).hexdigest()


def check_signature(anchor: Anchor, public_keys: Mapping[str, bytes]) -> None:
    """Raise AnchorRefused (unknown_key, bad_signature) unless one of these keys, by their ids, signed the anchor."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = public_keys.get(anchor.key_id)
    if key is None:
        known = ", ".join(f"{each[:16]}…" for each in sorted(public_keys)[:4]) or "none"
        raise AnchorRefused(
            "unknown_key",
            anchor.position,
            f"the anchor at position {anchor.position} is signed with the key {anchor.key_id[:16]}…, and the keys "
            f"given are {known}: name its public half",
        )
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(anchor.signature), anchor.signed_bytes())
    except InvalidSignature:
        raise AnchorRefused(
            "bad_signature",
            anchor.position,
            f"the anchor at position {anchor.position} doesn't bear the signature of its key {anchor.key_id[:16]}…: it "
            "was changed, or made by somebody else",
        ) from None


def check_succession(before: Anchor, after: Anchor) -> None:
    """Raise AnchorRefused (other_log, out_of_order, broken_chain) unless ``after`` is the next anchor of one log."""
    if after.log_id != before.log_id:
        raise AnchorRefused(
            "other_log",
            after.position,
            f"the anchors at positions {before.position} and {after.position} are of two logs, as the first event of "
            "each says: keep each log's anchors in a folder of its own",
        )
    further = after.position - before.position
    if further <= 0 or not 0 < after.count - before.count <= further:
        raise AnchorRefused(
            "out_of_order",
            after.position,
            f"the anchor at position {after.position} covers {after.count} events, which can't follow upon "
            f"{before.count} at position {before.position}: a log only grows",
        )
    if after.previous != before.digest():
        raise AnchorRefused(
            "broken_chain",
            after.position,
            f"the anchor at position {after.position} doesn't name the one at position {before.position} as the one "
            "before it: one was left out between them, or either was put there by somebody else",
        )


def failures_of(anchors: Sequence[Anchor], public_keys: Mapping[str, bytes]) -> list[AnchorRefused]:
    """All that is wrong with a log's anchors, in order of position, as their signatures and succession go.

    That the first names an earlier one is no failure: it may lie elsewhere (``is_first``).
    """
    found = []
    for place, anchor in enumerate(anchors):
        try:
            check_signature(anchor, public_keys)
            if place:
                check_succession(anchors[place - 1], anchor)
        except AnchorRefused as refused:
            found.append(refused)
    return found


def is_first(anchor: Anchor) -> bool:
    """Whether this is a log's first anchor."""
    return anchor.previous == NO_PREVIOUS
