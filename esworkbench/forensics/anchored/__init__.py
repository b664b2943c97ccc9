"""What anchors say of the log: whether it still is what was signed, and if not, which events are not.

kept_anchors   the anchors that the evidence has: who signed, what that proves, whether of this log
roots          the log's root at every anchor's position, worked out anew in one pass
comparison     the log held against those anchors, and where it contradicts them
differences    event by event, what isn't what was anchored, where the leaves of that anchor are known
quarrels       anchors that contradict each other
records        what comes of an anchor, of a leaf, of all of them
wording        the same in sentences, and what anchors leave open

Leaves must lead to their anchor's root, or they count for nothing. An anchor is worth what its key is worth. A key is
*trusted* where whoever investigates brought it (``evidence add --key``); one that lies beside the store may be laid
there by whoever lays a forged anchor there.
"""

from esworkbench.forensics.anchored.comparison import held_against_anchors
from esworkbench.forensics.anchored.records import (
    NO_ANCHORS,
    AnchorContradiction,
    Anchored,
    AnchorVerdict,
    LeafDifference,
)
from esworkbench.forensics.anchored.wording import in_words, left_open, range_in_words

__all__ = [
    "NO_ANCHORS",
    "AnchorContradiction",
    "AnchorVerdict",
    "Anchored",
    "LeafDifference",
    "held_against_anchors",
    "in_words",
    "left_open",
    "range_in_words",
]
