"""Every shape an order event was ever written in, and how each becomes the next.

The total went from dollars to cents in two steps that were weeks apart: first the name, so that every reader that
guessed the unit broke at once and cheaply, then the unit.
"""

from esworkbench.domains.orders.events import ORDER_EVENT_TYPES
from esworkbench.money import to_minor_units
from esworkbench.upcasters import EventDecoder, Payload, Shape, Shaped, Upcaster, UpcasterChain
from esworkbench.upcasters.reshaping import Drop, Rename, Split

PARCEL_SHIPPED = Shape("ParcelShipped", 1)


def name_the_unit(payload: Payload) -> Payload:
    """A field called total was read as dollars here and as cents there, so v2 says total_dollars. The value stays."""
    payload["total_dollars"] = payload.pop("total")
    return payload


def count_in_cents(payload: Payload) -> Payload:
    """Amounts with a decimal point invited floats, so v3 counts whole cents; half a cent goes up, as finance signed.

    Where a fraction is lost, a TotalConverted in the log says so: the reader only rounds, and writes nothing.
    """
    payload["total_cents"] = to_minor_units(payload.pop("total_dollars"))
    return payload


def call_it_cancelled(payload: Payload) -> Payload:
    """Aborted was a developer's word; customers, support and the terms of sale say cancelled."""
    payload["reason"] = payload.pop("why")
    return payload


def one_fact_per_parcel(payload: Payload) -> list[Shaped]:
    """Parcels of one order travel alone and get lost alone, so each is a fact of its own since the second warehouse."""
    return [
        Shaped(*PARCEL_SHIPPED, {"order_id": payload["order_id"], "tracking_number": number})
        for number in payload["tracking_numbers"]
    ]


def web_analytics_counts_views(payload: Payload) -> None:
    """Page views were never a fact about an order; web analytics has counted them since, and nothing reads these."""


ORDER_UPCASTERS = UpcasterChain(
    [
        Upcaster("OrderPlaced", 1, name_the_unit),
        Upcaster("OrderPlaced", 2, count_in_cents),
        Rename("OrderAborted", 1, call_it_cancelled, to=Shape("OrderCancelled", 1)),
        Split("OrderDispatched", 1, one_fact_per_parcel, into=(PARCEL_SHIPPED,)),
        Drop("OrderViewed", 1, web_analytics_counts_views),
    ]
)


def order_decoder() -> EventDecoder:
    """Reads every order event ever stored, in today's shape."""
    return EventDecoder(ORDER_EVENT_TYPES, ORDER_UPCASTERS)
