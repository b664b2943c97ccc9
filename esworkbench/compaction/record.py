"""The record a compaction keeps in the new log, in a stream of its own: where it came from, how far it got, what it
proves.

The record is the checkpoint, too. Each batch and its entry are one transaction that expects the record at the version
it was read at, so that a killed compaction goes on where it was, and of two at once one is refused.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine, text

from esworkbench.errors import ConcurrencyError, StoreBusy, UnusableInput
from esworkbench.event_store import EventStore, StreamAppend
from esworkbench.event_store.database import described
from esworkbench.events import DomainEvent, EventTypes, RecordedEvent

HEADS_IN_ONE_EVENT = 500

RECORD_CATEGORY = "LogCompaction"
"""What the ids of the record's own streams begin with."""

HEADS = """
SELECT events.stream_id, events.version, events.hash
FROM events
JOIN (
    SELECT stream_id, max(version) AS version FROM events WHERE global_position <= :cut GROUP BY stream_id
) AS head ON events.stream_id = head.stream_id AND events.version = head.version
ORDER BY events.stream_id
"""


class StreamHead(NamedTuple):
    """A stream of the old log, its last version and that event's hash, which covers everything before it."""

    stream_id: str
    version: int
    hash: str


class CompactionBegun(DomainEvent, frozen=True, kw_only=True):
    """Which log this one is made from. ``source`` is its place, without credentials; the hash of its first event is its
    identity, since no other log begins with the same id, time and payload.
    """

    source: str
    first_event_hash: str


class BatchCompacted(DomainEvent, frozen=True, kw_only=True):
    """Every old event up to ``to_position`` is in this log now, or was dropped. Counts are from the beginning;
    ``dropped`` are the ids of this batch's events that today's code reads as nothing.
    """

    to_position: int
    events_read: int
    events_written: int
    events_dropped: int
    dropped: list[str]


class StreamHeadsRecorded(DomainEvent, frozen=True, kw_only=True):
    """Some of the old log's stream heads, by stream id, as of the position the last batch reached."""

    heads: list[StreamHead]


class LogCompacted(DomainEvent, frozen=True, kw_only=True):
    """The end: the old log up to ``head_position`` is here. ``heads_digest`` covers the heads of all its streams."""

    source: str
    first_event_hash: str
    head_position: int
    events_read: int
    events_written: int
    events_dropped: int
    streams: int
    heads_digest: str


RECORD_TYPES = EventTypes(CompactionBegun, BatchCompacted, StreamHeadsRecorded, LogCompacted)
"""What a compacted log holds besides what it was made from; a later compaction copies it as it is."""


class CompactionRecord:
    """The record of one old log's compaction in the new store, at the version it was last read or written at."""

    def __init__(self, new: EventStore, first: RecordedEvent) -> None:
        self.stream_id = f"{RECORD_CATEGORY}-{first.hash[:16]}"
        self.new = new
        self.version = new.stream_version(self.stream_id)

    def last(self) -> DomainEvent | None:
        """The newest entry, None when nothing was begun."""
        entries = self.new.read_stream(self.stream_id, after_version=self.version - 1)
        return decode_entry(entries[-1]) if entries else None

    def newest_batch(self) -> BatchCompacted:
        """How far the copying got; the very beginning when no batch was copied yet."""
        for version in range(self.version, 0, -1):
            (entry,) = self.new.read_stream(self.stream_id, after_version=version - 1, up_to_version=version)
            if entry.event_type == BatchCompacted.__name__:
                return msgspec.json.decode(entry.payload, type=BatchCompacted)
        return BatchCompacted(to_position=0, events_read=0, events_written=0, events_dropped=0, dropped=[])

    def write(self, entry: DomainEvent, copied: Sequence[StreamAppend] = ()) -> None:
        """The entry, and what it speaks of, in one transaction. Raises StoreBusy when another compaction got ahead."""
        encoded = RECORD_TYPES.encode(entry, metadata={"actor": "compaction"})
        encoded = msgspec.structs.replace(encoded, event_id=f"{self.stream_id}-{self.version + 1}")
        try:
            self.new.append_many([*copied, StreamAppend(self.stream_id, self.version, [encoded])])
        except ConcurrencyError as error:
            # What is copied is appended at any version, so it is the record that somebody else went on with.
            raise under_way(self.new) from error
        self.version += 1


def under_way(new: EventStore) -> StoreBusy:
    return StoreBusy(
        f"another compaction into {place_of(new)} is under way, so this one stopped: let that one end, or end it, and "
        "run this again, which goes on where it got to"
    )


def first_event(old: EventStore) -> RecordedEvent:
    """The event that tells a log from every other. Raises UnusableInput when there is none."""
    first = old.read_all(limit=1)
    if not first:
        raise UnusableInput(f"{place_of(old)} holds no event: there is nothing to compact")
    return first[0]


def decode_entry(recorded: RecordedEvent) -> DomainEvent:
    """An entry of a record. Raises UnknownEventType for any other event."""
    return RECORD_TYPES.decode(recorded.event_type, msgspec.json.decode(recorded.payload))


def is_record_entry(recorded: RecordedEvent) -> bool:
    return recorded.event_type in RECORD_TYPES.names()


def stream_heads(engine: Engine, cut: int) -> Iterator[StreamHead]:
    """Every stream's head among the events up to a position, by stream id in code point order; streamed."""
    collation = ' COLLATE "C"' if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, yield_per=HEADS_IN_ONE_EVENT)
        for row in streaming.execute(text(HEADS.rstrip() + collation), {"cut": cut}):
            yield StreamHead(*row)


def digest_of(heads: Iterable[StreamHead]) -> tuple[int, str]:
    """How many heads, and the SHA-256 over one line ``["stream id",version,"hash"]`` each, as 64 hex digits."""
    digest, count = sha256(), 0
    for head in heads:
        digest.update(msgspec.json.encode(head) + b"\n")
        count += 1
    return count, digest.hexdigest()


def place_of(store: EventStore) -> str:
    """Where a store is, without credentials."""
    return described(store.engine.url)
