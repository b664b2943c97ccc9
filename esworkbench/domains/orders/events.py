"""The facts an order is made of. The shop sells in US dollars alone; totals are positive integers in cents.

Shapes of the past, which only ``upcasters`` knows: ``OrderPlaced`` v1 and v2, ``OrderAborted``, ``OrderDispatched``,
``OrderViewed``.
"""

from decimal import Decimal
from typing import ClassVar, Literal

from esworkbench.events import DomainEvent, EventTypes

CURRENCY = "USD"


class OrderPlaced(DomainEvent, frozen=True, kw_only=True):
    """v1 ``{order_id, customer, total}`` in dollars (frozen in ``contract_v1``); v2 names the unit; v3 counts cents."""

    schema_version: ClassVar[int] = 3

    order_id: str
    customer: str
    total_cents: int


class OrderPaid(DomainEvent, frozen=True, kw_only=True):
    """Paid in full."""

    order_id: str
    payment_reference: str


class ParcelShipped(DomainEvent, frozen=True, kw_only=True):
    order_id: str
    tracking_number: str


class OrderCancelled(DomainEvent, frozen=True, kw_only=True):
    order_id: str
    reason: str


class TotalConverted(DomainEvent, frozen=True, kw_only=True):
    """An old total held a fraction of a cent, and this is what became of it. Changes nothing: it is there for finance.

    ``from_dollars`` is exact, and kept as JSON text.
    """

    order_id: str
    from_dollars: Decimal
    to_cents: int
    rounding: Literal["half_up"] = "half_up"


ORDER_EVENT_TYPES = EventTypes(OrderPlaced, OrderPaid, ParcelShipped, OrderCancelled, TotalConverted)
