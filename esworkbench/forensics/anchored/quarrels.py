"""Anchors against each other: those that can't both be of one log, and those that don't follow upon each other."""

from collections.abc import Mapping
from itertools import pairwise

from esworkbench.evidence.origins import OUTSIDE
from esworkbench.forensics.anchored.kept_anchors import EvidenceAnchor
from esworkbench.forensics.anchored.records import AnchorVerdict


def quarrels_among(verdicts: Mapping[EvidenceAnchor, AnchorVerdict]) -> list[tuple[int, str]]:
    """Anchors with good signatures that can't both be of one log, and those that don't follow upon each other."""
    from esworkbench.event_store.anchors.anchor import NO_PREVIOUS

    quarrels: list[tuple[int, str]] = []
    mine = [each for each in verdicts if verdicts[each].stands is not None]
    for one, other in pairwise(mine):
        if one.anchor.position == other.anchor.position and one.anchor.root != other.anchor.root:
            quarrels.append((
                one.anchor.position,
                f"two anchors at position {one.anchor.position} have two roots, each with a valid signature, of "
                f"the keys {one.anchor.key_id[:16]}… and {other.anchor.key_id[:16]}…: two histories were signed",
            ))  # fmt: skip
    standing = max((each.anchor.position for each in mine if verdicts[each].stands), default=0)
    for each in mine:
        if not verdicts[each].stands and each.anchor.position < standing:
            quarrels.append((
                each.anchor.position,
                f"the anchor at position {each.anchor.position} doesn't stand, and one at position {standing}, "
                "which covers all that it covers, does: the log was anchored again after it was changed",
            ))  # fmt: skip
    by_digest = {each.anchor.digest(): each for each in mine}
    outside = [each for each in mine if OUTSIDE in each.origins]
    for one, other in pairwise(outside):
        before = other.anchor.previous
        if one.anchor.digest() != before and one.anchor.position < other.anchor.position:
            known = "the one at position " + str(by_digest[before].anchor.position) if before in by_digest else (
                "none" if before == NO_PREVIOUS else "one that isn't here"
            )  # fmt: skip
            quarrels.append((
                other.anchor.position,
                f"the anchor at position {other.anchor.position} names {known} as the one before it, not the one "
                f"at position {one.anchor.position}: one was taken away or put there since",
            ))  # fmt: skip
    return quarrels
