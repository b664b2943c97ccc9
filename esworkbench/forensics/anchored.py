"""What anchors say of the log: whether it still is what was signed, and if not, which events are not.

The log's root is worked out anew at every anchor's position, in one pass. Where it is another one and the anchor's
leaves are known (those leaves must lead to its root, or they count for nothing), each event is held against its leaf.
A leaf is a place and a hash, and the hash is one of the content and of the hash before it: so a content that was only
hashed again, behind one that was changed, still fits its leaf beside the hash that stood before it then, and what was
changed is told from what merely follows from that.

An anchor is worth what its key is worth. A key is *trusted* where whoever investigates brought it (``evidence add
--key``); one that lies beside the store may be laid there by whoever lays a forged anchor there.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.evidence import Evidence
from esworkbench.evidence.origins import GIVEN, OUTSIDE, STORE
from esworkbench.forensics.hash_in_sql import HASHES_DIFFER

if TYPE_CHECKING:
    from esworkbench.event_store.anchors.anchor import Anchor

ROWS_AT_ONCE = 10_000

MOST_DIFFERENCES = 10_000
"""So many events are told one by one; all are counted."""

SHIFTS = 3
"""By so many versions a stream's later events are tried, where some were taken out or put in before them."""

FEWEST_CUT_OFF = 3
"""So many events at the end of what was anchored, none of which stands any more, were cut off in one act."""

MOST_PAIRS = 2_500
"""So many pairs of an event and a leaf of one stream are tried, to find where an event stood."""

Signature = Literal["good", "bad", "unknown_key"]
Kind = Literal["edited", "hashed_again", "missing", "inserted", "moved"]
Strength = Literal["proven", "likely", "possible"]

_ANCHORS = """
    SELECT log_id, position, event_count, root, anchored_at, previous, key_id, signature, list(DISTINCT origin),
        list(DISTINCT token) FILTER (token IS NOT NULL), max(leaves)
    FROM anchors GROUP BY ALL ORDER BY position, root, signature
"""

_LOG = "SELECT position, stream_id, version, hash FROM events WHERE position <= $last ORDER BY ALL"

_ANCHORED = """
    SELECT position, stream_id, version, hash FROM events
    WHERE position <= $last AND position NOT IN (SELECT position FROM leaves WHERE anchor = $leaves)
    UNION ALL SELECT position, stream_id, version, hash FROM leaves
    WHERE anchor = $leaves AND position <= $last AND hash IS NOT NULL ORDER BY ALL
"""

_DIFFERENCES = f"""
    WITH patch AS (SELECT * FROM leaves WHERE anchor = $leaves AND position <= $last),
    now AS (SELECT * FROM events WHERE position IN (SELECT position FROM patch)),
    beyond AS (
        SELECT * FROM events
        WHERE position > $last AND stream_id IN (SELECT stream_id FROM patch WHERE hash IS NOT NULL)
    ),
    anywhere AS (FROM now UNION ALL FROM beyond),
    was AS (
        SELECT p.position, p.stream_id, p.version, p.hash,
            CASE WHEN p.version = 1 THEN $genesis ELSE coalesce(earlier.hash, before.hash) END AS prev_hash
        FROM patch AS p
        LEFT JOIN patch AS earlier ON earlier.stream_id = p.stream_id AND earlier.version = p.version - 1
        LEFT JOIN events AS before ON before.stream_id = p.stream_id AND before.version = p.version - 1
            AND before.position <= $last AND before.position NOT IN (SELECT position FROM patch)
        WHERE p.hash IS NOT NULL
    ),
    tried AS (
        SELECT e.event_id, w.position FROM now AS e JOIN was AS w USING (position)
        UNION SELECT e.event_id, w.position FROM anywhere AS e JOIN was AS w ON w.stream_id = e.stream_id
            AND w.version BETWEEN e.version - {SHIFTS} AND e.version + {SHIFTS}
    ),
    fitting AS (
        SELECT event_id, was_position, now_position FROM (
            SELECT e.* REPLACE (w.stream_id AS stream_id, w.version AS version, w.hash AS hash,
                w.prev_hash AS prev_hash),
                w.position AS was_position, e.position AS now_position,
                (e.stream_id, e.version, e.hash) IS NOT DISTINCT FROM (w.stream_id, w.version, w.hash) AS as_it_was
            FROM tried AS t JOIN anywhere AS e USING (event_id) JOIN was AS w ON w.position = t.position
        ) WHERE as_it_was OR NOT {HASHES_DIFFER}
        QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY abs(was_position - now_position)) = 1
    )
"""

_FITTING = f"""
    {_DIFFERENCES}
    SELECT CASE WHEN w.position = e.position AND w.stream_id = e.stream_id THEN 'hashed_again' ELSE 'moved' END AS kind,
        e.position, e.stream_id, e.version, e.event_id, w.position, w.stream_id, w.version, w.hash
    FROM fitting AS f JOIN anywhere AS e USING (event_id) JOIN was AS w ON w.position = f.was_position
    QUALIFY kind = 'moved' OR row_number() OVER (PARTITION BY kind, e.stream_id ORDER BY e.position) = 1
    ORDER BY 2 LIMIT {MOST_DIFFERENCES}
"""

_NO_EVENT_FITS = f"""
    {_DIFFERENCES}
    SELECT position, stream_id, version, hash, prev_hash FROM was
    WHERE position NOT IN (SELECT was_position FROM fitting) ORDER BY 1 LIMIT {MOST_DIFFERENCES}
"""

_FITS_NO_LEAF = f"""
    {_DIFFERENCES}
    SELECT position, stream_id, version, event_id FROM now
    WHERE event_id NOT IN (SELECT event_id FROM fitting) ORDER BY ALL LIMIT {MOST_DIFFERENCES}
"""

_BEYOND = f"""
    {_DIFFERENCES}
    SELECT position, stream_id, version, event_id FROM events
    WHERE position > $last AND event_id NOT IN (SELECT event_id FROM fitting) ORDER BY position LIMIT {MOST_PAIRS}
"""

# Events past an anchor's position that stand before one that it covers, by the versions of their stream.
_PUT_BEFORE = f"""
    {_DIFFERENCES}
    SELECT e.position, e.stream_id, e.version, e.event_id FROM beyond AS e
    WHERE event_id NOT IN (SELECT event_id FROM fitting) AND version < (
        SELECT max(covered.version) FROM events AS covered
        WHERE covered.stream_id = e.stream_id AND covered.position <= $last
    ) ORDER BY ALL LIMIT {MOST_DIFFERENCES}
"""

_CONTENTS = """
    SELECT event_id, position, type, schema_version, recorded_at, valid_at, payload, metadata FROM events
    WHERE event_id IN (SELECT unnest($ids)) AND schema_version IS NOT NULL AND recorded_at IS NOT NULL
        AND valid_at IS NOT NULL
"""


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

_asked: WeakKeyDictionary[Evidence, Anchored] = WeakKeyDictionary()


def held_against_anchors(evidence: Evidence) -> Anchored:
    """The log against all anchors of the evidence, worked out once. In memory that doesn't grow with the log."""
    if evidence not in _asked:
        _asked[evidence] = _Comparison(evidence).result()
    return _asked[evidence]


class _Kept(NamedTuple):
    """An anchor as the evidence has it."""

    anchor: "Anchor"
    origins: frozenset[str]
    tokens: tuple[str, ...]
    leaves: str | None
    signature: Signature


class _Comparison:
    def __init__(self, evidence: Evidence) -> None:
        from esworkbench.event_store.anchors.keys import key_id_of

        self._evidence = evidence
        keys = evidence.rows("SELECT DISTINCT origin, key_id, public_key FROM public_keys")
        known = [(origin, key_id, bytes.fromhex(key)) for origin, key_id, key in keys]
        self._keys = {key_id: key for _, key_id, key in known if key_id_of(key) == key_id}
        self._key_origins = defaultdict(set)
        for origin, key_id, _ in known:
            self._key_origins[key_id].add(origin)
        self._kept = [self._read(row) for row in evidence.rows(_ANCHORS)]
        [(self._head,)] = evidence.rows("SELECT coalesce(max(position), 0) FROM events")
        self._quarrels: list[tuple[int, str]] = []
        self._unusable: list[int] = []

    def result(self) -> Anchored:
        verdicts = {each: self._verdict(each) for each in self._kept}
        fallen = {each: verdict for each, verdict in verdicts.items() if verdict.stands is False}
        self._look_for_quarrels(verdicts)
        contradiction = self._contradiction(verdicts, fallen) if fallen else None
        tokens = [(verdict, bytes.fromhex(token)) for each, verdict in verdicts.items() for token in each.tokens]
        return Anchored(list(verdicts.values()), contradiction, self._quarrels, self._unusable, tokens)

    def _read(self, row: tuple[Any, ...]) -> _Kept:
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
        return _Kept(anchor, frozenset(origins), tuple(sorted(tokens or ())), leaves, found)

    def _verdict(self, kept: _Kept) -> AnchorVerdict:
        from esworkbench.event_store.anchors.timestamps import is_over

        anchor = kept.anchor
        ours = self._is_of_this_log(kept)
        asked = kept.signature == "good" and ours
        return AnchorVerdict(
            position=anchor.position, count=anchor.count, anchored_at=anchor.anchored_at, digest=anchor.digest(),
            key_id=anchor.key_id, origins=sorted(kept.origins), signature=kept.signature,
            trusted=kept.signature == "good" and GIVEN in self._key_origins[anchor.key_id], of_this_log=ours,
            stands=self._roots[anchor.position] == (anchor.count, anchor.root) if asked else None,
            leaves_known=kept.leaves is not None,
            timestamped=any(is_over(bytes.fromhex(each), anchor.digested_bytes()) for each in kept.tokens),
        )  # fmt: skip

    @cached_property
    def _roots(self) -> Mapping[int, tuple[int, str]]:
        """How many events the log holds up to each anchor's position, and the root over them."""
        return self._roots_of(_LOG, [each.anchor.position for each in self._kept])

    def _roots_of(self, query: str, positions: Iterable[int], **given: Any) -> dict[int, tuple[int, str]]:
        due = sorted(set(positions), reverse=True)
        found: dict[int, tuple[int, str]] = {}
        frontier = Frontier()
        rows = self._evidence.connection().execute(query, {"last": due[0], **given})
        while due and (batch := rows.fetchmany(ROWS_AT_ONCE)):
            for position, stream_id, version, own in batch:
                while due and due[-1] < position:
                    found[due.pop()] = (frontier.count, frontier.root().hex())
                # Of an odd event no leaf can be made: it is none that was ever anchored.
                frontier.append(leaf_hash(Leaf(position, stream_id or "", version or 0, own or "")))
        return found | {position: (frontier.count, frontier.root().hex()) for position in due}

    @cached_property
    def _log_id(self) -> str | None:
        from esworkbench.event_store.anchors.anchor import log_id_of

        rows = self._evidence.rows(
            "SELECT position, stream_id, version, hash FROM events WHERE version IS NOT NULL AND hash IS NOT NULL "
            "ORDER BY ALL LIMIT 1"
        )
        return log_id_of(Leaf(*rows[0])) if rows else None

    def _is_of_this_log(self, kept: _Kept) -> bool:
        """By its first event; where that was changed, by its leaves, some of which must be events that stand here."""
        if kept.anchor.log_id == self._log_id:
            return True
        return kept.anchor.log_id in self._known_logs

    @cached_property
    def _known_logs(self) -> set[str]:
        changed = dict(
            self._evidence.rows("SELECT anchor, count(*) FROM leaves WHERE hash IS NOT NULL GROUP BY anchor")
        )
        of_leaves = {each.anchor.digest(): each.anchor.count for each in self._kept}
        return {
            each.anchor.log_id for each in self._kept
            if each.signature == "good" and each.leaves is not None
            and changed.get(each.leaves, 0) < of_leaves.get(each.leaves, 0)
        }  # fmt: skip

    def _look_for_quarrels(self, verdicts: Mapping[_Kept, AnchorVerdict]) -> None:
        """Anchors with good signatures that can't both be of one log, and those that don't follow upon each other."""
        mine = [each for each in self._kept if verdicts[each].stands is not None]
        for one, other in pairwise(mine):
            if one.anchor.position == other.anchor.position and one.anchor.root != other.anchor.root:
                self._quarrels.append((
                    one.anchor.position,
                    f"two anchors at position {one.anchor.position} have two roots, each with a valid signature, of "
                    f"the keys {one.anchor.key_id[:16]}… and {other.anchor.key_id[:16]}…: two histories were signed",
                ))  # fmt: skip
        standing = max((each.anchor.position for each in mine if verdicts[each].stands), default=0)
        for each in mine:
            if not verdicts[each].stands and each.anchor.position < standing:
                self._quarrels.append((
                    each.anchor.position,
                    f"the anchor at position {each.anchor.position} doesn't stand, and one at position {standing}, "
                    "which covers all that it covers, does: the log was anchored again after it was changed",
                ))  # fmt: skip
        from esworkbench.event_store.anchors.anchor import NO_PREVIOUS

        by_digest = {each.anchor.digest(): each for each in mine}
        outside = [each for each in mine if OUTSIDE in each.origins]
        for one, other in pairwise(outside):
            before = other.anchor.previous
            if one.anchor.digest() != before and one.anchor.position < other.anchor.position:
                known = "the one at position " + str(by_digest[before].anchor.position) if before in by_digest else (
                    "none" if before == NO_PREVIOUS else "one that isn't here"
                )  # fmt: skip
                self._quarrels.append((
                    other.anchor.position,
                    f"the anchor at position {other.anchor.position} names {known} as the one before it, not the one "
                    f"at position {one.anchor.position}: one was taken away or put there since",
                ))  # fmt: skip

    def _contradiction(
        self, verdicts: Mapping[_Kept, AnchorVerdict], fallen: Mapping[_Kept, AnchorVerdict]
    ) -> AnchorContradiction:
        lead = max(fallen, key=lambda each: self._worth(each, verdicts[each]))
        exact = lead.leaves is not None and self._leaves_hold(lead)
        differences, all_told = self._differences(lead) if exact else ([], False)
        standing = [each.anchor.position for each in self._kept if verdicts[each].stands]
        first = min(each.anchor.position for each in fallen)
        after = max((position for position in standing if position < first), default=0)
        divergence = min((each.position for each in differences), default=lead.anchor.position)
        own = {each for each in self._kept if each.origins & {STORE, OUTSIDE}}
        split = not own & fallen.keys() and any(
            verdicts[each].stands and each.anchor.position >= divergence for each in own
        )
        held, _ = self._roots[lead.anchor.position]
        return AnchorContradiction(
            anchors=list(fallen.values()), after=after, by=lead.anchor.position if exact else first,
            covered=lead.anchor.count, held=held, head=self._head, split=split, exact=exact, differences=differences,
            all_told=all_told, strength=max((self._strength(each) for each in fallen), key=_STRENGTHS.index),
            cut_after=self._cut_after(lead.anchor.position, differences) if all_told else None,
        )  # fmt: skip

    def _cut_after(self, last: int, differences: Sequence[LeafDifference]) -> int | None:
        """The last position up to an anchor's that holds what it held, where everything after it is gone, and events of
        other streams stand there. A few events at the end may have been edited one by one."""
        others = {each.position for each in differences if each.kind in ("edited", "inserted")}
        [(stands,)] = self._evidence.rows(
            "SELECT coalesce(max(position), 0) FROM events "
            "WHERE position <= $last AND position NOT IN (SELECT unnest($others::BIGINT[]))",
            last=last, others=sorted(others),
        )  # fmt: skip
        was = [each for each in differences if each.was and each.was.position > stands]
        gone = {each.position for each in was if each.kind in ("missing", "edited")}
        of_others = {each.position for each in differences if each.kind == "inserted"} & gone
        return stands if len(gone) == len(was) >= FEWEST_CUT_OFF and of_others else None

    def _worth(self, kept: _Kept, verdict: AnchorVerdict) -> tuple[int, bool, int]:
        """Of the anchors that don't stand, the one to go by: by its key, by what it tells, by how much it covers."""
        return _STRENGTHS.index(self._strength(kept)), kept.leaves is not None, kept.anchor.position

    def _strength(self, kept: _Kept) -> Strength:
        """What a valid signature proves, by who could have written it.

        Without a trusted key it is the word of whoever could write where the anchor and its key lie: in one place, or
        in the database and outside of it.
        """
        if GIVEN in self._key_origins[kept.anchor.key_id]:
            return "proven"
        places = set(self._key_origins[kept.anchor.key_id])
        for each in self._kept:
            if each.signature == "good" and each.anchor.key_id == kept.anchor.key_id:
                places |= each.origins
        return "likely" if {STORE, OUTSIDE} <= places else "possible"

    def _leaves_hold(self, lead: _Kept) -> bool:
        """Whether the leaves that are kept lead to the anchor's root: or they are somebody's say."""
        last = lead.anchor.position
        roots = self._roots_of(_ANCHORED, [last], leaves=lead.leaves)
        holds = roots[last] == (lead.anchor.count, lead.anchor.root)
        if not holds:
            self._unusable.append(last)
        return holds

    def _differences(self, lead: _Kept) -> tuple[list[LeafDifference], bool]:
        """What differs, in order of position, and whether that is all. Of what was only hashed again, the first of each
        stream is told."""
        given = {"leaves": lead.leaves, "last": lead.anchor.position, "genesis": GENESIS}
        found = [
            LeafDifference(kind, position, stream_id, version, event_id, Leaf(*was))
            for kind, position, stream_id, version, event_id, *was in self._evidence.rows(_FITTING, **given)
        ]
        leaves = {row[0]: (Leaf(*row[:4]), row[4]) for row in self._evidence.rows(_NO_EVENT_FITS, **given)}
        events = self._evidence.rows(_FITS_NO_LEAF, **given)
        rest = list(self._told_apart(leaves, [event for event in events if event[3] is not None]))
        gone = {each.position: leaves[each.position] for each in rest if each.kind == "missing"}
        beyond = list(self._moved_beyond(gone, given))
        placed = {each.was.position for each in beyond if each.was}
        rest = [*beyond, *(each for each in rest if each.kind != "missing" or each.position not in placed)]
        all_told = max(len(found), len(leaves), len(events)) < MOST_DIFFERENCES
        told = sorted([*found, *rest], key=lambda each: each.position)
        known = {each.event_id for each in told}
        put_before = [
            LeafDifference("inserted", position, stream_id, version, event_id, None)
            for position, stream_id, version, event_id in self._evidence.rows(_PUT_BEFORE, **given)
            if event_id not in known
        ]  # fmt: skip
        return sorted([*_without_later_ones(told), *put_before], key=lambda each: each.position), all_told

    def _told_apart(
        self, leaves: Mapping[int, tuple[Leaf, str | None]], events: Sequence[tuple[Any, ...]]
    ) -> Iterator[LeafDifference]:
        """Events that stand far from where they did, and what is left: edited, missing, inserted."""
        moved = self._moved(leaves, [event_id for *_, event_id in events])
        placed = {leaf.position for leaf in moved.values()}
        for position, stream_id, version, event_id in events:
            leaf, _ = leaves.get(position, (None, None))
            if event_id in moved:
                yield LeafDifference("moved", position, stream_id, version, event_id, moved[event_id])
            elif leaf is not None and leaf.stream_id == stream_id and position not in placed:
                yield LeafDifference("edited", position, stream_id, version, event_id, leaf)
                placed.add(position)
            else:
                yield LeafDifference("inserted", position, stream_id, version, event_id, None)
        for position, (leaf, _) in leaves.items():
            if position not in placed:
                yield LeafDifference("missing", position, leaf.stream_id, leaf.version, None, leaf)

    def _moved_beyond(
        self, gone: Mapping[int, tuple[Leaf, str | None]], given: Mapping[str, Any]
    ) -> Iterator[LeafDifference]:
        """Events past the anchor's position that stood before it: what is pushed over an edge isn't gone."""
        events = {row[3]: row for row in self._evidence.rows(_BEYOND, **given)} if gone else {}
        for event_id, leaf in self._moved(gone, list(events)).items():
            position, stream_id, version, _ = events[event_id]
            yield LeafDifference("moved", position, stream_id, version, event_id, leaf)

    def _moved(self, leaves: Mapping[int, tuple[Leaf, str | None]], ids: Sequence[str]) -> dict[str, Leaf]:
        """By event id, the leaf that a content fits which now stands at another position."""
        if not leaves or len(leaves) * len(ids) > MOST_PAIRS:
            return {}
        found: dict[str, Leaf] = {}
        for event_id, _, type_, shape, recorded, valid, payload, metadata in self._evidence.rows(_CONTENTS, ids=ids):
            for leaf, previous in leaves.values():
                if previous and leaf.hash == event_hash(
                    previous, leaf.stream_id, leaf.version, event_id, type_, shape, recorded, valid, payload.encode(),
                    metadata.encode(),
                ):  # fmt: skip
                    found[event_id] = leaf
        return found


def _without_later_ones(differences: list[LeafDifference]) -> list[LeafDifference]:
    """Without the events that came after the anchor's position and stand before it now, since what came before them was
    taken out and the rest moved up: of those it says nothing."""
    moved = [each for each in differences if each.kind == "moved" and each.was]
    end = max(moved, key=lambda each: each.was.position if each.was else 0, default=None)
    if end is None or end.was is None or end.was.position <= end.position:
        return differences
    later = [each for each in differences if each.kind == "inserted" and each.position > end.position]
    gone = sum(each.kind == "missing" for each in differences)
    put_in = sum(each.kind == "inserted" for each in differences) - len(later)
    return [each for each in differences if each not in later] if len(later) <= gone - put_in else differences


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


_STRENGTHS: Sequence[Strength] = ("possible", "likely", "proven")


def in_words(found: LeafDifference) -> str:
    """A difference in a sentence."""
    was = found.was
    then = f"version {was.version} of {was.stream_id}" if was else ""
    if found.kind == "missing":
        return f"{then}, anchored at position {found.position}, is gone"
    if found.kind == "inserted":
        return f"an event of {found.stream_id} stands at position {found.position}, where none was anchored"
    if found.kind == "moved" and was is not None:
        return (
            f"the event at position {found.position}, version {found.version} of {found.stream_id}, was anchored as "
            f"{then} at position {was.position}"
        )
    if found.kind == "hashed_again":
        return (
            f"from position {found.position} on, {found.stream_id} bears other hashes than were anchored, over the "
            f"same content: what stands before {then} was changed"
        )
    return f"{then} at position {found.position} is another event than was anchored there"


def range_in_words(apart: AnchorContradiction) -> str:
    """That the log differs somewhere between two anchors, and what their counts say of it."""
    words = f"the log isn't what was anchored: it parts from that after position {apart.after} and up to {apart.by}"
    if apart.held < apart.covered:
        words += f", where it holds {apart.covered - apart.held:,} events fewer"
    elif apart.held > apart.covered:
        words += f", where it holds {apart.held - apart.covered:,} events more"
    if apart.exact:
        return f"{words}; so many events differ that only the first are listed"
    return f"{words}; which events differ their leaves would tell, which are not here"


def left_open(anchored: Anchored, head: int) -> list[str]:
    """What nothing here can show, in sentences."""
    if not anchored.anchors:
        return [
            "no anchor kept elsewhere was given: a cut-off tail, or a history rewritten and rehashed as a whole, "
            "can't be excluded"
        ]
    said = []
    for signature, words in (
        ("bad", "doesn't bear the signature of its key, so it is nobody's word"),
        ("unknown_key", "is signed with a key whose public half isn't here, so it proves nothing: add it with --key"),
    ):
        places = [each.position for each in anchored.anchors if each.signature == signature]
        said += [f"the anchor at position {_listed(places)} {words}"] if places else []
    foreign = [each.position for each in anchored.anchors if each.signature == "good" and not each.of_this_log]
    if foreign:
        said.append(
            f"the anchor at position {_listed(foreign)} is of a log that begins with another event, so nothing was "
            "held against it: it belongs to another store, or all of this log was replaced"
        )
    asked = anchored.asked
    if not asked:
        return [*said, "no anchor here could be used: a cut-off tail or a rehashed history can't be excluded"]
    strangers = sorted({each.key_id[:16] for each in asked if not each.trusted})
    if strangers:
        said.append(
            f"who signed with the key {', '.join(f'{each}…' for each in strangers[:4])}: its public half lies beside "
            "the store, where whoever forges an anchor lays the key too; bring it from its owner (`evidence add --key`)"
        )
    if not any(each.trusted for each in asked):
        said.append("that the log wasn't replaced together with its anchors: none is signed with a key you brought")
    untimed = [each.position for each in asked if not each.timestamped]
    if untimed:
        said.append(
            "whether whoever holds the signing key signed another history before: only a timestamp of a third party "
            f"(RFC 3161) would show it, and the anchor at position {_listed(untimed)} has none"
        )
    last = max(each.position for each in asked)
    if last < head:
        said.append(f"what came after the last anchor: positions {last + 1} to {head} are covered by none")
    elif last >= head:
        said.append(f"what was cut off after the last anchor, at position {last}, if anything was")
    if anchored.unusable_leaves:
        said.append(
            f"which events were changed before position {_listed(anchored.unusable_leaves)}: the leaves kept with that "
            "anchor don't lead to its root"
        )
    return said


def _listed(positions: Sequence[int]) -> str:
    shown = [str(each) for each in sorted(set(positions))]
    return ", ".join(shown if len(shown) <= 4 else [*shown[:3], f"… ({len(shown)} in all)"])
