"""Amounts at the edges: in words for people, and from the fractions of old shapes. All else is in minor units."""

from decimal import ROUND_HALF_UP, Context, Decimal

_DECIMALS = {"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0}
"""Currencies whose minor unit isn't a hundredth (ISO 4217)."""

_AMPLE = Context(prec=100)
"""Whoever has narrowed the process's own decimal context must not thereby change what an amount is."""


def decimals_of(currency: str) -> int:
    """How many decimal places the currency's minor unit stands for."""
    return _DECIMALS.get(currency, 2)


def format_minor(amount_minor: int, currency: str) -> str:
    """``format_minor(-123456, "USD")`` is ``"-1,234.56 USD"``; exact for any size."""
    places = decimals_of(currency)
    whole, fraction = divmod(abs(amount_minor), 10**places)
    text = f"{whole:,}" + (f".{fraction:0{places}d}" if places else "")
    return f"{'-' if amount_minor < 0 else ''}{text} {currency}".rstrip()


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
