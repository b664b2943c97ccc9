"""The Merkle tree over a log: one root for all of it, and short proofs of what it holds and that it only grew.

As RFC 9162, 2.1 has it (the same tree as RFC 6962): ``SHA-256(0x00 · leaf)`` and ``SHA-256(0x01 · left · right)``, so
that no leaf can pass for a node. A leaf is one event's place and hash::

    LEAF_TAG · field(stream id) · field(version) · field(global position) · field(event hash)
    field(x) = length of x as 8 bytes, big-endian · x
    text is UTF-8, numbers are decimal ASCII, the hash is its 64 hex digits

Leaves stand in the order of global position, up to a position below which nothing can still appear. So the log is
append-only to the tree too, and a proof of consistency works beside one of inclusion; over leaves sorted by stream
every new event would shift the rest. The position is in the leaf, so nothing can change its place.

Everything here takes leaf hashes one at a time and keeps O(log n) of them: a million leaves need no memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

LEAF_TAG = b"esworkbench:leaf:v1\n"
EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32


class Leaf(NamedTuple):
    """An event's place and hash (64 hex digits): what an anchor covers of it."""

    position: int
    stream_id: str
    version: int
    hash: str


def field(value: bytes) -> bytes:
    """A value behind its length, so that neighbours can't flow into each other."""
    return len(value).to_bytes(8, "big") + value


def leaf_hash(leaf: Leaf) -> bytes:
    """The leaf's hash, 32 bytes."""
    position, stream_id, version, event_hash = leaf
    fields = (stream_id.encode(), b"%d" % version, b"%d" % position, event_hash.encode())
    return sha256(b"\x00" + LEAF_TAG + b"".join([field(each) for each in fields])).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the complete subtrees that a tree consists of so far, the largest first: all that growing needs.

    There are as many as ``count`` has ones in binary, and together they give the root, so whoever knows the root can
    check a frontier that somebody hands over.
    """

    def __init__(self, peaks: Sequence[bytes] = (), count: int = 0) -> None:
        if len(peaks) != count.bit_count():
            raise ValueError(f"a tree of {count} leaves has {count.bit_count()} complete subtrees, not {len(peaks)}")
        self.peaks = list(peaks)
        self.count = count

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        merged, count = leaf, self.count
        while count & 1:
            merged = node_hash(self.peaks.pop(), merged)
            count >>= 1
        self.peaks.append(merged)
        self.count += 1

    def extend(self, leaves: Iterable[bytes]) -> "Frontier":
        for leaf in leaves:
            self.append(leaf)
        return self

    def root(self) -> bytes:
        """The root of what was added, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in order."""
    return Frontier().extend(leaves).root()


def inclusion_path(leaves: Iterable[bytes], index: int, count: int) -> list[bytes]:
    """The hashes that lead from leaf ``index`` (from 0) to the root over ``count`` leaves (RFC 9162, 2.1.3.1).

    Raises ValueError where there is no such leaf, or where fewer leaves come.
    """
    if not 0 <= index < count:
        raise ValueError(f"there is no leaf {index} among {count}")
    return _path(iter(leaves), index, count)


def consistency_path(leaves: Iterable[bytes], earlier: int, count: int) -> list[bytes]:
    """The hashes which show that the first ``earlier`` of ``count`` leaves are the earlier tree (RFC 9162, 2.1.4.1).

    Raises ValueError unless 0 < earlier <= count, or where fewer leaves come.
    """
    if not 0 < earlier <= count:
        raise ValueError(f"a tree of {count} leaves has no earlier one of {earlier}")
    return _subproof(iter(leaves), earlier, count, True)


def includes(root: bytes, count: int, leaf: bytes, index: int, path: Sequence[bytes]) -> bool:
    """Whether the path leads from this leaf hash, at this index, to that root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < count:
        return False
    at, last, found = index, count - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(earlier_root: bytes, earlier: int, root: bytes, count: int, path: Sequence[bytes]) -> bool:
    """Whether the path shows that the tree of ``count`` leaves begins with the earlier one (RFC 9162, 2.1.4.2)."""
    if not 0 < earlier <= count:
        return False
    if earlier == count:
        return not path and earlier_root == root
    hashes = [earlier_root, *path] if earlier & (earlier - 1) == 0 else list(path)
    if not hashes:
        return False
    at, last = earlier - 1, count - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == earlier_root and new == root


def _path(leaves: Iterator[bytes], index: int, count: int) -> list[bytes]:
    # The left half is always consumed before the right one, so one pass over the leaves is enough.
    if count == 1:
        _taken(leaves, 1)
        return []
    left = _left_of(count)
    if index < left:
        return [*_path(leaves, index, left), _taken(leaves, count - left)]
    sibling = _taken(leaves, left)
    return [*_path(leaves, index - left, count - left), sibling]


def _subproof(leaves: Iterator[bytes], earlier: int, count: int, whole: bool) -> list[bytes]:
    if earlier == count:
        root = _taken(leaves, count)
        return [] if whole else [root]
    left = _left_of(count)
    if earlier <= left:
        return [*_subproof(leaves, earlier, left, whole), _taken(leaves, count - left)]
    sibling = _taken(leaves, left)
    return [*_subproof(leaves, earlier - left, count - left, False), sibling]


def _taken(leaves: Iterator[bytes], count: int) -> bytes:
    """The root over the next ``count`` leaves."""
    frontier = Frontier().extend(islice(leaves, count))
    if frontier.count != count:
        raise ValueError(f"{count - frontier.count} leaves fewer came than were said to be there")
    return frontier.root()


def _left_of(count: int) -> int:
    """How many leaves the left subtree has: the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1
