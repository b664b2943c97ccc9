"""The shop's read models. ``order_totals_v1`` is left out of the list: it reads another contract than the rest.

- `order_totals`: in cents
- `order_totals_v1`: in dollars, by the first contract
- `converted_totals`: what the conversion changed
- `parcels`: one row per parcel
"""

from collections.abc import Callable

from esworkbench.domains.orders.read_models.converted_totals import ConvertedTotals, converted_totals
from esworkbench.domains.orders.read_models.order_totals import OrderTotals, order_totals
from esworkbench.domains.orders.read_models.order_totals_v1 import OrderTotalsV1, order_totals_v1
from esworkbench.domains.orders.read_models.parcels import Parcels, parcels
from esworkbench.projections import Projection

ORDER_PROJECTIONS: dict[str, Callable[[], Projection]] = {
    OrderTotals.name: OrderTotals,
    ConvertedTotals.name: ConvertedTotals,
    Parcels.name: Parcels,
}

__all__ = [
    "ORDER_PROJECTIONS",
    "ConvertedTotals",
    "OrderTotals",
    "OrderTotalsV1",
    "Parcels",
    "converted_totals",
    "order_totals",
    "order_totals_v1",
    "parcels",
]
