"""Promise 8, money is exact: also when it is written for people."""

import pytest

from esworkbench.money import format_minor


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
