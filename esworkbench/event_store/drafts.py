"""From the events a caller hands in to the exact values that will be hashed and stored, or a refusal."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from esworkbench.errors import ConcurrencyError, InvalidEvent
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.event_store.strict_json import check_json_object
from esworkbench.events import NewEvent, RecordedEvent

ANY_VERSION = -1
"""As an expected version: append after whatever is there. Only for facts that no state can contradict."""


class StreamAppend(NamedTuple):
    """Events for one stream; ``expected_version`` is the version they were decided on, 0 for a new stream."""

    stream_id: str
    expected_version: int
    events: Sequence[NewEvent]


class Head(NamedTuple):
    """A stream's last version and its hash; as it stands here, those of an unwritten stream."""

    version: int = 0
    hash: str = GENESIS


class DraftAppend(NamedTuple):
    """A ``StreamAppend`` checked and encoded: its events lack only their place, which is version, hashes, position."""

    stream_id: str
    expected_version: int
    drafts: list[RecordedEvent]


def draft_append(append: StreamAppend, recorded_at: datetime, new_id: Callable[[], str]) -> DraftAppend:
    """Check and encode one stream's events. Raises InvalidEvent, naming stream and event, for what can't be stored."""
    if not append.events:
        raise InvalidEvent(f"nothing to append to stream {append.stream_id!r}: hand in at least one event")
    drafts: list[RecordedEvent] = []
    metadata, encoded = None, b""
    for number, event in enumerate(append.events, start=1):
        try:
            # The events of one decision share one mapping, so it is encoded and checked once for all of them.
            if event.metadata is not metadata:
                encoded = check_json_object("metadata", msgspec.json.encode(dict(event.metadata)))
                metadata = event.metadata
            drafts.append(_draft(append.stream_id, event, encoded, recorded_at, new_id))
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidEvent(
                f"event {number} ({event.event_type!r}) for stream {append.stream_id!r} is refused: {error}"
            ) from error
    return DraftAppend(append.stream_id, append.expected_version, drafts)


def place(appends: Sequence[DraftAppend], heads: Mapping[str, Head]) -> list[RecordedEvent]:
    """Give every draft its version and hashes after its stream's head; the position, still unknown, is 0.

    Raises ConcurrencyError when a stream isn't at the version its events were decided on, ahead or behind.
    """
    moving = dict(heads)
    placed = []
    for append in appends:
        head = moving.get(append.stream_id, Head())
        if append.expected_version not in (head.version, ANY_VERSION):
            raise ConcurrencyError(append.stream_id, append.expected_version, head.version)
        for draft in append.drafts:
            placed.append(_after(head, draft))
            head = Head(placed[-1].version, placed[-1].hash)
        moving[append.stream_id] = head
    return placed


def check_text(name: str, value: str) -> str:
    """A text that every database keeps as it is. Raises ValueError."""
    if not value:
        raise ValueError(f"its {name} is empty")
    if "\0" in value:
        raise ValueError(f"its {name} holds a NUL character")
    if not value.isascii():
        value.encode()
    return value


def _draft(
    stream_id: str, event: NewEvent, metadata: bytes, recorded_at: datetime, new_id: Callable[[], str]
) -> RecordedEvent:
    if event.schema_version < 1:
        raise ValueError(f"its schema version {event.schema_version} is not a number from 1 up")
    return RecordedEvent(
        global_position=0,
        stream_id=check_text("stream id", stream_id),
        version=0,
        event_id=check_text("event id", event.event_id if event.event_id is not None else new_id()),
        event_type=check_text("event type", event.event_type),
        schema_version=event.schema_version,
        payload=check_json_object("payload", event.payload),
        metadata=metadata,
        recorded_at=recorded_at,
        valid_at=recorded_at if event.valid_at is None else in_utc("valid_at", event.valid_at),
        prev_hash=GENESIS,
        hash=GENESIS,
    )


def in_utc(name: str, moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for a naive one, which could be any of two dozen moments."""
    if moment.utcoffset() is None:
        raise ValueError(f"its {name} {moment.isoformat()} has no offset from UTC")
    return moment.astimezone(UTC)


def _after(head: Head, draft: RecordedEvent) -> RecordedEvent:
    version = head.version + 1
    hashed = event_hash(
        head.hash, draft.stream_id, version, draft.event_id, draft.event_type, draft.schema_version,
        draft.recorded_at, draft.valid_at, draft.payload, draft.metadata,
    )  # fmt: skip
    return msgspec.structs.replace(draft, version=version, prev_hash=head.hash, hash=hashed)
