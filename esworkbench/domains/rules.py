"""What commands ask of their arguments, in one place. Each failure is one CommandRejected."""

from esworkbench.errors import CommandRejected
from esworkbench.events import MAX_AMOUNT_MINOR


def require(allowed: bool, otherwise: str) -> None:
    """One rule. Raises CommandRejected with the sentence ``otherwise``."""
    if not allowed:
        raise CommandRejected(otherwise)


def require_integer(name: str, value: object) -> None:
    """True is an int to Python, and NaN compares with nothing: so the type itself is asked, before any size."""
    require(type(value) is int, f"{name} must be a whole number of minor units, not {value!r}")
    assert isinstance(value, int)
    require(abs(value) <= MAX_AMOUNT_MINOR, f"{name} is beyond ±{MAX_AMOUNT_MINOR}, the largest amount kept exact")


def require_amount(value: object, name: str = "amount_minor") -> None:
    """A positive amount in minor units."""
    require_integer(name, value)
    assert isinstance(value, int)
    require(value > 0, f"{name} must be above 0, not {value}")


def require_currency(value: object) -> None:
    """An ISO 4217 code in its shape; which codes exist is not checked."""
    shaped = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()
    require(shaped, f"currency must be three capital letters such as USD, not {value!r}")
