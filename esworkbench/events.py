"""What an event is: a fact with a name, a shape and a place in a stream.

Three shapes follow one fact through the house. The domain decides a ``DomainEvent``. It is encoded to a
``NewEvent``, which is what ``append`` takes. The store gives it a place and returns a ``RecordedEvent``. Reading
goes back the other way and ends in an ``Event``: the record beside the domain event, in today's shape.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from esworkbench.errors import UnknownEventType, UnreadableEvent

MAX_AMOUNT_MINOR = 2**53 - 1
"""The largest amount in minor units that every JSON reader, JavaScript's included, keeps exact (RFC 8259, 6)."""


LOG_RECORDS = frozenset({"CompactionBegun", "BatchCompacted", "StreamHeadsRecorded", "LogCompacted", "LogRestored"})
"""Types of the events in which a log keeps what was done to itself (compacted, restored): they concern no domain, move
no money, and whoever reads a domain's events passes them over."""


def utc_now() -> datetime:
    """The default clock: now, in UTC, to the microsecond."""
    return datetime.now(UTC)


class DomainEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the facts a domain decides. The class name is the event type.

    ``schema_version`` is the shape this class has; older stored shapes reach it through upcasters.
    """

    schema_version: ClassVar[int] = 1


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event about to be appended.

    ``payload`` is the exact JSON text, as UTF-8 bytes, that will be hashed and stored. ``valid_at`` is when the fact
    was true in the world; None means when it is recorded. ``event_id`` None means that the store draws one.
    """

    event_type: str
    payload: bytes
    schema_version: int = 1
    metadata: Mapping[str, Any] = {}
    valid_at: datetime | None = None
    event_id: str | None = None


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the store holds it. ``payload`` and ``metadata`` are the stored bytes, ``hash`` 64 hex digits.

    ``prev_hash`` is the hash of the same stream's previous event, 64 zeros at version 1.
    """

    global_position: int
    stream_id: str
    version: int
    event_id: str
    event_type: str
    schema_version: int
    payload: bytes
    metadata: bytes
    recorded_at: datetime
    valid_at: datetime
    prev_hash: str
    hash: str

    def metadata_dict(self) -> dict[str, Any]:
        """The metadata as a mapping: correlation_id, causation_id, idempotency_key, actor, decided_on_version …

        Raises UnreadableEvent where it is none, which only somebody else can have written.
        """
        try:
            return msgspec.json.decode(self.metadata, type=dict[str, Any])
        except (ValueError, RecursionError):
            place = (self.global_position, self.event_id, self.event_type, self.schema_version)
            raise UnreadableEvent(*place, "metadata") from None


class Event(msgspec.Struct, frozen=True):
    """What handlers see: the domain event in its latest shape, and the record it came from.

    ``ordinal`` counts 0, 1, 2 … among the events that one record was split into: their position and version are the
    record's, so a table with one row per event is keyed by position *and* ordinal.
    """

    recorded: RecordedEvent
    data: DomainEvent
    ordinal: int = 0


class EventTypes:
    """Which class stands for which stored event type; encodes events, and decodes payloads of the latest shape."""

    def __init__(self, *classes: type[DomainEvent]) -> None:
        self._classes = {cls.__name__: cls for cls in classes}

    def names(self) -> list[str]:
        return sorted(self._classes)

    def latest_version(self, event_type: str) -> int:
        """The schema version today's code writes. Raises UnknownEventType."""
        return self.class_of(event_type).schema_version

    def encode(self, event: DomainEvent, *, metadata: Mapping[str, Any], valid_at: datetime | None = None) -> NewEvent:
        """The event as ``append`` takes it. Raises UnknownEventType for a class that was never registered."""
        event_type = type(event).__name__
        self.class_of(event_type)
        return NewEvent(
            event_type=event_type,
            payload=msgspec.json.encode(event),
            schema_version=event.schema_version,
            metadata=metadata,
            valid_at=valid_at,
        )

    def decode(self, event_type: str, payload: Mapping[str, Any]) -> DomainEvent:
        """The domain event of a payload already in its latest shape.

        Raises UnknownEventType, or msgspec.ValidationError when a field is missing, extra or of the wrong type.
        """
        return msgspec.convert(payload, self.class_of(event_type))

    def class_of(self, event_type: str) -> type[DomainEvent]:
        """The class that stands for a stored event type. Raises UnknownEventType."""
        try:
            return self._classes[event_type]
        except KeyError:
            raise UnknownEventType(
                f"event type {event_type!r} has no class here; known are {', '.join(self.names())}"
            ) from None
