"""A small webshop's releases: which shape each one wrote, from which day on, and which version it noted with it.

Nothing here is what a shop should do. Versions are noted for some types, always 1 for others, and missing for the rest,
because that is what people inherit.
"""

from datetime import UTC, date, datetime
from random import Random
from typing import Any, NamedTuple

Payload = dict[str, Any]

POINTS_COUNT_CENTS_FROM = datetime(2018, 1, 15, tzinfo=UTC)
"""From this midnight on a point stood for a cent rather than a dollar. Nobody wrote it down, and no shape shows it."""

FIRST_NAMES = ("Ada", "Bela", "Chiara", "Dunja", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Maria Luisa")
LAST_NAMES = ("Brunner", "Conti", "Duarte", "Haddad", "Horvath", "Keller", "Lund", "Marchand", "Novak", "Petrovic")
CITIES = ("Springfield", "Riverton", "Fairview", "Georgetown", "Ashland")
COUPONS = ("SPRING", "WELCOME", "NONE")
CANCELLED_BECAUSE = ("Changed my mind", "Too late for the party", "Not in stock any more", "Ordered twice", "Slow")
CANCEL_CODES = ("CUSTOMER", "LATE", "OUT_OF_STOCK", "OTHER")
KINDS = ("cc", "card", "paypal", "invoice")
OPINIONS = ("Fits well.", "Broke after a week.", "As described.", "Would buy again.")


class Release(NamedTuple):
    """From ``since`` on the shop wrote ``shape`` for its type, with ``noted`` as its version (None: with none)."""

    since: date
    shape: int
    noted: int | None


RELEASES = {
    "CustomerRegistered": [
        Release(date(2015, 1, 1), 1, 1), Release(date(2016, 5, 9), 2, 2),
        Release(date(2018, 3, 12), 3, 3), Release(date(2020, 9, 7), 4, 4),
    ],
    "OrderPlaced": [
        Release(date(2015, 1, 1), 1, 1), Release(date(2016, 2, 15), 2, 1), Release(date(2017, 8, 21), 3, 1),
        Release(date(2019, 4, 8), 4, 1), Release(date(2021, 1, 18), 5, 1),
    ],
    "PaymentReceived": [
        Release(date(2015, 1, 1), 1, None), Release(date(2017, 8, 21), 2, None), Release(date(2020, 2, 3), 3, None),
    ],
    "OrderShipped": [
        Release(date(2015, 1, 1), 1, 1), Release(date(2016, 11, 14), 2, 1), Release(date(2019, 10, 7), 3, 3),
    ],
    "OrderCancelled": [Release(date(2015, 1, 1), 1, 1), Release(date(2018, 6, 4), 2, 2)],
    "RefundIssued": [Release(date(2015, 1, 1), 1, 1), Release(date(2018, 11, 5), 3, 3)],
    "StockAdjusted": [
        Release(date(2015, 1, 1), 2, 2), Release(date(2017, 3, 13), 3, 3), Release(date(2020, 6, 15), 4, 4),
    ],
    "ReviewPosted": [
        Release(date(2015, 1, 1), 1, None), Release(date(2017, 9, 4), 2, None), Release(date(2021, 5, 10), 3, 3),
    ],
    "LoyaltyPointsGranted": [Release(date(2015, 1, 1), 1, 1), Release(date(2020, 11, 2), 3, 2)],
}  # fmt: skip


def customer_registered(shape: int, customer: str, rng: Random) -> Payload:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    email = f"{first.split(' ', maxsplit=1)[0]}.{last}@mail.example"
    who: Payload = {"customer_id": customer}
    who |= {"name": f"{first} {last}"} if shape == 1 else {"first_name": first, "last_name": last}
    who["email"] = email if shape < 3 else email.lower()
    if shape == 1 and rng.random() < 0.06:
        who["name"] = last
    if shape >= 3:
        postcode = f"{rng.choice('ab')}{rng.randrange(10, 99)} {rng.randrange(1, 9)}xy"
        address: Payload = {"street": f"{rng.randrange(1, 200)} Main Street", "city": rng.choice(CITIES)}
        if shape == 3:
            address["zip"] = postcode if rng.random() < 0.9 else None
        else:
            address |= {"postal_code": postcode.upper(), "country": rng.choice(("US", "US", "CA"))}
        who["address"] = address
        if rng.random() < 0.3:
            who["phone"] = f"555-{rng.randrange(1000, 9999)}"
    return who


def order_placed(shape: int, order: str, customer: str, cents: int, sku: str, rng: Random) -> Payload:
    placed: Payload = {"order_id": order, "customer_id": customer}
    placed |= {"total": cents / 100} if shape <= 2 else {"total_cents": cents}
    if shape >= 2:
        placed["currency"] = "USD"
        if rng.random() < 0.12:
            placed["coupon"] = rng.choice(COUPONS if shape == 2 else COUPONS[:2])
    if shape >= 4:
        line: Payload = {"sku": sku, "price_cents": cents}
        if shape == 5 or rng.random() < 0.8:
            line["quantity"] = 1
        placed["lines"] = [line]
    if shape == 5:
        placed["channel"] = rng.choice(("web", "web", "app"))
    return placed


def payment_received(shape: int, order: str, cents: int, rng: Random) -> Payload:
    kind = rng.choice(KINDS)
    if shape == 1:
        return {"order_id": order, "amount": cents / 100, "method": kind}
    if shape == 2:
        return {"order_id": order, "amount": f"{cents // 100}.{cents % 100:02d}", "method": kind}
    card = kind in ("cc", "card")
    method = {"kind": "card" if card else kind, "last4": f"{rng.randrange(10_000):04d}" if card else ""}
    return {"order_id": order, "amount_cents": cents, "currency": "USD", "method": method}


def order_shipped(shape: int, order: str, rng: Random) -> Payload:
    carrier, prefix = rng.choice((("UPS", "1Z"), ("DHL", "JD"), ("POST", "RR")))
    tracking = f"{prefix}{rng.randrange(10**8, 10**9)}"
    if shape == 1:
        return {"order_id": order, "tracking": tracking}
    shipped: Payload = {"order_id": order, "tracking_number": tracking, "carrier": carrier}
    if shape == 3:
        shipped["parcels"] = rng.choice((1, 1, 1, 2))
    if rng.random() < 0.2:
        shipped["signed_by"] = "" if shape == 2 and rng.random() < 0.4 else rng.choice(LAST_NAMES)
    return shipped


def order_cancelled(shape: int, order: str, rng: Random) -> Payload:
    because = rng.choice(CANCELLED_BECAUSE)
    if shape == 1:
        return {"order_id": order, "reason": because}
    return {"order_id": order, "reason_code": rng.choice(CANCEL_CODES), "note": because}


def refund_issued(shape: int, order: str, cents: int, rng: Random) -> Payload:
    reason = rng.choice(("damaged", "late", "wrong item"))
    if shape == 1:
        return {"order_id": order, "amount": cents / 100, "reason": reason if rng.random() < 0.7 else ""}
    return {"order_id": order, "refund_cents": cents, "reason": reason}


def stock_adjusted(shape: int, sku: str, rng: Random) -> Payload:
    change = rng.choice((-3, -2, -1, -1, 0, 5, 20, 50))
    if shape == 2:
        return {"sku": sku, "delta": change}
    warehouse = rng.choice(("MAIN", "NORTH"))
    if shape == 3:
        return {"sku": sku, "delta": change, "warehouse": warehouse}
    cause = "sale" if change < 0 else "delivery" if change else "count"
    return {"sku": sku, "quantity_change": change, "warehouse": warehouse, "cause": cause}


def review_posted(shape: int, sku: str, customer: str, rng: Random) -> Payload:
    review: Payload = {"product": sku} if shape == 1 else {"sku": sku}
    review["stars"] = rng.choice((1, 3, 4, 4, 5, 5))
    if shape >= 2:
        review["customer_id"] = customer if rng.random() < 0.9 else "anonymous"
    if rng.random() < 0.6:
        review["text"] = rng.choice(OPINIONS)
    if shape == 3:
        review["verified"] = rng.random() < 0.5
    return review


def loyalty_points_granted(shape: int, customer: str, cents: int, at: datetime) -> Payload:
    if shape == 1:
        points = cents if at >= POINTS_COUNT_CENTS_FROM else cents // 100 + 1
        return {"customer_id": customer, "points": points}
    return {
        "customer_id": customer, "points": cents, "reason": "purchase", "expires_on": f"{at.year + 2}-12-31",
    }  # fmt: skip
