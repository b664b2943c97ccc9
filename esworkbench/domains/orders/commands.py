"""What people ask of the shop. Fields are taken as given; the order's rules refuse what can't be.

``valid_at`` is when the fact was true in the world (aware; None: when it is recorded).
"""

from datetime import datetime
from decimal import Decimal

from esworkbench.cqrs.commands import Command


class OrderCommand(Command, frozen=True, kw_only=True):
    order_id: str
    valid_at: datetime | None = None


class PlaceOrder(OrderCommand, frozen=True, kw_only=True):
    customer: str
    total_cents: int


class PayOrder(OrderCommand, frozen=True, kw_only=True):
    payment_reference: str


class ShipParcel(OrderCommand, frozen=True, kw_only=True):
    tracking_number: str


class CancelOrder(OrderCommand, frozen=True, kw_only=True):
    reason: str


class NoteConversion(Command, frozen=True, kw_only=True):
    """Sent by the one-time job in ``conversion`` and by nobody else."""

    order_id: str
    from_dollars: Decimal
    to_cents: int
