"""The exercise ``in_words``: amounts as a report tells them, to the cent."""

from decimal import Decimal

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb14_the_47_23_case.large_amounts import A_CENT_TOO_FINE_FOR_A_FLOAT
from esworkbench.money import decimals_of

TASK = (
    "Write an amount in minor units for a report: 4723 in USD is `'47.23 USD'`, -123456 is `'-1,234.56 USD'`, and "
    "500000 yen are `'500,000 JPY'`. How many decimals a currency has, `decimals_of(currency)` says: 2 for most, "
    "0 for the yen, 3 for the Kuwaiti dinar; all of them are written, zeros too. Mind negative amounts below one "
    "unit, and amounts of any size, to the cent."
)


def in_words(amount_minor: int, currency: str) -> str:
    """As ``format_minor``: whole numbers throughout, and the sign apart."""
    places = decimals_of(currency)
    whole, fraction = divmod(abs(amount_minor), 10**places)
    sign = "-" if amount_minor < 0 else ""
    decimals = f".{fraction:0{places}d}" if places else ""
    return f"{sign}{whole:,}{decimals} {currency}"


A_CENT_TOO_FINE_FOR_A_DECIMAL = 10**30 + 1
"""For one of the precision that Decimals have by default, 28 digits."""

LONGER_THAN_ANY_PRECISION = 10**61 + 1
"""Than most that somebody would set, to be on the safe side."""


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _divided(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    return f"{amount_minor / 10**places:,.{places}f} {currency}"


def _divided_as_decimals(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    return f"{Decimal(amount_minor) / 10**places:,.{places}f} {currency}"


def _by_a_hundred(amount_minor: int, currency: str) -> str:
    return f"{amount_minor / 100:,.2f} {currency}"


def _floored(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    whole, fraction = divmod(amount_minor, 10**places)
    return f"{whole:,}.{fraction:0{places}d} {currency}" if places else f"{whole:,} {currency}"


def _always_cents(amount_minor: int, currency: str) -> str:
    return in_words(amount_minor, "USD").replace("USD", currency)


def _no_commas(amount_minor: int, currency: str) -> str:
    return in_words(amount_minor, currency).replace(",", "")


def _short_cents(amount_minor: int, currency: str) -> str:
    whole, fraction = divmod(abs(amount_minor), 10 ** decimals_of(currency))
    decimals = f".{fraction}" if decimals_of(currency) else ""
    return f"{'-' if amount_minor < 0 else ''}{whole:,}{decimals} {currency}"


def _sign_of_the_whole(amount_minor: int, currency: str) -> str:
    places = decimals_of(currency)
    whole, fraction = divmod(abs(amount_minor), 10**places)
    decimals = f".{fraction:0{places}d}" if places else ""
    return f"{-whole if amount_minor < 0 else whole:,}{decimals} {currency}"


# --- the exercise -----------------------------------------------------------------------------------------------------

IN_WORDS = Exercise(
    name="in_words",
    task=TASK,
    stub=(
        "from esworkbench.money import decimals_of\n\n\ndef my_in_words(amount_minor: int, currency: str) -> str: ..."
    ),
    reference=in_words,
    cases=st.tuples(
        st.builds(
            lambda size, sign: sign * size,
            st.sampled_from(
                [
                    0,
                    1,
                    5,
                    99,
                    100,
                    101,
                    999,
                    1_000,
                    4_723,
                    100_000,
                    123_456_789,
                    A_CENT_TOO_FINE_FOR_A_FLOAT,
                    A_CENT_TOO_FINE_FOR_A_DECIMAL,
                    LONGER_THAN_ANY_PRECISION,
                ]
            ),
            st.sampled_from([1, -1]),
        ),
        st.sampled_from(["USD", "EUR", "JPY", "KWD", "KRW", "IQD", "CLF"]),
    ),
    examples=[
        (A_CENT_TOO_FINE_FOR_A_FLOAT, "USD"),
        (A_CENT_TOO_FINE_FOR_A_DECIMAL, "USD"),
        (-5, "USD"),
        (5_000, "JPY"),
        (-1_234_005, "KWD"),
        (LONGER_THAN_ANY_PRECISION, "USD"),
        (5_000, "KRW"),
        (5_000, "IQD"),
        (50_000, "CLF"),
    ],
    hints=(
        "Stay in whole numbers.",
        "divmod(abs(amount_minor), 10 ** decimals_of(currency)), the sign apart, and as many digits as decimals.",
    ),
    mistakes={
        "float money": Mistake(
            _divided, "large amounts lose a cent: a float holds 53 bits, so divide whole numbers, never with /"
        ),
        "a Decimal divided": Mistake(
            _divided_as_decimals,
            "very large amounts lose a cent: Decimals are reckoned to 28 digits; divmod of whole numbers keeps all",
        ),
        "a hundred to everything": Mistake(
            _by_a_hundred,
            "it divides by 100 whatever the currency, and with /: the yen has no cents, and a float loses other cents",
        ),
        "rounded down": Mistake(
            _floored, "below zero // rounds away from zero, and % counts from there: split the amount without its sign"
        ),
        "yen with cents": Mistake(
            _always_cents, "two decimals are written for every currency: the yen has none, the Kuwaiti dinar three"
        ),
        "no commas": Mistake(_no_commas, "the thousands have no commas: 123456 dollars are 123,456.00 USD"),
        "zeros left out": Mistake(_short_cents, "zeros are missing after the point: five cents are 0.05, not 0.5"),
        "sign lost": Mistake(
            _sign_of_the_whole, "the sign gets lost between 0 and -1: there is no -0 to carry it, so write it apart"
        ),
    },
)
