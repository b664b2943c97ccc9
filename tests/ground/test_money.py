"""Promise 8, money is exact: also when it is written for people, and when it comes from a fraction."""

from decimal import Decimal, localcontext

import pytest
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.errors import UnknownCurrency
from esworkbench.events import MAX_AMOUNT_MINOR
from esworkbench.money import decimals_of, format_minor, iso_decimals, to_major_units, to_minor_units

ISO_4217 = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
        COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
        INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
        MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
        STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
    None: "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX",
}
"""The codes in force by the digits of their minor unit, as the maintenance agency's list of 1 January 2026 has them."""

SETTLED = sorted(code for code in list_currencies() if iso_decimals(code) is not None)


@pytest.mark.parametrize(("decimals", "codes"), ISO_4217.items())
def test_every_code_in_force_has_the_decimals_of_its_minor_unit_and_not_those_that_people_write(
    decimals: int | None, codes: str
) -> None:
    assert {code: iso_decimals(code) for code in codes.split()} == dict.fromkeys(codes.split(), decimals)


@pytest.mark.parametrize("code", ["BTC", "ETH", "usd", "USD ", "", "XAU", "XXX", "MRO", "DEFAULT"])
def test_a_code_whose_decimals_nobody_settled_is_an_error_and_never_a_guess(code: str) -> None:
    assert iso_decimals(code) is None
    with pytest.raises(UnknownCurrency, match=f"how many decimals '{code}' has"):
        decimals_of(code)


def test_most_withdrawn_codes_still_count() -> None:
    assert {code: decimals_of(code) for code in ("DEM", "CSK", "BGN", "ITL")} == {
        "DEM": 2, "CSK": 2, "BGN": 2, "ITL": 0,
    }  # fmt: skip


@given(code=st.sampled_from(SETTLED), amount=st.integers(-MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR))
def test_an_amount_that_is_written_can_be_read_back_in_every_currency(code: str, amount: int) -> None:
    number, _, currency = format_minor(amount, code).partition(" ")
    assert currency == code
    assert to_minor_units(Decimal(number.replace(",", "")), decimals_of(code)) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, "USD", "0.00 USD"),
        (5, "USD", "0.05 USD"),
        (-5, "USD", "-0.05 USD"),
        (4723, "USD", "47.23 USD"),
        (-123456, "CZK", "-1,234.56 CZK"),
        (1000, "XOF", "1,000 XOF"),
        (1234, "JPY", "1,234 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (1234, "BHD", "1.234 BHD"),
        (1234, "CLF", "0.1234 CLF"),
        (2**53 - 1, "USD", "90,071,992,547,409.91 USD"),
        (-1234, "BTC", "-1,234 minor units of BTC"),
        (1234, "", "1,234 minor units"),
    ],
)
def test_minor_units_are_written_exactly(amount: int, currency: str, text: str) -> None:
    assert format_minor(amount, currency) == text


@pytest.mark.parametrize(
    ("currency", "decimals", "text"),
    [("BTC", 8, "0.00001234 BTC"), ("USD", 4, "0.1234 USD"), ("KWD", 0, "1,234 KWD")],
)
def test_the_scale_that_an_amount_was_counted_in_goes_before_the_list(currency: str, decimals: int, text: str) -> None:
    assert format_minor(1234, currency, decimals) == text


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
