"""Two logs of one store, event by event: a good copy made earlier, and the damaged one that went on after it.

Up to where the good copy ends, each event is held against its twin. Behind that there is no twin, and what came after
is judged by what it says of itself: its content hash, its link to the event before it in its stream (which begins at
the good copy's last), and the leaves of anchors that were kept outside. A chain alone can be written anew by whoever
may write; an anchor's leaf can't.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.files import KEYS, anchors_in, leaves_up_to, read_anchors
from esworkbench.event_store.anchors.keys import key_id_of, read_public_key, read_public_keys
from esworkbench.event_store.anchors.tree import Leaf
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.evidence import Evidence
from esworkbench.evidence.origins import STORE

COLUMNS = (
    "stream_id", "version", "event_id", "type", "schema_version", "recorded_at", "valid_at", "payload", "metadata",
    "prev_hash", "hash",
)  # fmt: skip
BATCH = 5_000
RESTORED = "LogRestored"
"""The type of the event that tells of a restoration, and what of the damaged log isn't where it was."""
LISTED = 1_000
"""So many differences are listed; all are counted."""

Kind = Literal["missing", "altered", "inserted"]
Verdict = Literal["as it was", "again", "altered", "in doubt", "lost"]
Proof = Literal["anchor", "chain", "none"]
Strength = Literal["proven", "likely", "possible"]

MEANING = {
    "as it was": "whole, and it follows what comes before it: it can be carried over byte for byte",
    "again": "anchored as it is, but what it follows is lost: its fact can be appended once more",
    "altered": "not what was hashed or anchored: what it was isn't known from here",
    "in doubt": "whole, but nothing says that it is genuine: what it should follow is not there",
    "lost": "anchored, and gone: that it was there is all that is known",
}
"""What each verdict on an event after the good copy says."""


class EventDifference(NamedTuple):
    """An event up to the good copy's end that the two logs don't share. ``columns`` names those that differ."""

    kind: Kind
    position: int
    stream_id: str | None
    version: int | None
    event_id: str | None
    columns: list[str]


class LaterEvent(NamedTuple):
    """An event after the good copy's end, and what may be done with it. Of a lost one only its leaf is known.

    ``proof`` is what its being genuine rests on: an anchor's leaf, or the chain of its stream alone. ``strength`` is
    what an anchor's word on it is worth, as in ``verify``: proven by a key that was brought; None where none reaches.
    """

    verdict: Verdict
    proof: Proof
    position: int
    stream_id: str | None
    version: int | None
    event_id: str | None
    event_type: str | None
    strength: Strength | None


class Excused(NamedTuple):
    """Positions that hold nothing, and of which a record of a restoration in the log itself tells: whose word that is
    says nobody but who wrote the log.
    """

    event_id: str
    position: int
    positions: list[int]


class LogComparison(NamedTuple):
    """``shared`` counts the events that both hold alike up to ``good_head``, the good copy's last position.

    ``differences`` are the first of ``difference_count``. ``good_astray`` counts how many of the anchored leaves up to
    there the good copy doesn't hold, or holds events of which there are no leaves: None where there is no anchor.
    ``anchored_up_to`` is the last anchor's position. ``without_event`` are ranges of later positions that hold nothing
    and that no record of a restoration lists, in a log whose database leaves none out: something was taken away, or
    never got there; ``excused`` are those that one lists. ``strangers`` are the keys of anchors that nobody vouched
    for, ``trusted_up_to`` is the position of the last anchor whose key was brought, 0 without one; beyond that an
    anchor's word is worth ``otherwise``.
    """

    good_head: int
    damaged_head: int
    shared: int
    differences: list[EventDifference]
    difference_count: int
    later: list[LaterEvent]
    good_astray: int | None
    anchored_up_to: int | None
    without_event: list[tuple[int, int]]
    excused: list[Excused]
    strangers: list[str]
    trusted_up_to: int
    otherwise: Strength

    def counts(self) -> dict[str, int]:
        """How many later events there are of each verdict."""
        verdicts = [each.verdict for each in self.later]
        return {verdict: verdicts.count(verdict) for verdict in MEANING if verdict in verdicts}


class _Restoration(msgspec.Struct):
    not_carried: list[tuple[int, str]]
    appended_again: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class _Place(msgspec.Struct):
    position: int


class _Moved(msgspec.Struct):
    restored_from: _Place


class _Anchored(NamedTuple):
    """Every anchored leaf by position, and whose word it is; without leaves no anchor was given."""

    leaves: dict[int, Leaf]
    strangers: list[str]
    trusted_up_to: int
    otherwise: Strength

    def strength(self, position: int) -> Strength:
        """What an anchor's word on this position is worth: every anchor further on covers it too."""
        return "proven" if position <= self.trusted_up_to else self.otherwise


def compare_logs(
    good: Evidence, damaged: Evidence, anchors: Path | None = None, keys: Sequence[Path] = ()
) -> LogComparison:
    """Hold a damaged log against a good copy of its past; ``anchors`` is where the damaged store's anchors are kept.

    ``keys`` are public keys of those whose anchors are trusted: whoever forges an anchor lays its key beside it.

    Raises UnusableInput where the two have no event in common, so that they are no copies of one log, and for evidence
    without our hashes; AnchorRefused for anchors that prove nothing.
    """
    for each in (good, damaged):
        if each.rows("SELECT count(*) FROM events WHERE hash IS NULL") != [(0,)]:
            raise UnusableInput(f"{each.path} holds events without our hashes, so nothing tells which are genuine")
    head = good.manifest.cut.high_water or 0
    anchored = _anchored_in(anchors, keys, damaged)
    connection = good.connection()
    other = damaged.from_buckets("events", list(range(damaged.manifest.buckets)))
    same = " AND ".join(f"g.{name} IS NOT DISTINCT FROM d.{name}" for name in COLUMNS)
    pairs = (
        f"(SELECT * FROM events) g FULL JOIN (SELECT * FROM {other} WHERE position <= $head) d "
        "ON g.position = d.position"
    )
    ((shared,),) = connection.execute(f"SELECT count(*) FROM {pairs} WHERE {same}", {"head": head}).fetchall()
    if not shared:
        raise UnusableInput(f"{good.path} and {damaged.path} share no event: they are no copies of one log")
    named = [f"g.{name}" for name in COLUMNS] + [f"d.{name}" for name in COLUMNS]
    apart = connection.execute(
        f"SELECT coalesce(g.position, d.position), {', '.join(named)} FROM {pairs} WHERE NOT ({same}) ORDER BY 1",
        {"head": head},
    )
    differences: list[EventDifference] = []
    count = 0
    while batch := apart.fetchmany(BATCH):
        for position, *values in batch:
            count += 1
            if count <= LISTED:
                differences.append(_difference(position, values[: len(COLUMNS)], values[len(COLUMNS) :]))
    later = list(_judged(good, damaged, head, anchored))
    return LogComparison(
        head, damaged.manifest.cut.high_water or 0, shared, differences, count, later,
        _astray(good, head, anchored.leaves) if anchored.leaves else None, max(anchored.leaves, default=None),
        *_without_event(damaged, head), anchored.strangers, anchored.trusted_up_to, anchored.otherwise,
    )  # fmt: skip


def _without_event(damaged: Evidence, head: int) -> tuple[list[tuple[int, int]], list[Excused]]:
    """Ranges of positions that hold nothing and that no record lists, and what the records in the log do list."""
    if damaged.manifest.source.startswith("postgresql"):
        return [], []  # an append that is rolled back leaves its position out
    empty = [(max(first, head + 1), last) for first, last in damaged.manifest.cut.gaps if last > head]
    excused: list[Excused] = []
    for event_id, position, listed in _restorations(damaged, head) if empty else []:
        taken = {at for at in listed if at < position and any(first <= at <= last for first, last in empty)}
        if taken:
            excused.append(Excused(event_id, position, sorted(taken)))
            empty = [left for first, last in empty for left in _around(first, last, taken)]
    return empty, excused


def _around(first: int, last: int, taken: Set[int]) -> Iterator[tuple[int, int]]:
    """What is left of a range without some of its positions."""
    for at in sorted(each for each in taken if first <= each <= last):
        if first < at:
            yield first, at - 1
        first = at + 1
    if first <= last:
        yield first, last


def _restorations(damaged: Evidence, head: int) -> Iterator[tuple[str, int, set[int]]]:
    """The records of restorations, and the positions that each tells of: not carried over, or appended again.

    What was appended again stands right before its record, in the same transaction, and says where it had stood.
    """
    for event_id, position, payload in damaged.rows(
        "SELECT event_id, position, payload FROM events WHERE type = $type AND position > $head ORDER BY position",
        type=RESTORED, head=head,
    ):  # fmt: skip
        try:
            record = msgspec.json.decode(payload, type=_Restoration)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            continue
        moved = damaged.rows(
            "SELECT metadata FROM events WHERE position >= $first AND position < $record AND position > $head",
            first=position - record.appended_again, record=position, head=head,
        )  # fmt: skip
        stood = (_stood(metadata) for (metadata,) in moved)
        yield event_id, position, {at for at, _ in record.not_carried} | {at for at in stood if at is not None}


def _stood(metadata: str) -> int | None:
    try:
        return msgspec.json.decode(metadata, type=_Moved).restored_from.position
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


def _anchored_in(anchors: Path | None, keys: Sequence[Path], damaged: Evidence) -> _Anchored:
    """The leaves, held against the root of the last anchor and of the last that a trusted key signed."""
    brought = {key_id_of(key): key for key in map(read_public_key, keys)}
    if anchors is None:
        if brought:
            raise UnusableInput("a key says whose anchors are trusted, and no anchors are named: add --anchors")
        return _Anchored({}, [], 0, "possible")
    folder = anchors_in(anchors)
    kept = [each.anchor for each in read_anchors(folder, {**read_public_keys(folder.parent / KEYS), **brought})]
    if not kept:
        raise UnusableInput(f"there is no anchor in {folder}: leave --anchors out, or name the folder they are kept in")
    trusted = [each for each in kept if each.key_id in brought]
    for each in trusted[-1:]:
        deque(leaves_up_to(folder, each), maxlen=0)
    known = {digest for (digest,) in damaged.rows("SELECT digest FROM anchors WHERE origin = $store", store=STORE)}
    in_store = any(each.key_id == kept[-1].key_id and each.digest() in known for each in kept)
    return _Anchored(
        {leaf.position: leaf for leaf in leaves_up_to(folder, kept[-1])},
        sorted({each.key_id for each in kept if each.key_id not in brought}),
        trusted[-1].position if trusted else 0,
        "likely" if in_store else "possible",
    )


def _astray(good: Evidence, head: int, leaves: Mapping[int, Leaf]) -> int:
    reach = min(head, max(leaves))
    found = good.rows(
        "SELECT position, stream_id, version, hash FROM events WHERE position <= $reach ORDER BY 1", reach=reach
    )
    held = [leaves.get(row[0]) == Leaf(*row) for row in found]
    expected = sum(position <= reach for position in leaves)
    return held.count(False) + expected - held.count(True)


def _difference(position: int, good: list[Any], damaged: list[Any]) -> EventDifference:
    was, now = dict(zip(COLUMNS, good, strict=True)), dict(zip(COLUMNS, damaged, strict=True))
    if now["event_id"] is None and now["stream_id"] is None:
        kind: Kind = "missing"
    elif was["event_id"] is None and was["stream_id"] is None:
        kind = "inserted"
    else:
        kind = "altered"
    told = now if kind == "inserted" else was
    columns = [name for name in COLUMNS if was[name] != now[name]] if kind == "altered" else []
    return EventDifference(kind, position, told["stream_id"], told["version"], told["event_id"], columns)


def _judged(good: Evidence, damaged: Evidence, head: int, by_anchors: _Anchored) -> Iterator[LaterEvent]:
    leaves = by_anchors.leaves
    tips: dict[str, tuple[int, str]] = {
        stream: (version, last)
        for stream, version, last in good.rows(
            "SELECT stream_id, max(version), arg_max(hash, version) FROM events GROUP BY stream_id"
        )
    }
    ahead = sorted(position for position in leaves if position > head)
    covered = ahead[-1] if ahead else head
    lost = iter(ahead)
    due = next(lost, None)
    rows = damaged.connection().execute(
        f"SELECT position, {', '.join(COLUMNS)} FROM events WHERE position > $head ORDER BY position", {"head": head}
    )
    while batch := rows.fetchmany(BATCH):
        for position, *values in batch:
            while due is not None and due < position:
                yield _lost(by_anchors, due)
                due = next(lost, None)
            if due == position:
                due = next(lost, None)
            event = dict(zip(COLUMNS, values, strict=True))
            anchored = _anchored(event, position, leaves, covered)
            verdict = _verdict(event, anchored, tips.get(event["stream_id"], (0, GENESIS)))
            if verdict == "as it was":
                tips[event["stream_id"]] = (event["version"], event["hash"])
            genuine = verdict in ("as it was", "again")
            proof: Proof = "none" if not genuine else "anchor" if anchored else "chain"
            yield LaterEvent(
                verdict, proof, position, event["stream_id"], event["version"], event["event_id"], event["type"],
                None if anchored is None else by_anchors.strength(position),
            )  # fmt: skip
    while due is not None:
        yield _lost(by_anchors, due)
        due = next(lost, None)


def _lost(by_anchors: _Anchored, position: int) -> LaterEvent:
    leaf = by_anchors.leaves[position]
    strength = by_anchors.strength(position)
    return LaterEvent("lost", "anchor", position, leaf.stream_id, leaf.version, None, None, strength)


def _anchored(event: Mapping[str, Any], position: int, leaves: Mapping[int, Leaf], covered: int) -> bool | None:
    """Whether it is the event that was anchored there; None where no anchor reaches."""
    if not leaves or position > covered:
        return None
    return leaves.get(position) == Leaf(position, event["stream_id"], event["version"], event["hash"])


def _verdict(event: Mapping[str, Any], anchored: bool | None, tip: tuple[int, str]) -> Verdict:
    if anchored is False or not _is_whole(event):
        return "altered"
    if (event["version"] - 1, event["prev_hash"]) == tip:
        return "as it was"
    return "again" if anchored else "in doubt"


def _is_whole(event: Mapping[str, Any]) -> bool:
    try:
        return bool(event["hash"] == event_hash(
            event["prev_hash"], event["stream_id"], event["version"], event["event_id"], event["type"],
            event["schema_version"], event["recorded_at"], event["valid_at"], event["payload"].encode(),
            event["metadata"].encode(),
        ))  # fmt: skip
    except (ValueError, TypeError, AttributeError):
        return False
