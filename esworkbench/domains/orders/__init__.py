"""A small shop: the worked example of how the shape of an event changes while its log stays as it was written."""

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
