"""Every shape a bank event was ever written in, and how each becomes the next."""

from decimal import Decimal

from esworkbench.domains.bank.events import BANK_EVENT_TYPES
from esworkbench.money import decimals_of, to_minor_units
from esworkbench.upcasters import EventDecoder, Payload, Upcaster, UpcasterChain


def name_the_currency(payload: Payload) -> Payload:
    """Until the bank opened its second country it knew dollars only, so a v1 deposit says no currency and means USD."""
    return {**payload, "currency": "USD"}


def count_in_minor_units(payload: Payload) -> Payload:
    """Amounts with a decimal point invited floats, so v3 counts whole cents; halves go up, as the old ledger rounded.

    What a cent is to a dollar, another currency's minor unit need not be: yen have no decimals, Kuwaiti dinars three.
    """
    payload["amount_minor"] = to_minor_units(_exact(payload.pop("amount")), decimals_of(payload["currency"]))
    return payload


def _exact(amount: object) -> Decimal:
    """v1 and v2 held a JSON number or the same number as a string; a float would already have lost the cents."""
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        raise ValueError(f"amount {amount!r} is no exact number")
    return Decimal(amount)


BANK_UPCASTERS = UpcasterChain(
    [
        Upcaster("MoneyDeposited", 1, name_the_currency),
        Upcaster("MoneyDeposited", 2, count_in_minor_units),
    ]
)


def bank_decoder() -> EventDecoder:
    """Reads every bank event ever stored, in today's shape."""
    return EventDecoder(BANK_EVENT_TYPES, BANK_UPCASTERS)
