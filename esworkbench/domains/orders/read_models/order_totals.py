"""What was ordered, by whom, for how much, and how far it got: one row per order."""

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, text

from esworkbench.domains.orders.events import CURRENCY, OrderCancelled, OrderPaid, OrderPlaced, ParcelShipped
from esworkbench.events import Event
from esworkbench.projections import Projection

order_totals = Table(
    "order_totals",
    MetaData(),
    Column("order_id", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)

PLACE = text("""
    INSERT INTO order_totals (order_id, customer, currency, total_cents, status, version, position)
    VALUES (:order_id, :customer, :currency, :total_cents, 'placed', :version, :position)
""")
MOVE_ON = text("""
    UPDATE order_totals SET status = :status, version = :version, position = :position WHERE order_id = :order_id
""")


class OrderTotals(Projection):
    """``total_cents`` as placed; ``status`` placed, paid, shipped or cancelled.

    ``version`` and ``position`` are those of the last event that changed the row.
    """

    name = "order_totals"
    tables: ClassVar[Sequence[Table]] = [order_totals]

    def handle(self, event: Event, connection: Connection) -> None:
        place = {"version": event.recorded.version, "position": event.recorded.global_position}
        match event.data:
            case OrderPlaced(order_id=order_id, customer=customer, total_cents=total_cents):
                row = {"order_id": order_id, "customer": customer, "currency": CURRENCY, "total_cents": total_cents}
                connection.execute(PLACE, row | place)
            case OrderPaid(order_id=order_id):
                connection.execute(MOVE_ON, {"order_id": order_id, "status": "paid"} | place)
            case ParcelShipped(order_id=order_id):
                connection.execute(MOVE_ON, {"order_id": order_id, "status": "shipped"} | place)
            case OrderCancelled(order_id=order_id):
                connection.execute(MOVE_ON, {"order_id": order_id, "status": "cancelled"} | place)
