"""Amounts at the edges: in words for people, and from the fractions of old shapes. All else is in minor units.

How many decimals a currency has is asked here and nowhere else. The source is ISO 4217, which says how many digits its
*minor unit* takes, and it is read through babel. What babel brings is CLDR's data, which answers another question, how
many digits people customarily *write*, and answers 2 for every code that it doesn't know. So three things are mended:

- Sixteen currencies are written without the decimals that ISO gives them: Iraqi dinars have fils, but nobody writes
  them. Whoever counts in minor units counts as ISO does, and by CLDR's digits would be off by 100 or 1,000 times. One
  code of ISO's (XAD) has not reached CLDR yet.
- Gold, bond units, test codes and the like have no minor unit in ISO's list, so 2 would be made up.
- Of withdrawn codes ISO lists the name alone. CLDR's digits stand, but for twelve on which they contradict the last
  list that had them (as the JDK keeps it).

A code of the last two kinds, like one that isn't in the list at all (BTC), has no decimals here, never a guess: a
ledger has to give them.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache

from esworkbench.errors import UnknownCurrency

MOST_DECIMALS = 18
"""No ledger counts finer: an ether's smallest unit, and 10**18 just fits a 64-bit integer."""

_UNLIKE_CLDR = {
    "AFN": 2, "ALL": 2, "COP": 2, "HUF": 2, "IDR": 2, "IQD": 3, "IRR": 2, "KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2,
    "MMK": 2, "RSD": 2, "SOS": 2, "SYP": 2, "XAD": 2, "YER": 2,
}  # fmt: skip
"""Decimals of the minor unit by ISO 4217 (list of 1 January 2026), where CLDR says 0 or nothing."""

_NO_MINOR_UNIT = frozenset(
    ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XFO", "XFU", "XPD", "XPT", "XRE", "XSU", "XTS", "XUA", "XXX"]
)
_DISPUTED = frozenset(["BEF", "BYB", "GRD", "MRO", "PTE", "ROL", "SLL", "STD", "TMM", "TPE", "ZMK", "ZWD"])

_AMPLE = Context(prec=100)
"""Whoever has narrowed the process's own decimal context must not thereby change what an amount is."""


@cache
def iso_decimals(currency: str) -> int | None:
    """How many decimals the currency's minor unit stands for by ISO 4217; None for a code that it doesn't settle."""
    # Here, because half of the commands show no amount and needn't wait for it.
    from babel.numbers import get_currency_precision, list_currencies

    if currency in _UNLIKE_CLDR:
        return _UNLIKE_CLDR[currency]
    if currency in _NO_MINOR_UNIT | _DISPUTED or currency not in list_currencies():
        return None
    return get_currency_precision(currency)


def decimals_of(currency: str) -> int:
    """As ``iso_decimals``, where there must be an answer. Raises UnknownCurrency."""
    decimals = iso_decimals(currency)
    if decimals is None:
        raise UnknownCurrency(
            f"ISO 4217 doesn't say how many decimals {currency!r} has, so its amounts can't be scaled"
        )
    return decimals


def format_minor(amount_minor: int, currency: str, decimals: int | None = None) -> str:
    """``format_minor(-123456, "USD")`` is ``"-1,234.56 USD"``; exact for any size.

    ``decimals`` is the scale that the amount was counted in, where the caller knows it (``Evidence.decimals``); else it
    is ISO's. Where neither is known the amount stays what it is: ``"1,000 minor units of BTC"``.
    """
    places = iso_decimals(currency) if decimals is None else decimals
    if places is None:
        return f"{amount_minor:,} minor units" + (f" of {currency}" if currency else "")
    whole, fraction = divmod(abs(amount_minor), 10**places)
    text = f"{whole:,}" + (f".{fraction:0{places}d}" if places else "")
    return f"{'-' if amount_minor < 0 else ''}{text} {currency}"


def to_minor_units(major: object, decimals: int = 2) -> int:
    """``to_minor_units(Decimal("10.005"))`` is 1001: whole minor units, half of one rounded away from zero.

    Rounds once, whatever the number of digits. Raises ValueError for all but int and Decimal: a float has lost digits
    before it gets here.
    """
    if isinstance(major, bool) or not isinstance(major, int | Decimal):
        raise ValueError(f"{major!r} is no exact number")
    unit = Decimal(1).scaleb(-decimals)
    rounded = Decimal(major).quantize(unit, rounding=ROUND_HALF_UP, context=_AMPLE)
    return int(rounded.scaleb(decimals, context=_AMPLE))


def to_major_units(minor: int, decimals: int = 2) -> Decimal:
    """``to_major_units(1000)`` is ``Decimal("10.00")``: exact, with exactly that many decimals."""
    return Decimal(minor).scaleb(-decimals, context=_AMPLE)
