"""StockAdjusted and ReviewPosted."""

from esworkbench.lab.inherited.shop import Payload
from esworkbench.upcasters import Upcaster


def stock_adjusted_v1_to_v2_name_sku(payload: Payload) -> Payload:
    """The prototype counted items by number. Unknown origin: do not remove before a query has proved it dead."""
    sku = f"SKU-{payload.pop('item')}"
    return {**payload, "sku": sku}


def stock_adjusted_v2_to_v3_add_warehouse(payload: Payload) -> Payload:
    """Until March 2017 there was one warehouse."""
    return {**payload, "warehouse": "MAIN"}


def stock_adjusted_v3_to_v4_name_cause(payload: Payload) -> Payload:
    """Adjustments have named their cause since June 2020. For earlier ones it is told by the sign: less is a sale,
    more a delivery, nothing a count.
    """
    change = payload.pop("delta")
    cause = "sale" if change < 0 else "delivery" if change > 0 else "count"
    return {**payload, "quantity_change": change, "cause": cause}


def review_posted_v1_to_v2_name_customer(payload: Payload) -> Payload:
    """product became sku in September 2017, and reviews needed a login; earlier ones were anonymous."""
    sku = payload.pop("product")
    return {**payload, "sku": sku, "customer_id": "anonymous"}


def review_posted_v2_to_v3_add_verified(payload: Payload) -> Payload:
    """Reviews say since May 2021 whether the product was bought. That a login counts as proof for earlier ones is of
    unknown origin: do not remove without investigation.
    """
    return {**payload, "verified": payload["customer_id"] != "anonymous"}


PRODUCT_UPCASTERS = (
    Upcaster("StockAdjusted", 1, stock_adjusted_v1_to_v2_name_sku),
    Upcaster("StockAdjusted", 2, stock_adjusted_v2_to_v3_add_warehouse),
    Upcaster("StockAdjusted", 3, stock_adjusted_v3_to_v4_name_cause),
    Upcaster("ReviewPosted", 1, review_posted_v1_to_v2_name_customer),
    Upcaster("ReviewPosted", 2, review_posted_v2_to_v3_add_verified),
)
