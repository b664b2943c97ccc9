"""Promise 8, money is exact: also when it is written for people, and when it comes from a fraction."""

from decimal import Decimal, localcontext

import pytest

from esworkbench.money import format_minor, to_major_units, to_minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, "USD", "0.00 USD"),
        (5, "USD", "0.05 USD"),
        (-5, "USD", "-0.05 USD"),
        (4723, "USD", "47.23 USD"),
        (-123456, "CZK", "-1,234.56 CZK"),
        (1234, "JPY", "1,234 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (2**53 - 1, "USD", "90,071,992,547,409.91 USD"),
    ],
)
def test_minor_units_are_written_exactly(amount: int, currency: str, text: str) -> None:
    assert format_minor(amount, currency) == text


@pytest.mark.parametrize(
    ("major", "decimals", "minor"),
    [
        (Decimal("10.005"), 2, 1001),
        (Decimal("10.00499999999999999999999999999999999999"), 2, 1000),
        (Decimal("-10.005"), 2, -1001),
        (Decimal("1.0005E+1"), 2, 1001),
        (7, 2, 700),
        (Decimal("0.5"), 0, 1),
        (Decimal("1.2345"), 3, 1235),
    ],
)
def test_major_units_are_rounded_once_and_half_up(major: object, decimals: int, minor: int) -> None:
    assert to_minor_units(major, decimals) == minor


@pytest.mark.parametrize("major", [10.005, "10.005", True, None])
def test_what_is_not_exact_is_never_rounded(major: object) -> None:
    with pytest.raises(ValueError, match="is no exact number"):
        to_minor_units(major)


def test_a_narrow_decimal_context_changes_no_amount() -> None:
    with localcontext() as narrow:
        narrow.prec = 3
        assert to_minor_units(Decimal("123456789.125")) == 12345678913
        assert str(to_major_units(12345678900)) == "123456789.00"
