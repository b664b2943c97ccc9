"""OrderPlaced, OrderShipped, OrderCancelled."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from esworkbench.lab.inherited.shop import Payload
from esworkbench.upcasters import Upcaster


def order_placed_v1_to_v2_add_currency(payload: Payload) -> Payload:
    """The first shop sold in dollars only and didn't say so."""
    return {**payload, "currency": "USD"}


def order_placed_v2_to_v3_count_cents(payload: Payload) -> Payload:
    """Since August 2017 totals are whole cents. The old shop front wrote the coupon NONE for none."""
    cents = Decimal(payload.pop("total")).scaleb(2).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    if payload.get("coupon") == "NONE":
        del payload["coupon"]
    return {**payload, "total_cents": int(cents)}


def order_placed_v3_to_v4_add_lines(payload: Payload) -> Payload:
    """Orders have listed what was bought since April 2019; of earlier ones that isn't known, and no lines says so."""
    return {**payload, "lines": []}


def order_placed_v4_to_v5_add_channel(payload: Payload) -> Payload:
    """The app came in January 2021. That everything before counts as web is of unknown origin (marketing was never
    asked): do not remove without investigation. A line without quantity meant one piece.
    """
    lines: list[Any] = [{"quantity": 1, **line} for line in payload["lines"]]
    return {**payload, "lines": lines, "channel": "web"}


def order_shipped_v1_to_v2_name_carrier(payload: Payload) -> Payload:
    """The first parcels were written without a carrier, which is told by how its tracking numbers begin."""
    number = payload.pop("tracking")
    carrier = {"1Z": "UPS", "JD": "DHL"}.get(number[:2], "POST")
    return {**payload, "tracking_number": number, "carrier": carrier}


def order_shipped_v2_to_v3_count_parcels(payload: Payload) -> Payload:
    """Until October 2019 an order was one parcel. The scanners of that time sent an empty signature for none."""
    if payload.get("signed_by") == "":
        del payload["signed_by"]
    return {**payload, "parcels": 1}


def order_cancelled_v1_to_v2_code_reason(payload: Payload) -> Payload:
    """Reasons were free text until June 2018; statistics wanted codes. The first word found decides: late or slow, then
    stock, then mind.
    """
    note = payload.pop("reason")
    words = {"late": "LATE", "slow": "LATE", "stock": "OUT_OF_STOCK", "mind": "CUSTOMER"}
    code = next((code for word, code in words.items() if word in note.lower()), "OTHER")
    return {**payload, "reason_code": code, "note": note}


ORDER_UPCASTERS = (
    Upcaster("OrderPlaced", 1, order_placed_v1_to_v2_add_currency),
    Upcaster("OrderPlaced", 2, order_placed_v2_to_v3_count_cents),
    Upcaster("OrderPlaced", 3, order_placed_v3_to_v4_add_lines),
    Upcaster("OrderPlaced", 4, order_placed_v4_to_v5_add_channel),
    Upcaster("OrderShipped", 1, order_shipped_v1_to_v2_name_carrier),
    Upcaster("OrderShipped", 2, order_shipped_v2_to_v3_count_parcels),
    Upcaster("OrderCancelled", 1, order_cancelled_v1_to_v2_code_reason),
)
