"""The published contract v1, frozen: what an ``OrderPlaced`` was promised to look like, in writing. Never edit it.

    {"order_id": text, "customer": text, "total": number}

``total`` is in US dollars, as a JSON number with a decimal point. Whoever reads it must parse the digits, not a double.
A total that was counted in cents when it was written has exactly two decimals; older ones may have more.
"""

from decimal import Decimal

from esworkbench.events import DomainEvent


class OrderPlaced(DomainEvent, frozen=True, kw_only=True):
    """v1, as readers of the published contract v1 get every order, whenever it was placed."""

    order_id: str
    customer: str
    total: Decimal
