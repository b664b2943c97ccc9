"""The copying itself: by position, batch after batch, each event as today's code reads it."""

from collections.abc import Sequence
from itertools import groupby, islice

from sqlalchemy import bindparam, select, text

from esworkbench.compaction.record import (
    HEADS_IN_ONE_EVENT,
    BatchCompacted,
    CompactionBegun,
    CompactionRecord,
    LogCompacted,
    StreamHeadsRecorded,
    digest_of,
    first_event,
    is_record_entry,
    place_of,
    stream_heads,
    under_way,
)
from esworkbench.errors import UnusableInput
from esworkbench.event_store import ANY_VERSION, EventStore, StreamAppend, write_transaction
from esworkbench.event_store.columns import UtcMoment, moment_text
from esworkbench.event_store.schema import idempotency_keys
from esworkbench.events import NewEvent, RecordedEvent
from esworkbench.upcasters.archaeology import (
    LatestShape,
    ShapedEvent,
    decode_metadata,
    decode_payload,
    encode_payload,
    same_event,
)

KEYS_AT_ONCE = 1000
CARRY_KEY = text(
    "INSERT INTO idempotency_keys (idempotency_key, command_digest, reply, recorded_at)"
    " VALUES (:idempotency_key, :command_digest, :reply, :recorded_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("recorded_at", type_=UtcMoment))


def compact(old: EventStore, new: EventStore, latest_shape: LatestShape, *, batch_size: int = 1000) -> LogCompacted:
    """Write the whole old log into the new store in its latest shapes; go on where an earlier run was killed.

    Kept: the order, stream ids, event ids, ``valid_at``, metadata (by value), and the payload's very bytes where it
    needs no change. An event that is dropped leaves its id in the record, one that is split gives ids ``ID#2``, ``#3``.
    ``recorded_at`` is the new store's own clock: recorded time says when *this* store learned something and is part of
    the hash, so copying it would have the new log claim what it can't know. When the old store knew stands under
    ``compacted_from`` in the metadata, beside the old position, version, schema version and hash; whoever asks what was
    known at a moment before the compaction asks the old store. Idempotency keys come along, or a client that tries once
    more after the move would be served twice. Snapshots, checkpoints and read models don't: they are made anew.

    The old store is only read. It may be written to meanwhile, until it is caught up with: then its writers have to
    stop, or what they write stays behind (``verify_compaction`` says so). Raises UnusableInput when the old log is
    empty, the batch size below 1, or the new store holds anything but a compaction of this log; StoreBusy when another
    process compacts into it at the same time; whatever reading raises when an event can't be read. Then nothing
    of its batch is written, and the run can be repeated once that is mended.
    """
    if batch_size < 1:
        raise UnusableInput(f"a batch of {batch_size} events copies nothing: take 1 or more")
    first = first_event(old)
    record = CompactionRecord(new, first)
    if record.version == 0:
        _require_empty(new, record)
        record.write(CompactionBegun(source=place_of(old), first_event_hash=first.hash))
    entry = record.last()
    if isinstance(entry, LogCompacted):
        return entry
    if not isinstance(entry, StreamHeadsRecorded):
        _copy_to_the_end(old, record, latest_shape, batch_size)
        _record_heads(old, record, after="")
    else:
        _record_heads(old, record, after=entry.heads[-1].stream_id)
    return _seal(old, record, first.hash)


def _require_empty(new: EventStore, record: CompactionRecord) -> None:
    if new.head_position() > 0:
        if new.stream_version(record.stream_id) > record.version:
            raise under_way(new)
        raise UnusableInput(
            f"{place_of(new)} already holds events, and no compaction of this log: compact into a new, empty store"
        )


def _copy_to_the_end(old: EventStore, record: CompactionRecord, latest_shape: LatestShape, batch_size: int) -> None:
    """Events, then keys, until no event came meanwhile: so no key is carried whose events are left behind."""
    progress = record.newest_batch()
    while True:
        while batch := old.read_all(after=progress.to_position, limit=batch_size):
            progress = _copy_batch(record, progress, batch, latest_shape)
        _carry_keys(old, record.new)
        if not old.read_all(after=progress.to_position, limit=1):
            return


def _copy_batch(
    record: CompactionRecord, before: BatchCompacted, batch: Sequence[RecordedEvent], latest_shape: LatestShape
) -> BatchCompacted:
    copies: list[tuple[str, NewEvent]] = []
    dropped: list[str] = []
    for recorded in batch:
        shaped = [as_stored(recorded)] if is_record_entry(recorded) else latest_shape(recorded)
        copies += [(recorded.stream_id, _copy(recorded, each, part)) for part, each in enumerate(shaped, start=1)]
        if not shaped:
            dropped.append(recorded.event_id)
    progress = BatchCompacted(
        to_position=batch[-1].global_position,
        events_read=before.events_read + len(batch),
        events_written=before.events_written + len(copies),
        events_dropped=before.events_dropped + len(dropped),
        dropped=dropped,
    )
    runs = groupby(copies, key=lambda copy: copy[0])
    record.write(progress, [StreamAppend(stream, ANY_VERSION, [event for _, event in run]) for stream, run in runs])
    return progress


def as_stored(recorded: RecordedEvent) -> ShapedEvent:
    """An event in the shape it is stored in: how a compacted log is read."""
    return ShapedEvent(recorded.event_type, recorded.schema_version, decode_payload(recorded))


def _copy(recorded: RecordedEvent, shaped: ShapedEvent, part: int) -> NewEvent:
    unchanged = same_event(shaped, as_stored(recorded))
    metadata = decode_metadata(recorded)
    came_from = {
        "position": recorded.global_position,
        "version": recorded.version,
        "schema_version": recorded.schema_version,
        "recorded_at": moment_text(recorded.recorded_at),
        "hash": recorded.hash,
    }
    if "compacted_from" in metadata:
        came_from["earlier"] = metadata["compacted_from"]
    if "schema_version" in metadata:
        metadata["schema_version"] = shaped.schema_version
    return NewEvent(
        event_type=shaped.event_type,
        payload=recorded.payload if unchanged else encode_payload(shaped.payload),
        schema_version=shaped.schema_version,
        metadata={**metadata, "compacted_from": came_from},
        valid_at=recorded.valid_at,
        event_id=recorded.event_id if part == 1 else f"{recorded.event_id}#{part}",
    )


def _carry_keys(old: EventStore, new: EventStore) -> None:
    """Every idempotency key with its digest, reply and time; those that are there already stay."""
    with old.engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, yield_per=KEYS_AT_ONCE)
        for keys in streaming.execute(select(idempotency_keys)).mappings().partitions():
            with write_transaction(new.engine) as writing:
                writing.execute(CARRY_KEY, [dict(key) for key in keys])


def _record_heads(old: EventStore, record: CompactionRecord, *, after: str) -> None:
    """The heads of all streams that come after one, in entries of some hundreds."""
    heads = stream_heads(old.engine, record.newest_batch().to_position)
    wanted = (head for head in heads if head.stream_id > after)
    while some := list(islice(wanted, HEADS_IN_ONE_EVENT)):
        record.write(StreamHeadsRecorded(heads=some))


def _seal(old: EventStore, record: CompactionRecord, first_event_hash: str) -> LogCompacted:
    batch = record.newest_batch()
    streams, digest = digest_of(stream_heads(old.engine, batch.to_position))
    sealed = LogCompacted(
        source=place_of(old),
        first_event_hash=first_event_hash,
        head_position=batch.to_position,
        events_read=batch.events_read,
        events_written=batch.events_written,
        events_dropped=batch.events_dropped,
        streams=streams,
        heads_digest=digest,
    )
    record.write(sealed)
    return sealed
