"""Events whose content doesn't match the hash stored beside it, and what else their content would match.

The stored hash is a witness of the bytes that were written. Another place in the log (the event was moved there, copied
from there, or its stream was numbered anew), another id, or another spelling of the same JSON (a serializer wrote it
again) may fit it; where nothing does, the content was edited.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import permutations
from typing import NamedTuple

from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.spellings import PLAIN, STYLES, Keys, Style, keys_of, spellings
from esworkbench.forensics.verify import Break

MISSES_AT_MOST = 100
"""After so many events that no style fits, the serializer is one we don't know, and trying on would only take time."""

PLACES_AT_MOST = 50
"""With more failing events than this in a stream, they weren't moved about by hand."""

SHIFT_AT_MOST = 1_000
"""So many events, deleted or put in between, by which the later versions of a stream are tried."""

SHIFTS_KNOWN = 10

NEAR = (-3, -2, -1, 1, 2, 3)
"""The shifts that are tried on every event, where so many fail that trying all would only take time."""

IDS_AT_MOST = 50
"""With more ids than this that no event bears, or that failing ones do, nobody exchanged them one by one."""

STREAMS_AT_MOST = 1_000
STREAM_TRIES_AT_MOST = 100_000
"""So many other streams, and so many hashes each time, to find the one that a stretch of events was taken from."""

SAMPLE_OF_A_TYPE = 100

TRIED_OF_A_STREAM = 3
"""A stream renamed fails in every event, so a few of them stand for it; some may have been edited as well."""

KEYS_AT_MOST = 6
TRIES_AT_MOST = 5
"""Six keys have 720 orders: tried on a few events of each set, since one may have been edited as well."""

_CONTENT = """
    SELECT position, stream_id, version, event_id, type, schema_version, recorded_at, valid_at, payload, metadata,
        prev_hash, hash
    FROM events WHERE position IN (SELECT unnest($positions)) AND hash IS NOT NULL
        AND schema_version IS NOT NULL AND recorded_at IS NOT NULL AND valid_at IS NOT NULL
        AND regexp_full_match(prev_hash, '[0-9a-f]{64}')
    ORDER BY position
"""

_ORIGINALS = """
    SELECT hash, stream_id, version, type, schema_version, payload FROM events
    WHERE hash IN (SELECT unnest($hashes)) AND position NOT IN (SELECT unnest($positions)) ORDER BY position
"""

_NAMED = "SELECT stream_id, version, prev_hash FROM events WHERE prev_hash IN (SELECT unnest($hashes))"

_IDS_OF_ROWS = """
    SELECT DISTINCT position, event_id FROM assertions
    WHERE kind = 'running' AND event_id IS NOT NULL AND position IN (SELECT unnest($positions)) ORDER BY ALL
"""

_IDS_LOST = """
    SELECT DISTINCT event_id FROM assertions WHERE kind = 'running' AND event_id IS NOT NULL
        AND event_id NOT IN (SELECT event_id FROM events)
    UNION SELECT causation_id FROM events WHERE causation_id NOT IN (SELECT event_id FROM events)
    ORDER BY 1 LIMIT $most
"""

_ORDERS = """
    SELECT DISTINCT json_keys({column}) FROM events
    WHERE json_valid({column}) AND position NOT IN (SELECT unnest($positions))
"""

_SUCCESSORS = """
    SELECT DISTINCT hash, stream_id, version + 1 FROM events WHERE hash IN (SELECT unnest($hashes))
    UNION SELECT $genesis, stream_id, 1 FROM events GROUP BY stream_id HAVING min(version) > 1
"""

_ACCOUNTS_CLAIMED = """
    SELECT DISTINCT account FROM assertions WHERE account NOT IN (SELECT account FROM postings) ORDER BY 1 LIMIT $most
"""

_FIELDS_OF_ACCOUNTS = """
    WITH sample AS (
        SELECT type, payload FROM events WHERE position IN (
            SELECT unnest(positions) FROM (SELECT min(position, $sample) AS positions FROM events GROUP BY type)
        ) AND json_valid(payload)
    ), fields AS (SELECT type, payload, unnest(json_keys(payload)) AS field FROM sample)
    SELECT DISTINCT type, field FROM fields
    WHERE NOT contains(field, '"')
      AND json_extract_string(payload, '$."' || field || '"') IN (SELECT account FROM postings)
    ORDER BY ALL
"""

_ACCOUNTS_NAMED = """
    SELECT DISTINCT json_extract_string(payload, $field) AS account FROM events
    WHERE type = $type AND json_valid(payload) AND account NOT IN (SELECT account FROM postings)
    ORDER BY 1 LIMIT $most
"""

Place = tuple[str, int]
"""A stream and a version."""


class FailingHash(NamedTuple):
    """An event whose content doesn't hash to what is stored; ``linked``: its successor still names the stored hash.

    ``home`` is another place in the log at which the content does; ``is_copy``: the event that was hashed there still
    stands there. ``id_then`` is another event id with which it does. ``respelled``: the same JSON, written with other
    spaces, escapes or order of keys, does. ``named``: its successor names what the content hashes to, and not what is
    stored, so that the stored hash is what is wrong.
    """

    position: int
    stream_id: str
    version: int
    event_id: str
    linked: bool
    home: Place | None = None
    respelled: bool = False
    is_copy: bool = False
    id_then: str | None = None
    named: bool = False


class _Content(NamedTuple):
    position: int
    stream_id: str
    version: int
    event_id: str
    type: str
    schema_version: int
    recorded_at: datetime
    valid_at: datetime
    payload: str
    metadata: str
    prev_hash: str
    hash: str

    def fits(
        self,
        place: Place | None = None,
        payload: str | None = None,
        metadata: str | None = None,
        event_id: str | None = None,
    ) -> bool:
        """Whether this content, at that place, spelled so or under that id, hashes to what is stored."""
        return self.hashed(place, payload, metadata, event_id) == self.hash

    def hashed(
        self, place: Place | None = None, payload: str | None = None, metadata: str | None = None,
        event_id: str | None = None,
    ) -> str:  # fmt: skip
        """What it hashes to so."""
        stream_id, version = place or (self.stream_id, self.version)
        return event_hash(
            self.prev_hash, stream_id, version, event_id or self.event_id, self.type, self.schema_version,
            self.recorded_at, self.valid_at, (self.payload if payload is None else payload).encode(),
            (self.metadata if metadata is None else metadata).encode(),
        )  # fmt: skip


def failing_hashes(evidence: Evidence, breaks: Sequence[Break]) -> list[FailingHash]:
    """Every event whose hash can't be recomputed from its content, in order of position."""
    cut = {(each.stream_id, each.version) for each in breaks if each.kind == "link"}
    failing = [
        FailingHash(each.position or 0, each.stream_id or "", each.version or 0, each.event_id or "",
                    (each.stream_id, (each.version or 0) + 1) not in cut)
        for each in breaks if each.kind == "content"
    ]  # fmt: skip
    if not failing:
        return []
    positions = [event.position for event in failing]
    contents = [_Content(*row) for row in evidence.rows(_CONTENT, positions=positions)]
    copies = _copies(evidence, contents, positions)
    homes = _homes(evidence, [each for each in contents if each.position not in copies])
    homes |= _of_other_streams(evidence, [each for each in contents if each.position not in copies], homes, breaks)
    homes |= _shifted([each for each in contents if each.position not in copies], homes)
    rest = [each for each in contents if each.position not in homes and each.position not in copies]
    ids = _ids_then(evidence, rest)
    unlinked = {event.position for event in failing if not event.linked}
    named = _named(evidence, [each for each in rest if each.position in unlinked])
    respelled = set(_respelled(evidence, [each for each in rest if each.position not in ids], positions))
    return [
        event._replace(
            home=copies.get(event.position) or homes.get(event.position), respelled=event.position in respelled,
            is_copy=event.position in copies, id_then=ids.get(event.position), named=event.position in named,
        )
        for event in failing
    ]  # fmt: skip


def _copies(evidence: Evidence, contents: Sequence[_Content], failing: Sequence[int]) -> dict[int, Place]:
    """By position, the place of the event that another one repeats, hash and all: two events never share a hash, so the
    one that it fits is the original, under whatever id and times the copy stands."""
    originals: dict[str, list[tuple[Place, tuple[str, int, str]]]] = {}
    hashes = [each.hash for each in contents]
    for own, stream_id, version, *content in evidence.rows(_ORIGINALS, hashes=hashes, positions=failing):
        originals.setdefault(own, []).append(((stream_id, version), (content[0], content[1], content[2])))
    return {
        each.position: place
        for each in contents
        for place, content in originals.get(each.hash, [])[:1]
        if content == (each.type, each.schema_version, each.payload)
    }


def _named(evidence: Evidence, contents: Sequence[_Content]) -> set[int]:
    """Positions of events whose content hashes to what the next event of their stream names."""
    if not contents:
        return set()
    computed = {each.position: each.hashed() for each in contents}
    named = {tuple(row) for row in evidence.rows(_NAMED, hashes=list(computed.values()))}
    return {each.position for each in contents if (each.stream_id, each.version + 1, computed[each.position]) in named}


def _shifted(contents: Iterable[_Content], homes: dict[int, Place]) -> dict[int, Place]:
    """By position, the version of its own stream that an event was hashed as, where the stream was numbered anew.

    A shift that fitted one event is the first to be tried on the next.
    """
    found: dict[int, Place] = {}
    known: list[int] = []
    misses = 0
    for each in contents:
        if (home := homes.get(each.position)) is not None:
            if home[0] == each.stream_id and (shift := home[1] - each.version) not in known:
                known.insert(0, shift)
            continue
        every = sorted(range(-SHIFT_AT_MOST, SHIFT_AT_MOST + 1), key=abs)[1:] if misses < MISSES_AT_MOST else NEAR
        for shift in dict.fromkeys([*known, *every]):
            place = (each.stream_id, each.version + shift)
            if place[1] > 0 and each.fits(place):
                found[each.position] = place
                known = [shift, *(one for one in known if one != shift)][:SHIFTS_KNOWN]
                break
        else:
            misses += 1
    return found


def _of_other_streams(
    evidence: Evidence, contents: Iterable[_Content], homes: dict[int, Place], breaks: Sequence[Break]
) -> dict[int, Place]:
    """By position, the place in another stream that an event was hashed at, where a stretch of events, or the whole of
    a stream, bears another stream's id now.

    Few events of each stream are tried; what fits one of them is tried on all the others.
    """
    known: dict[str, list[tuple[str, int]]] = {}
    rest: dict[str, list[_Content]] = {}
    for each in contents:
        home = homes.get(each.position)
        if home is None:
            rest.setdefault(each.stream_id, []).append(each)
        elif home[0] != each.stream_id:
            known.setdefault(each.stream_id, []).append((home[0], home[1] - each.version))
    found: dict[int, Place] = {}
    for stream_id, moves in known.items():
        found |= _moved_alike(rest.get(stream_id, ()), moves)
    broken = list(dict.fromkeys(each.stream_id for each in breaks if each.stream_id))[:STREAMS_AT_MOST]
    for lost in (None, _accounts_claimed, _accounts_named):
        unplaced = {
            stream_id: left for stream_id, events in rest.items()
            if (left := [each for each in events if each.position not in found])
            and (lost is None or any(each.prev_hash == GENESIS for each in left))
        }  # fmt: skip
        if not unplaced:
            continue
        accounts = lost(evidence) if lost else []
        tries = STREAM_TRIES_AT_MOST
        for stream_id, left in unplaced.items():
            roots = [1 - each.version for each in left if each.prev_hash == GENESIS]
            names = [_in_category(stream_id, account) for account in accounts] if lost else broken
            moves = [(name, shift) for name in names if name != stream_id for shift in dict.fromkeys([0, *roots[:1]])]
            for each in left[:TRIED_OF_A_STREAM]:
                if (tries := tries - len(moves)) < 0:
                    break
                if fitting := _moved_alike([each], moves):
                    home = fitting[each.position]
                    found |= _moved_alike(left, [(home[0], home[1] - each.version)])
                    break
    return found


def _moved_alike(contents: Iterable[_Content], moves: Sequence[tuple[str, int]]) -> dict[int, Place]:
    """By position, the first place that an event fits of those to which the moves, a stream and a shift of the version,
    take it."""
    found: dict[int, Place] = {}
    for each in contents:
        for stream_id, shift in dict.fromkeys(moves):
            if each.fits((stream_id, each.version + shift)):
                found[each.position] = (stream_id, each.version + shift)
                break
    return found


def _accounts_claimed(evidence: Evidence) -> list[str]:
    """Accounts that a claim names, and nothing is posted on any more."""
    return [account for (account,) in evidence.rows(_ACCOUNTS_CLAIMED, most=STREAMS_AT_MOST)]


def _accounts_named(evidence: Evidence) -> list[str]:
    """The same of payloads, such as a transfer's other side: of fields in which the first events of a type name an
    account that there is."""
    return [
        account for type_, field in evidence.rows(_FIELDS_OF_ACCOUNTS, sample=SAMPLE_OF_A_TYPE)
        for (account,) in evidence.rows(_ACCOUNTS_NAMED, type=type_, field=f'$."{field}"', most=STREAMS_AT_MOST)
    ]  # fmt: skip


def _in_category(stream_id: str, account: str) -> str:
    category, dash, _ = stream_id.partition("-")
    return f"{category}-{account}" if dash else account


def _ids_then(evidence: Evidence, contents: Sequence[_Content]) -> dict[int, str]:
    """By position, the id that an event was hashed with, where that can be found: a row or an effect still names it, or
    another event that fails bears it now."""
    if not contents:
        return {}
    lost = [event_id for (event_id,) in evidence.rows(_IDS_LOST, most=IDS_AT_MOST + 1)]
    borne = [each.event_id for each in contents]
    ids = [*(lost if len(lost) <= IDS_AT_MOST else ()), *(borne if len(borne) <= IDS_AT_MOST else ())]
    of_rows: dict[int, list[str]] = {}
    for position, event_id in evidence.rows(_IDS_OF_ROWS, positions=[each.position for each in contents]):
        of_rows.setdefault(position, []).append(event_id)
    found: dict[int, str] = {}
    for number, each in enumerate(contents):
        tried = [*of_rows.get(each.position, ()), *(ids if number < MISSES_AT_MOST else ())]
        fitting = next((one for one in tried if one != each.event_id and each.fits(event_id=one)), None)
        if fitting is not None:
            found[each.position] = fitting
    return found


def _homes(evidence: Evidence, contents: Iterable[_Content]) -> dict[int, Place]:
    """By position, where else an event's content fits: after the event whose hash it names as its predecessor's, or at
    the place of another event of its stream that fails."""
    contents = list(contents)
    beside: dict[str, list[Place]] = {}
    for each in contents:
        beside.setdefault(each.stream_id, []).append((each.stream_id, each.version))
    after: dict[str, list[Place]] = {}
    hashes = list({each.prev_hash for each in contents})
    for previous, stream_id, version in evidence.rows(_SUCCESSORS, hashes=hashes, genesis=GENESIS):
        after.setdefault(previous, []).append((stream_id, version))
    found: dict[int, Place] = {}
    for each in contents:
        near = beside[each.stream_id]
        for place in (*after.get(each.prev_hash, ()), *(near if len(near) <= PLACES_AT_MOST else ())):
            if place != (each.stream_id, each.version) and each.fits(place):
                found[each.position] = place
    return found


def _respelled(evidence: Evidence, contents: Iterable[_Content], failing: Sequence[int]) -> Iterator[int]:
    orders: dict[frozenset[str], list[Keys]] = {}
    for column in ("payload", "metadata"):
        for (keys,) in evidence.rows(_ORDERS.format(column=column), positions=failing):
            orders.setdefault(frozenset(keys), []).append(tuple(keys))
    styles, misses, hits = list(STYLES), 0, 0
    tried: Counter[frozenset[str]] = Counter()
    for each in contents:
        style = _style_of(each, styles, orders) or _style_of_any_order(each, orders, tried)
        if style is not None:
            styles.remove(style)
            styles.insert(0, style)  # one serializer wrote them all: try what fitted first
            hits += 1
            yield each.position
        elif not hits and (misses := misses + 1) > MISSES_AT_MOST:
            return


def _style_of(content: _Content, styles: Iterable[Style], orders: dict[frozenset[str], list[Keys]]) -> Style | None:
    for style in styles:
        payloads = list(spellings(content.payload, style, orders))
        metadatas = list(spellings(content.metadata, style, orders))
        pairs = [
            *((payload, None) for payload in payloads),
            *((None, metadata) for metadata in metadatas),
            *((payload, metadata) for payload in payloads for metadata in metadatas),
        ]
        if any(content.fits(payload=payload, metadata=metadata) for payload, metadata in pairs):
            return style
    return None


def _style_of_any_order(
    content: _Content, orders: dict[frozenset[str], list[Keys]], tried: Counter[frozenset[str]]
) -> Style | None:
    """The style of the payload in any order of its keys; the order is remembered for all that have the same keys."""
    keys = keys_of(content.payload)
    names = frozenset(keys)
    tried[names] += 1
    if len(names) > KEYS_AT_MOST or tried[names] > TRIES_AT_MOST:
        return None
    for order in permutations(keys):
        for style in PLAIN:
            if any(content.fits(payload=text) for text in spellings(content.payload, style, {names: [order]})):
                orders.setdefault(names, []).append(order)
                return style
    return None
