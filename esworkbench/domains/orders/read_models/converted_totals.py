"""For finance: every total that lost, or won, a fraction of a cent when it was counted in cents."""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, insert

from esworkbench.domains.orders.events import TotalConverted
from esworkbench.events import Event
from esworkbench.projections import Projection

converted_totals = Table(
    "converted_totals",
    MetaData(),
    Column("order_id", Text, primary_key=True),
    Column("from_dollars", Text, nullable=False),
    Column("to_cents", BigInteger, nullable=False),
    Column("difference_cents", Text, nullable=False),
    Column("rounding", Text, nullable=False),
    Column("placed_event_id", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
)


class ConvertedTotals(Projection):
    """``from_dollars`` and ``difference_cents`` (what rounding added, exact) are decimal text: no float holds them.

    ``placed_event_id`` is the event that held the dollars: the conversion's causation id.
    """

    name = "converted_totals"
    tables: ClassVar[Sequence[Table]] = [converted_totals]
    order_insensitive = True

    def handle(self, event: Event, connection: Connection) -> None:
        data = event.data
        if isinstance(data, TotalConverted):
            row = {
                "order_id": data.order_id,
                "from_dollars": str(data.from_dollars),
                "to_cents": data.to_cents,
                "difference_cents": str(data.to_cents - cents_of(data.from_dollars)),
                "rounding": data.rounding,
                "placed_event_id": event.recorded.metadata_dict()["causation_id"],
                "position": event.recorded.global_position,
            }
            connection.execute(insert(converted_totals), row)


def cents_of(dollars: Decimal | str) -> Decimal:
    """Dollars in cents, fractions and all."""
    return Decimal(dollars).scaleb(2)
