"""Taking an anchor of a live store, after making sure that the log still says what the anchors before say.

The position is the log's settled head, below which nothing can still appear; then the store is read at one cut,
place and hash of each event alone, in bounded memory, and nothing is written to the log. Content isn't hashed again:
an anchor says what the log held, and ``verify`` whether that is sound.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.anchor import NO_PREVIOUS, Anchor, TreeHead, log_id_of
from esworkbench.event_store.anchors.files import (
    ANCHORS,
    KEYS,
    KeptAnchor,
    keep,
    leaves_up_to,
    read_anchors,
    remove_left,
    write_leaves,
)
from esworkbench.event_store.anchors.keys import SigningKey, read_public_keys, write_public_key
from esworkbench.event_store.anchors.log_leaves import log_leaves, one_cut
from esworkbench.event_store.anchors.own_copy import copy_into_store, own_copies, trusted_copies
from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.store import EventStore
from esworkbench.kept_files import turn_at

LOCK = "taking"
"""Names the hidden file, in the folder itself, that one of two at once holds."""

MOST_DIFFERENCES = 1000
"""So many are listed; all are counted."""


Who = Literal["outside", "own copy"]


class LogDifference(NamedTuple):
    """An event that isn't what was anchored at its position.

    ``missing``: it is gone, ``found`` is None. ``inserted``: it wasn't there, ``anchored`` is None. ``altered``: both.
    """

    kind: Literal["missing", "inserted", "altered"]
    position: int
    anchored: Leaf | None
    found: Leaf | None


class Rewritten(NamedTuple):
    """A log that isn't what earlier anchors say: it parts from them after ``after`` and no later than ``by``.

    ``witness``: whose word that is: an anchor outside, or the store's own copy. ``differences`` are the first of
    ``difference_count``, empty where no leaves were kept. ``another_log``: its first event is another as well.
    """

    after: int
    by: int
    witness: Who
    another_log: bool
    differences: list[LogDifference]
    difference_count: int


class AnchorRun(NamedTuple):
    """What came of it: ``taken`` is the new anchor; None for a log without new events, or one that was rewritten.

    ``last`` is the latest anchor outside, ``events`` how many it is newer by, ``compared`` how many events were held
    against earlier anchors. ``notes`` are sentences for whoever runs this; those on rows of the store's own table that
    prove nothing are ``unsigned`` too.
    """

    taken: KeptAnchor | None
    last: KeptAnchor | None
    events: int
    compared: int
    rewritten: Rewritten | None
    notes: list[str]
    unsigned: Sequence[str] = ()


def take_anchor(
    store: EventStore, outside: Path, key: SigningKey, *, clock: Callable[[], datetime], only_new: bool = False
) -> AnchorRun:
    """Anchor the store in the folder ``outside``, and keep a copy in its own table where that may be.

    First every event that an earlier anchor covers is held against it; ``only_new`` leaves that out, and goes on from
    the last anchor's frontier. Of two at once the second waits its turn. Raises UnusableInput for an empty log and
    for a folder that can't be read, AnchorRefused for an anchor in it that proves nothing.
    """
    folder = outside / ANCHORS
    folder.mkdir(parents=True, exist_ok=True)
    with turn_at(folder / LOCK):
        remove_left(folder)
        public_keys = {**read_public_keys(outside / KEYS), key.key_id: key.public_key}
        kept = read_anchors(folder, public_keys)
        try:
            return _take(store, outside, kept, key, public_keys, clock, only_new)
        except _Parting as parting:
            rewritten, notes = _located(store, folder, kept, parting)
            return AnchorRun(None, kept[-1] if kept else None, 0, parting.compared, rewritten, notes)


class _Witness(NamedTuple):
    position: int
    root: str
    who: Who


class _Parting(Exception):
    """The log isn't what a witness says it was."""

    def __init__(self, after: int, witness: _Witness, compared: int) -> None:
        super().__init__()
        self.after = after
        self.witness = witness
        self.compared = compared


def _take(
    store: EventStore, outside: Path, kept: Sequence[KeptAnchor], key: SigningKey, public_keys: Mapping[str, bytes],
    clock: Callable[[], datetime], only_new: bool,
) -> AnchorRun:  # fmt: skip
    folder = outside / ANCHORS
    last = kept[-1] if kept else None
    covered = last.anchor.position if last else 0
    head = store.settled_head()
    with one_cut(store.engine) as connection:
        copies, told = trusted_copies(own_copies(connection), public_keys, last.anchor.log_id if last else None)
        witnesses = _witnesses(kept, copies)
        if last and only_new:
            start, frontier = covered, _frontier_of(last, folder)
            _require_standing(connection, witnesses, covered)
        else:
            start, frontier = 0, Frontier()
        due = [each for each in witnesses if each.position > start]
        rows = _held_against(due, log_leaves(connection, after=start, up_to=head), frontier)
        first = next(rows, None)
        log_id = last.anchor.log_id if last else log_id_of(first) if first else None
        every = chain([first] if first else [], rows)
        leaves = write_leaves(folder, (leaf for leaf in every if leaf.position > covered))
    events = frontier.count - (last.anchor.count if last else 0)
    compared = 0 if only_new or last is None else last.anchor.count
    if log_id is None or events == 0:
        leaves.unlink()
        if last is None:
            raise UnusableInput("the log is empty, so there is nothing to anchor yet: append its first event")
        note = copy_into_store(store.engine, kept)
        return AnchorRun(None, last, 0, compared, None, [*told, note] if note else told, told)
    write_public_key(key.public_key, outside / KEYS)
    anchor = key.sign(
        TreeHead(log_id, head, frontier.count, frontier.root().hex()),
        anchored_at=moment_text(clock()),
        previous=last.anchor.digest() if last else NO_PREVIOUS,
    )
    taken = keep(folder, anchor, frontier.peaks, leaves)
    note = copy_into_store(store.engine, [*kept, taken])
    notes = [*told, _told_of_clock(last, taken), _told_of_key(last, taken), note]
    return AnchorRun(taken, last, events, compared, None, [note for note in notes if note], told)


def _witnesses(kept: Sequence[KeptAnchor], copies: Sequence[Anchor]) -> list[_Witness]:
    outside = [_Witness(each.anchor.position, each.anchor.root, "outside") for each in kept]
    own = [_Witness(each.position, each.root, "own copy") for each in copies]
    return sorted([*outside, *own], key=lambda each: each.position)


def _held_against(witnesses: Sequence[_Witness], rows: Iterable[Leaf], frontier: Frontier) -> Iterator[Leaf]:
    """The rows, each added to the frontier, as long as every witness passed has the root that it says."""
    due, good = list(reversed(witnesses)), 0

    def ask_up_to(position: int) -> None:
        nonlocal good
        while due and due[-1].position < position:
            witness = due.pop()
            if frontier.root().hex() != witness.root:
                raise _Parting(good, witness, frontier.count)
            good = witness.position

    for leaf in rows:
        ask_up_to(leaf.position)
        frontier.append(leaf_hash(leaf))
        yield leaf
    ask_up_to(2**63)


def _require_standing(connection: Connection, witnesses: Sequence[_Witness], position: int) -> None:
    """An anchor ends at an event, so at least that one must still be there."""
    if next(log_leaves(connection, after=position - 1, up_to=position), None) is None:
        raise _Parting(0, next(each for each in witnesses if each.position == position), 0)


def _frontier_of(last: KeptAnchor, folder: Path) -> Frontier:
    if last.frontier is not None:
        return Frontier(last.frontier, last.anchor.count)
    return Frontier().extend(leaf_hash(leaf) for leaf in leaves_up_to(folder, last.anchor))


def _located(
    store: EventStore, folder: Path, kept: Sequence[KeptAnchor], parting: _Parting
) -> tuple[Rewritten, list[str]]:
    """Which events were changed, by the leaves that were kept, if these are whole."""
    by = parting.witness.position
    anchor = kept[-1].anchor if kept else None
    differences: list[LogDifference] = []
    count, notes = 0, []
    with one_cut(store.engine) as connection:
        first = next(log_leaves(connection, up_to=by), None)
    another = bool(kept) and (first is None or log_id_of(first) != kept[0].anchor.log_id)
    if anchor is not None:
        try:
            with one_cut(store.engine) as connection:
                found = log_leaves(connection, up_to=anchor.position)
                for count, difference in enumerate(differences_between(leaves_up_to(folder, anchor), found), start=1):
                    if count <= MOST_DIFFERENCES:
                        differences.append(difference)
        except UnusableInput as error:
            differences, count, notes = [], 0, [f"which events they are can't be told: {error}"]
    return Rewritten(parting.after, by, parting.witness.who, another, differences, count), notes


def differences_between(anchored: Iterable[Leaf], found: Iterable[Leaf]) -> Iterator[LogDifference]:
    """Where a log parts from what was anchored of it; both in order of position, one leaf of each in memory."""
    left, right = iter(anchored), iter(found)
    was, now = next(left, None), next(right, None)
    while was is not None or now is not None:
        if now is None or (was is not None and was.position < now.position):
            assert was is not None
            yield LogDifference("missing", was.position, was, None)
            was = next(left, None)
        elif was is None or now.position < was.position:
            yield LogDifference("inserted", now.position, None, now)
            now = next(right, None)
        else:
            if was != now:
                yield LogDifference("altered", was.position, was, now)
            was, now = next(left, None), next(right, None)


def _told_of_clock(last: KeptAnchor | None, taken: KeptAnchor) -> str | None:
    if last is None or taken.anchor.moment() >= last.anchor.moment():
        return None
    before = last.anchor.anchored_at
    return f"this machine's clock says {taken.anchor.anchored_at}, before the last anchor ({before}): set it"


def _told_of_key(last: KeptAnchor | None, taken: KeptAnchor) -> str | None:
    if last is None or taken.anchor.key_id == last.anchor.key_id:
        return None
    return f"signed with the key {taken.anchor.key_id[:16]}…, the anchor before with {last.anchor.key_id[:16]}…"
