"""A shop with a past: orders in every shape that was ever written, most of them by releases long gone.

Old events are appended as bytes, because today's commands can't write yesterday's shapes.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from esworkbench.domains.orders import PayOrder, PlaceOrder, Shop
from esworkbench.event_store import ANY_VERSION, EventStore
from esworkbench.events import NewEvent

FIRST_DAY = datetime(2019, 1, 7, 9, tzinfo=UTC)
CUSTOMERS = ("Ada", "Barbara", "Edsger", "Grace", "Mary", "Niklaus")

UNIT_NAMED_FROM = 0.4
CENTS_FROM = 0.8
"""Shares of all orders that were placed before ``OrderPlaced`` v2 and v3."""

WEIGHED_GOODS = 0.12
"""The share of old orders with something sold by weight, whose total has a third decimal."""


def hourly_clock(start: datetime = FIRST_DAY) -> Callable[[], datetime]:
    """A clock that is an hour later each time it is read; the first reading is ``start``."""
    hours = count()
    return lambda: start + timedelta(hours=next(hours))


def open_old_shop(url: str, *, orders: int = 250, seed: int = 8) -> Shop:
    """A new store in which ``orders`` orders were placed, the last fifth through today's commands. Same seed, same log.

    Event ids are ``order-event-1``, ``order-event-2`` … The caller disposes of the engine.
    """
    ids = count(1)
    store = EventStore.open(url, clock=hourly_clock(), new_id=lambda: f"order-event-{next(ids)}")
    shop, rng = Shop(store), Random(seed)
    for number in range(1, orders + 1):
        order_id, customer = f"o{number:03d}", rng.choice(CUSTOMERS)
        cents = rng.randrange(399, 19_999)
        if number > CENTS_FROM * orders:
            shop.handle(PlaceOrder(order_id=order_id, customer=customer, total_cents=cents))
            shop.handle(PayOrder(order_id=order_id, payment_reference=f"p{number:03d}"))
            continue
        dollars = f"{cents // 100}.{cents % 100:02d}" + (rng.choice("2558") if _weighed(rng) else "")
        name, version = ("total", 1) if number <= UNIT_NAMED_FROM * orders else ("total_dollars", 2)
        placed = f'{{"order_id":"{order_id}","customer":"{customer}","{name}":{dollars}}}'
        append_old(store, order_id, "OrderPlaced", version, placed)
        _live_on(store, order_id, customer, rng)
    return shop


def append_old(store: EventStore, order_id: str, event_type: str, schema_version: int, payload: str) -> None:
    """An event as an old release wrote it, to the byte."""
    event = NewEvent(
        event_type=event_type,
        schema_version=schema_version,
        payload=payload.encode(),
        metadata={"correlation_id": f"old-{order_id}"},
    )
    store.append(f"Order-{order_id}", [event], expected_version=ANY_VERSION)


def _weighed(rng: Random) -> bool:
    return rng.random() < WEIGHED_GOODS


def _live_on(store: EventStore, order_id: str, customer: str, rng: Random) -> None:
    """Looked at, then given up, or paid and dispatched in one event for all parcels."""
    if rng.random() < 0.3:
        append_old(store, order_id, "OrderViewed", 1, f'{{"order_id":"{order_id}","by":"{customer}"}}')
    if rng.random() < 0.1:
        append_old(store, order_id, "OrderAborted", 1, f'{{"order_id":"{order_id}","why":"changed my mind"}}')
        return
    append_old(store, order_id, "OrderPaid", 1, f'{{"order_id":"{order_id}","payment_reference":"p{order_id[1:]}"}}')
    numbers = ",".join(f'"t{order_id[1:]}-{parcel}"' for parcel in range(1, rng.choice((2, 2, 3, 4))))
    append_old(store, order_id, "OrderDispatched", 1, f'{{"order_id":"{order_id}","tracking_numbers":[{numbers}]}}')
