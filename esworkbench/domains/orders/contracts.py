"""What the shop publishes to other teams, in which versions, all served from one log.

A reader stays on the contract it was built against until it moves by itself. (Stripe's API versions do the same:
today's shape inside, older ones made at the edge.)
"""

from esworkbench.domains.orders import contract_v1
from esworkbench.domains.orders.events import OrderCancelled, OrderPaid, OrderPlaced, ParcelShipped
from esworkbench.domains.orders.upcasters import ORDER_UPCASTERS
from esworkbench.event_store import EventStore
from esworkbench.events import EventTypes
from esworkbench.money import to_major_units
from esworkbench.published_contracts import PublishedContract, Publisher
from esworkbench.upcasters import EventDecoder, Payload
from esworkbench.upcasters.downcasters import Downcaster, Downcasters

INTERNAL = frozenset({"TotalConverted"})

CONTRACT_V1 = PublishedContract(
    "v1", EventTypes(contract_v1.OrderPlaced, OrderPaid, ParcelShipped, OrderCancelled), left_out=INTERNAL
)
CONTRACT_V3 = PublishedContract(
    "v3", EventTypes(OrderPlaced, OrderPaid, ParcelShipped, OrderCancelled), left_out=INTERNAL
)


def cents_as_dollars(payload: Payload) -> Payload:
    """Whole cents are dollars with exactly two decimals, so nothing is lost on the way back."""
    payload["total_dollars"] = to_major_units(payload.pop("total_cents"))
    return payload


def unit_unnamed(payload: Payload) -> Payload:
    """v1 called the dollars total; the value stays as it is."""
    payload["total"] = payload.pop("total_dollars")
    return payload


ORDER_DOWNCASTERS = Downcasters(
    [
        Downcaster("OrderPlaced", 3, cents_as_dollars),
        Downcaster("OrderPlaced", 2, unit_unnamed),
    ]
)


def contract_v1_decoder() -> EventDecoder:
    """Reads the whole log as the readers of v1 were promised it."""
    return CONTRACT_V1.decoder(ORDER_UPCASTERS, ORDER_DOWNCASTERS)


def order_publisher(store: EventStore) -> Publisher:
    """Serves both contracts from one log."""
    return Publisher(store, ORDER_UPCASTERS, ORDER_DOWNCASTERS, [CONTRACT_V1, CONTRACT_V3])
