"""The legacy read model: totals in dollars, as the published contract v1 has them. Runs beside ``order_totals``."""

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, insert

from esworkbench.domains.orders import contract_v1
from esworkbench.events import Event
from esworkbench.projections import Projection

order_totals_v1 = Table(
    "order_totals_v1",
    MetaData(),
    Column("order_id", Text, primary_key=True),
    Column("total", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
)


class OrderTotalsV1(Projection):
    """``total`` is in dollars, as decimal text. Its runner needs the decoder of contract v1."""

    name = "order_totals_v1"
    tables: ClassVar[Sequence[Table]] = [order_totals_v1]

    def handle(self, event: Event, connection: Connection) -> None:
        data = event.data
        if isinstance(data, contract_v1.OrderPlaced):
            row = {"order_id": data.order_id, "total": str(data.total), "position": event.recorded.global_position}
            connection.execute(insert(order_totals_v1), row)
