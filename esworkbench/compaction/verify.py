"""Whether a compacted log says what the old one says: every event held against the one it was made from.

The comparison reads both logs anew and shares no code with the copying but the reading of old shapes, which is the one
thing the two logs are meant to agree on.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import select

from esworkbench.compaction.record import (
    BatchCompacted,
    CompactionRecord,
    LogCompacted,
    StreamHead,
    StreamHeadsRecorded,
    decode_entry,
    digest_of,
    first_event,
    is_record_entry,
    place_of,
    stream_heads,
)
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.schema import idempotency_keys
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology import (
    LatestShape,
    ShapedEvent,
    decode_metadata,
    decode_payload,
    same_event,
)

READ_AT_ONCE = 1000
ENOUGH_PROBLEMS = 20

Fold = Callable[[Sequence[ShapedEvent]], Any]
"""Folds one stream's events, in today's shape, to a state that can be compared."""


class CompactionCheck(NamedTuple):
    """``problems`` is empty when the logs agree; the search ends at 20. ``dropped`` are the ids of events left out."""

    events_read: int
    events_written: int
    streams: int
    dropped: list[str]
    problems: list[str]


def verify_compaction(
    old: EventStore, new: EventStore, latest_shape: LatestShape, *, fold: Fold | None = None
) -> CompactionCheck:
    """Hold a finished compaction against the log it was made from; neither is written to, and no log is held in memory.

    Event by event, in the old order: what the old one is read as equals what the new one stores, and id, stream,
    ``valid_at``, metadata and origin are the old one's. Then nothing else came in before the end; the recorded stream
    heads, and the digest over them, are what the old log has; every idempotency key is there; and the old log has not
    grown since. That makes every fold equal. With ``fold`` it is shown: each stream is folded on both sides as well.

    What was appended to the new log after the end of the compaction is its own life, and not looked at. Raises
    UnusableInput when the new store holds no finished compaction of this log.
    """
    record = CompactionRecord(new, first_event(old))
    sealed = record.last()
    if not isinstance(sealed, LogCompacted):
        raise UnusableInput(f"{place_of(new)} holds no finished compaction of {place_of(old)}: run compact to its end")
    copied = _Copied(new, record.stream_id)
    problems: list[str] = []
    dropped: list[str] = []
    read = 0
    for recorded in _events(old, up_to=sealed.head_position):
        shaped = [_stored(recorded)] if is_record_entry(recorded) else list(latest_shape(recorded))
        problems += _differences(recorded, shaped, list(islice(copied, len(shaped))))
        dropped += [] if shaped else [recorded.event_id]
        read += 1
        if len(problems) >= ENOUGH_PROBLEMS:
            break
    else:
        problems += [f"{extra.event_id} at new position {extra.global_position} is no copy" for extra in copied]
        problems += _record_problems(old, sealed, read, dropped, copied)
        problems += _key_problems(old, new)
        if fold is not None:
            problems += _fold_problems(old, new, sealed.head_position, latest_shape, fold)
    return CompactionCheck(read, copied.read, sealed.streams, dropped, problems[:ENOUGH_PROBLEMS])


class _Copied:
    """The copied events of the new log, in order; what its record says is taken down on the way."""

    def __init__(self, new: EventStore, record_stream: str) -> None:
        self.read = 0
        self.heads: list[StreamHead] = []
        self.dropped: list[str] = []
        self._events = self._up_to_the_seal(new, record_stream)

    def __iter__(self) -> Iterator[RecordedEvent]:
        return self._events

    def _up_to_the_seal(self, new: EventStore, record_stream: str) -> Iterator[RecordedEvent]:
        for recorded in _events(new):
            if recorded.stream_id != record_stream:
                self.read += 1
                yield recorded
                continue
            entry = decode_entry(recorded)
            if isinstance(entry, StreamHeadsRecorded):
                self.heads += entry.heads
            elif isinstance(entry, BatchCompacted):
                self.dropped += entry.dropped
            elif isinstance(entry, LogCompacted):
                return


def _events(store: EventStore, *, up_to: int | None = None) -> Iterator[RecordedEvent]:
    position = 0
    while batch := store.read_all(after=position, limit=READ_AT_ONCE):
        for recorded in batch:
            if up_to is not None and recorded.global_position > up_to:
                return
            yield recorded
        position = batch[-1].global_position


def _stored(recorded: RecordedEvent) -> ShapedEvent:
    return ShapedEvent(recorded.event_type, recorded.schema_version, decode_payload(recorded))


def _differences(old: RecordedEvent, shaped: list[ShapedEvent], copies: list[RecordedEvent]) -> list[str]:
    """What a stored copy has otherwise than the event it was made from; one sentence each."""
    where = f"{old.event_type} {old.event_id} at old position {old.global_position}"
    if len(copies) < len(shaped):
        return [f"{where} has {len(copies)} copies, not {len(shaped)}"]
    found = []
    for part, (expected, copy) in enumerate(zip(shaped, copies, strict=True), start=1):
        stored = _stored(copy)
        if not same_event(expected, stored):
            found.append(f"{where}: its event is {stored!r} in the copy, not {expected!r}")
        pairs = {
            "event id": (old.event_id if part == 1 else f"{old.event_id}#{part}", copy.event_id),
            "stream": (old.stream_id, copy.stream_id),
            "valid_at": (old.valid_at, copy.valid_at),
            "metadata": (_own_metadata(old), _own_metadata(copy)),
            "origin": (_origin(old), _claimed_origin(copy)),
        }
        for what, (here, there) in pairs.items():
            if here != there:
                found.append(f"{where}: its {what} is {there!r} in the copy, not {here!r}")
    return found


def _own_metadata(recorded: RecordedEvent) -> dict[str, Any]:
    metadata = decode_metadata(recorded)
    return {key: value for key, value in metadata.items() if key not in ("compacted_from", "schema_version")}


def _origin(old: RecordedEvent) -> tuple[Any, ...]:
    return old.global_position, old.version, old.schema_version, moment_text(old.recorded_at), old.hash


def _claimed_origin(copy: RecordedEvent) -> tuple[Any, ...]:
    claimed = decode_metadata(copy).get("compacted_from", {})
    return tuple(claimed.get(name) for name in ("position", "version", "schema_version", "recorded_at", "hash"))


def _record_problems(
    old: EventStore, sealed: LogCompacted, read: int, dropped: list[str], copied: _Copied
) -> Iterator[str]:
    streams, digest = digest_of(stream_heads(old.engine, sealed.head_position))
    if (streams, digest) != (sealed.streams, sealed.heads_digest):
        yield f"the old log's {streams} stream heads have the digest {digest}, not {sealed.heads_digest} as recorded"
    if digest_of(copied.heads) != (sealed.streams, sealed.heads_digest):
        yield f"the {len(copied.heads)} stream heads in the record are not those its digest covers"
    counted = (read, copied.read, len(dropped))
    if counted != (sealed.events_read, sealed.events_written, sealed.events_dropped) or dropped != copied.dropped:
        yield f"read, written and dropped are {counted}, which is not what the record says, or not which events"
    head = old.head_position()
    if head > sealed.head_position:
        yield (
            f"the old log has grown from position {sealed.head_position} to {head} since it was compacted: "
            "stop its writers, and compact it into a new store"
        )


def _key_problems(old: EventStore, new: EventStore) -> Iterator[str]:
    columns = idempotency_keys.c
    with old.engine.connect() as before, new.engine.connect() as after:
        streaming = before.execution_options(stream_results=True, yield_per=READ_AT_ONCE)
        for keys in streaming.execute(select(idempotency_keys)).partitions():
            names = [key.idempotency_key for key in keys]
            found = after.execute(select(idempotency_keys).where(columns.idempotency_key.in_(names)))
            carried = {tuple(key) for key in found}
            for key in keys:
                if tuple(key) not in carried:
                    yield f"the idempotency key {key.idempotency_key!r} is not in the new store as it was in the old"


def _fold_problems(old: EventStore, new: EventStore, cut: int, latest_shape: LatestShape, fold: Fold) -> Iterator[str]:
    for stream_id, version, _ in stream_heads(old.engine, cut):
        events = old.read_stream(stream_id, up_to_version=version)
        if any(is_record_entry(recorded) for recorded in events):
            continue
        shaped = [each for recorded in events for each in latest_shape(recorded)]
        copies = new.read_stream(stream_id, up_to_version=len(shaped))
        if fold(shaped) != fold([_stored(copy) for copy in copies]):
            yield f"stream {stream_id!r} folds to another state in the new log"
