"""How to tell the version of a type whose recorded number can't be trusted: always 1, missing, or not raised."""

from esworkbench.lab.inherited.shop import POINTS_COUNT_CENTS_FROM
from esworkbench.upcasters.archaeology import Telltale

INHERITED_TELLTALES = (
    Telltale("OrderPlaced", 1, has=("total",), lacks=("currency",)),
    Telltale("OrderPlaced", 2, has=("total", "currency")),
    Telltale("OrderPlaced", 3, has=("total_cents",), lacks=("lines",)),
    Telltale("OrderPlaced", 4, has=("total_cents", "lines"), lacks=("channel",)),
    Telltale("OrderPlaced", 5, has=("total_cents", "lines", "channel")),
    Telltale("PaymentReceived", 1, types={"amount": "number"}),
    Telltale("PaymentReceived", 2, types={"amount": "string"}),
    Telltale("PaymentReceived", 3, has=("amount_cents",), types={"method": "object"}),
    Telltale("OrderShipped", 1, has=("tracking",)),
    Telltale("OrderShipped", 2, has=("tracking_number",), lacks=("parcels",)),
    Telltale("OrderShipped", 3, has=("tracking_number", "parcels")),
    Telltale("ReviewPosted", 1, has=("product",)),
    Telltale("ReviewPosted", 2, has=("sku",), lacks=("verified",)),
    Telltale("ReviewPosted", 3, has=("sku", "verified")),
    Telltale("LoyaltyPointsGranted", 1, lacks=("reason",), until=POINTS_COUNT_CENTS_FROM),
    Telltale("LoyaltyPointsGranted", 2, lacks=("reason",), since=POINTS_COUNT_CENTS_FROM),
    Telltale("LoyaltyPointsGranted", 3, has=("reason",)),
)
