"""An old log of a small shop's orders in two shapes, and what today's code reads them as."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select
from support import SequentialIds, StepClock

from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, schema
from esworkbench.events import NewEvent, RecordedEvent
from esworkbench.upcasters import Upcaster, UpcasterChain
from esworkbench.upcasters.archaeology import ShapedEvent, decode_payload, through_chain

OLD_START = datetime(2016, 3, 1, tzinfo=UTC)


def count_cents(payload: dict[str, Any]) -> dict[str, Any]:
    """Whole cents since the second release."""
    dollars = payload.pop("total")
    return {**payload, "total_cents": dollars * 100}


CHAIN = UpcasterChain([Upcaster("OrderPlaced", 1, count_cents)])
LATEST = {"OrderPlaced": 2, "OrderShipped": 1, "PageViewed": 1, "OrderMoved": 1, "NeverMind": 1}
latest_shape = through_chain(CHAIN, LATEST)


def splits_and_drops(recorded: RecordedEvent) -> Sequence[ShapedEvent]:
    """A page view is read as nothing, a move as two shipments, anything else through the chain."""
    if recorded.event_type == "PageViewed":
        return []
    if recorded.event_type == "OrderMoved":
        payload = decode_payload(recorded)
        return [ShapedEvent("OrderShipped", 1, {"to": payload[end]}) for end in ("from", "to")]
    return latest_shape(recorded)


def old_store(url: str, *, events: int = 40) -> EventStore:
    """A log in a few streams: older and newer orders, each with a key and a time before it was recorded."""
    store = EventStore.open(url, clock=StepClock(OLD_START), new_id=SequentialIds("old"))
    for number in range(events):
        stream = f"Order-{number % 7}"
        if number % 3 == 2:
            new = order_event("OrderShipped", 1, {"to": "Bern"})
        elif number < events // 2:
            new = order_event("OrderPlaced", 1, {"total": number, "by": "é"}, schema_version=1)
        else:
            new = NewEvent(event_type="OrderPlaced", schema_version=2, payload=b'{"total_cents" : 100, "by":"x"}')
        idempotency = Idempotency(f"key-{number}", f"digest-{number}", b'{"number":%d}' % number)
        store.append(stream, [new], expected_version=ANY_VERSION, idempotency=idempotency)
    return store


def order_event(event_type: str, version: int, payload: dict[str, Any], **metadata: Any) -> NewEvent:
    return NewEvent(
        event_type=event_type, schema_version=version, payload=msgspec.json.encode(payload),
        valid_at=OLD_START - timedelta(days=1), metadata={"actor": "ada", "correlation_id": "c-1", **metadata},
    )  # fmt: skip


def new_store(url: str) -> EventStore:
    return EventStore.open(url, clock=StepClock(), new_id=SequentialIds("new"))


def rows(store: EventStore) -> dict[str, list[Any]]:
    """Every row of every table of the store."""
    with store.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in schema.STORE_TABLES
        }
