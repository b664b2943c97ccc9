"""Small logs whose shapes are known, and the inherited one in a store."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from esworkbench.event_store import ANY_VERSION, EventStore
from esworkbench.events import NewEvent, RecordedEvent
from esworkbench.upcasters.archaeology import RecoveredShape, as_written

FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)


def written(*payloads: dict[str, Any], event_type: str = "Noted", version: int = 1) -> Iterator[RecordedEvent]:
    """One event a day, at positions 1, 2, 3 …"""
    for position, payload in enumerate(payloads, start=1):
        moment = (FIRST_DAY + timedelta(days=position)).isoformat()
        recorded = as_written(event_type, version, moment, msgspec.json.encode(payload).decode())
        yield msgspec.structs.replace(recorded, global_position=position)


def append(store: EventStore, events: Iterable[tuple[str, int, dict[str, Any]]]) -> None:
    """Events as (type, schema version, payload), all to one stream in one transaction."""
    new = [
        NewEvent(event_type=event_type, schema_version=version, payload=msgspec.json.encode(payload))
        for event_type, version, payload in events
    ]
    store.append("Log-1", new, expected_version=ANY_VERSION)


def names_of(shape: RecoveredShape) -> set[str]:
    """The paths of a shape, optional ones with a question mark."""
    return {field.path + ("?" if field.optional else "") for field in shape.fields}
