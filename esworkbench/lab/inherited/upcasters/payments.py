"""PaymentReceived and RefundIssued."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from esworkbench.lab.inherited.shop import Payload
from esworkbench.upcasters import Upcaster

CENT = Decimal("0.01")


def payment_received_v1_to_v2_amount_as_text(payload: Payload) -> Payload:
    """In August 2017 the amount became text, so that no client reads it through a double."""
    amount = Decimal(payload["amount"]).quantize(CENT, rounding=ROUND_HALF_UP)
    return {**payload, "amount": str(amount)}


def payment_received_v2_to_v3_count_cents(payload: Payload) -> Payload:
    """Since February 2020 amounts are whole cents (further digits are cut off), and a method says its kind and last
    four digits. The 0000 of older cards is a magic default of unknown origin: do not remove without investigation.
    """
    cents = Decimal(payload.pop("amount")).quantize(CENT, rounding=ROUND_DOWN).scaleb(2)
    kind = {"cc": "card", "paypal": "wallet"}.get(payload["method"], payload["method"])
    method = {"kind": kind, "last4": "0000" if kind == "card" else ""}
    return {**payload, "amount_cents": int(cents), "currency": "USD", "method": method}


def refund_issued_v1_to_v2_rename_amount(payload: Payload) -> Payload:
    """The release that wrote v2 was rolled back on its first day: no event was ever written so, yet every v1 passes."""
    refund = payload.pop("amount")
    return {**payload, "refund": refund}


def refund_issued_v2_to_v3_count_cents(payload: Payload) -> Payload:
    """Whole cents since November 2018, and a reason that is never empty. The inherited function multiplies a double and
    cuts off, so that 0.29 is 28 cents. That is wrong, and kept for now: books were closed on it, so it is corrected by
    compensation, after a person has decided, and before any compaction writes it down for good.
    """
    cents = int(float(payload.pop("refund")) * 100)
    return {**payload, "refund_cents": cents, "reason": payload["reason"] or "goodwill"}


PAYMENT_UPCASTERS = (
    Upcaster("PaymentReceived", 1, payment_received_v1_to_v2_amount_as_text),
    Upcaster("PaymentReceived", 2, payment_received_v2_to_v3_count_cents),
    Upcaster("RefundIssued", 1, refund_issued_v1_to_v2_rename_amount),
    Upcaster("RefundIssued", 2, refund_issued_v2_to_v3_count_cents),
)
