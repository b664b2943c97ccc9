"""What came of an anchor, an event that isn't what was anchored, and where the log parts from what was signed."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from esworkbench.event_store.anchors.tree import Leaf

Signature = Literal["good", "bad", "unknown_key"]
Kind = Literal["edited", "hashed_again", "missing", "inserted", "moved"]
Strength = Literal["proven", "likely", "possible"]

STRENGTHS: Sequence[Strength] = ("possible", "likely", "proven")


class AnchorVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One anchor and what came of it.

    ``origins``: store, outside, given. ``signature``: good; bad; or unknown_key, where its public key isn't there.
    ``trusted``: by a key that whoever investigates brought. ``stands``: the log up to its position has its root; null
    where that wasn't asked, because it isn't validly signed or is of another log. ``timestamped``: a token over
    it lies beside it.
    """

    position: int
    count: int
    anchored_at: str
    digest: str
    key_id: str
    origins: list[str]
    signature: Signature
    trusted: bool
    of_this_log: bool
    stands: bool | None
    leaves_known: bool
    timestamped: bool


class LeafDifference(NamedTuple):
    """An event that isn't what was anchored.

    ``edited``: its content is another. ``hashed_again``: its content is what it was, and its hash or version isn't.
    ``missing``: it is gone. ``inserted``: it wasn't there. ``moved``: it stood elsewhere. ``was`` is its leaf, None for
    one that was inserted; id, stream and version are those of now, of a missing event those of then.
    """

    kind: Kind
    position: int
    stream_id: str
    version: int | None
    event_id: str | None
    was: Leaf | None

    @property
    def stream_then(self) -> str:
        return self.was.stream_id if self.was else self.stream_id


class AnchorContradiction(NamedTuple):
    """The log against anchors: it parts from them after position ``after`` and no later than ``by``.

    ``anchors`` are those that don't stand, ``covered`` is how many events the last one covers, ``held`` how many the
    log holds of that. ``split``: every anchor the store holds stands, and they cover the same events. ``differences``
    are told one by one, all of them unless they are too many (``all_told``); none where ``exact`` is false, since no
    leaves are known. ``strength``: how much the signatures prove. ``cut_after``: no event that was anchored after this
    position stands anywhere, and others stand in their place, or None.
    """

    anchors: list[AnchorVerdict]
    after: int
    by: int
    covered: int
    held: int
    head: int
    split: bool
    exact: bool
    differences: list[LeafDifference]
    all_told: bool
    strength: Strength
    cut_after: int | None = None

    @property
    def is_ahead(self) -> bool:
        """An anchor covers positions past the log's end."""
        return self.by > self.head

    def is_cut_off(self, each: LeafDifference) -> bool:
        """Whether what is missing here stood past the log's end, or where the log was cut off and went on, and nothing
        that stands any more came after it."""
        assert each.was is not None
        if self.is_written_over(each.position):
            return True
        return each.position > self.head and not any(
            other.kind == "moved" and other.was and other.was.position > each.was.position for other in self.differences
        )

    def is_written_over(self, position: int | None) -> bool:
        """Whether the position is one of those where the log went on after it was cut off."""
        return self.cut_after is not None and position is not None and position > self.cut_after

    @property
    def moved_up(self) -> int:
        """By how many positions the last event that an anchor covers stands before where it stood."""
        moved = [(each.was.position, each.position) for each in self.differences if each.kind == "moved" and each.was]
        was, now = max(moved, default=(0, 0))
        return max(0, was - now)

    @property
    def pushed(self) -> set[str]:
        """Ids of events that keep their order and stream, and only stand elsewhere since others were put in, or taken
        out, before them: what follows from that, and no act.

        Those that kept their order are the longest run of moved events that stand in the order in which they stood.
        """
        acts = [each.position for each in self.differences if each.kind in ("inserted", "missing")]
        moved = sorted(
            (each.position, each.was.position, each.event_id) for each in self.differences
            if each.kind == "moved" and each.was and each.event_id and each.stream_then == each.stream_id
        )  # fmt: skip
        first = min(acts, default=None)
        return {moved[at][2] for at in _in_order([was for _, was, _ in moved])
                if first is not None and max(moved[at][:2]) > first}  # fmt: skip


class Anchored(NamedTuple):
    """Every anchor of the evidence, and where the log contradicts them. ``quarrels`` are anchors against each other.

    ``tokens`` are those beside them, each with its anchor, for ``stamped`` to read.
    """

    anchors: list[AnchorVerdict]
    contradiction: AnchorContradiction | None
    quarrels: list[tuple[int, str]]
    unusable_leaves: list[int]
    tokens: Sequence[tuple[AnchorVerdict, bytes]] = ()

    @property
    def asked(self) -> list[AnchorVerdict]:
        """Those that the log was held against: validly signed, and of this log."""
        return [each for each in self.anchors if each.stands is not None]


NO_ANCHORS = Anchored([], None, [], [])


def _in_order(numbers: Sequence[int]) -> list[int]:
    """Where the members of a longest increasing subsequence stand (patience sorting, Fredman 1975)."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int | None] = []
    for place, number in enumerate(numbers):
        pile = bisect_left(ends, number)
        before.append(at[pile - 1] if pile else None)
        ends[pile : pile + 1], at[pile : pile + 1] = [number], [place]
    found: list[int] = []
    last = at[-1] if at else None
    while last is not None:
        found.append(last)
        last = before[last]
    return found
