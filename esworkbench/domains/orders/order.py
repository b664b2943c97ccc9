"""The order: rules in the commands, facts in ``apply``. Nothing here knows that a total was ever anything but cents."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.cqrs.commands import require_text
from esworkbench.domains.orders.events import (
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    ParcelShipped,
    TotalConverted,
)
from esworkbench.domains.rules import require, require_amount
from esworkbench.events import DomainEvent
from esworkbench.money import to_major_units, to_minor_units

When = datetime | None
"""When the fact was true in the world; None means when it is recorded."""


class Order(Aggregate):
    """One order. ``status`` goes from ``new`` to placed, paid and shipped, or from placed to cancelled."""

    category: ClassVar[str] = "Order"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.status = "new"
        self.customer = ""
        self.total_cents = 0
        self.parcels: list[str] = []
        self.total_converted = False

    def apply(self, event: DomainEvent) -> None:
        match event:
            case OrderPlaced():
                self.status = "placed"
                self.customer = event.customer
                self.total_cents = event.total_cents
            case OrderPaid():
                self.status = "paid"
            case ParcelShipped():
                self.status = "shipped"
                self.parcels.append(event.tracking_number)
            case OrderCancelled():
                self.status = "cancelled"
            case TotalConverted():
                self.total_converted = True
            case _:
                raise TypeError(f"an order doesn't know {type(event).__name__}")

    def place(self, customer: str, total_cents: int, *, valid_at: When = None) -> None:
        require(self.status == "new", f"order {self.id} is placed already")
        require_text("order_id", self.id)
        require_text("customer", customer)
        require_amount(total_cents, "total_cents")
        self.record(OrderPlaced(order_id=self.id, customer=customer, total_cents=total_cents), valid_at=valid_at)

    def pay(self, payment_reference: str, *, valid_at: When = None) -> None:
        require_text("payment_reference", payment_reference)
        self._require_status("placed")
        self.record(OrderPaid(order_id=self.id, payment_reference=payment_reference), valid_at=valid_at)

    def ship(self, tracking_number: str, *, valid_at: When = None) -> None:
        """One parcel of perhaps several."""
        require_text("tracking_number", tracking_number)
        self._require_status("paid", "shipped")
        require(tracking_number not in self.parcels, f"parcel {tracking_number} of order {self.id} is shipped already")
        self.record(ParcelShipped(order_id=self.id, tracking_number=tracking_number), valid_at=valid_at)

    def cancel(self, reason: str, *, valid_at: When = None) -> None:
        require_text("reason", reason)
        self._require_status("placed")
        self.record(OrderCancelled(order_id=self.id, reason=reason), valid_at=valid_at)

    def note_conversion(self, from_dollars: Decimal, to_cents: int) -> None:
        """Put on record that reading the old total in cents rounds a fraction of a cent away."""
        require(self.status != "new", f"order {self.id} was never placed")
        require(not self.total_converted, f"the conversion of order {self.id} is on record already")
        lost = from_dollars != to_major_units(to_cents)
        require(lost, f"{from_dollars} dollars are {to_cents} cents exactly: there is no loss to put on record")
        expected = to_minor_units(from_dollars)
        require(
            to_cents == expected == self.total_cents,
            f"order {self.id} counts {self.total_cents} cents and {from_dollars} dollars round to {expected}, "
            f"not to {to_cents}",
        )
        self.record(TotalConverted(order_id=self.id, from_dollars=from_dollars, to_cents=to_cents))

    def state(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "customer": self.customer,
            "total_cents": self.total_cents,
            "parcels": list(self.parcels),
            "total_converted": self.total_converted,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.status = state["status"]
        self.customer = state["customer"]
        self.total_cents = state["total_cents"]
        self.parcels = list(state["parcels"])
        self.total_converted = state["total_converted"]

    def _require_status(self, *allowed: str) -> None:
        require(
            self.status in allowed, f"order {self.id} is {self.status}, and must be {' or '.join(allowed)} for this"
        )
