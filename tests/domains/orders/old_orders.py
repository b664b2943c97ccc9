"""A shop with a past: orders in every shape that was ever written, some by old releases, some by today's commands."""

from typing import Any

from sqlalchemy import Table, select
from support import SequentialIds, StepClock

from esworkbench.domains.orders import PayOrder, PlaceOrder, Shop, order_decoder
from esworkbench.event_store import EventStore
from esworkbench.event_store.drafts import ANY_VERSION
from esworkbench.events import NewEvent
from esworkbench.projections import Projection, ProjectionRunner
from esworkbench.upcasters import EventDecoder

OLD_EVENTS = [
    ("o1", "OrderPlaced", 1, '{"order_id":"o1","customer":"Ada","total":10.005}'),
    ("o1", "OrderViewed", 1, '{"order_id":"o1","by":"Ada"}'),
    ("o1", "OrderPaid", 1, '{"order_id":"o1","payment_reference":"p1"}'),
    ("o2", "OrderPlaced", 1, '{"order_id":"o2","customer":"Grace","total":20.10}'),
    ("o1", "OrderDispatched", 1, '{"order_id":"o1","tracking_numbers":["t1","t2"]}'),
    ("o3", "OrderPlaced", 2, '{"order_id":"o3","customer":"Mary","total_dollars":0.0149}'),
    ("o4", "OrderPlaced", 2, '{"order_id":"o4","customer":"Edsger","total_dollars":7.50}'),
    ("o4", "OrderAborted", 1, '{"order_id":"o4","why":"changed my mind"}'),
    ("o5", "OrderPlaced", 1, '{"order_id":"o5","customer":"Barbara","total":1.005}'),
    ("o5", "OrderViewed", 1, '{"order_id":"o5","by":"Barbara"}'),
]
NEW_COMMANDS = [
    PlaceOrder(order_id="o6", customer="Alan", total_cents=1999),
    PayOrder(order_id="o6", payment_reference="p6"),
    PlaceOrder(order_id="o7", customer="Ada", total_cents=500),
]
TOTALS = {"o1": 1001, "o2": 2010, "o3": 1, "o4": 750, "o5": 101, "o6": 1999, "o7": 500}
ROUNDED = {"o1": ("10.005", "0.5"), "o3": ("0.0149", "-0.49"), "o5": ("1.005", "0.5")}
"""By order: the dollars that were no whole cents, and the cents that rounding added."""


def written(event_type: str, schema_version: int, payload: str) -> NewEvent:
    """An event as an old release wrote it, to the byte."""
    return NewEvent(
        event_type=event_type,
        schema_version=schema_version,
        payload=payload.encode("utf-8"),
        metadata={"correlation_id": f"old-{event_type}"},
    )


def old_shop(url: str) -> Shop:
    """The shop after ``OLD_EVENTS`` and ``NEW_COMMANDS``, one position each. Whoever asks disposes of the engine."""
    store = EventStore.open(url, clock=StepClock(), new_id=SequentialIds("e"))
    for order_id, event_type, schema_version, payload in OLD_EVENTS:
        store.append(f"Order-{order_id}", [written(event_type, schema_version, payload)], expected_version=ANY_VERSION)
    shop = Shop(store)
    for command in NEW_COMMANDS:
        shop.handle(command)
    return shop


def run(shop: Shop, projection: Projection, decoder: EventDecoder | None = None, *, batch_size: int = 3) -> None:
    """Bring a projection to the head of the log."""
    decoder = decoder or order_decoder()
    ProjectionRunner(shop.store, projection, decoder, run_id="tests", batch_size=batch_size).catch_up()


def rows_of(shop: Shop, table: Table) -> list[tuple[Any, ...]]:
    """All rows, in the order of the primary key."""
    with shop.store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
