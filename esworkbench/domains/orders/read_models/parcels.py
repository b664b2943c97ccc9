"""Every parcel that was shipped, one row each: also of the old events that told of several at once."""

from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, insert

from esworkbench.domains.orders.events import ParcelShipped
from esworkbench.events import Event
from esworkbench.projections import Projection

parcels = Table(
    "parcels",
    MetaData(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("order_id", Text, nullable=False),
    Column("tracking_number", Text, nullable=False),
)


class Parcels(Projection):
    """Keyed by position and ordinal, since a record that was split is several events at one position."""

    name = "parcels"
    tables: ClassVar[Sequence[Table]] = [parcels]
    order_insensitive = True

    def handle(self, event: Event, connection: Connection) -> None:
        if isinstance(event.data, ParcelShipped):
            row = {
                "position": event.recorded.global_position,
                "ordinal": event.ordinal,
                "order_id": event.data.order_id,
                "tracking_number": event.data.tracking_number,
            }
            connection.execute(insert(parcels), row)
