"""A small shop: the worked example of how the shape of an event changes while its log stays as it was written.

- `events`: the facts, in today's shape
- `commands`: what people ask
- `order`: the rules
- `shop`: the write side, put together
- `upcasters`: from dollars to cents, in two steps
- `conversion`: what that loses, put on record
- `contracts`: what readers were promised
- `contract_v1`: the first of these promises
- `read_models/`: totals and parcels
"""

from esworkbench.domains.orders.commands import CancelOrder, NoteConversion, PayOrder, PlaceOrder, ShipParcel
from esworkbench.domains.orders.events import (
    ORDER_EVENT_TYPES,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    ParcelShipped,
    TotalConverted,
)
from esworkbench.domains.orders.order import Order
from esworkbench.domains.orders.shop import Shop
from esworkbench.domains.orders.upcasters import ORDER_UPCASTERS, order_decoder

__all__ = [
    "ORDER_EVENT_TYPES",
    "ORDER_UPCASTERS",
    "CancelOrder",
    "NoteConversion",
    "Order",
    "OrderCancelled",
    "OrderPaid",
    "OrderPlaced",
    "ParcelShipped",
    "PayOrder",
    "PlaceOrder",
    "ShipParcel",
    "Shop",
    "TotalConverted",
    "order_decoder",
]
