"""Every deposit ever written, in any shape, is the amount it was: exact, halves up."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.domains.bank.events import MoneyDeposited
from esworkbench.domains.bank.upcasters import BANK_UPCASTERS, bank_decoder
from esworkbench.errors import InvalidEvent
from esworkbench.events import RecordedEvent


def decode(payload: str, schema_version: int) -> MoneyDeposited:
    moment = datetime(2018, 1, 1, tzinfo=UTC)
    event = bank_decoder().decode(
        RecordedEvent(
            global_position=1,
            stream_id="BankAccount-1",
            version=1,
            event_id="e",
            event_type="MoneyDeposited",
            schema_version=schema_version,
            payload=payload.encode("utf-8"),
            metadata=b"{}",
            recorded_at=moment,
            valid_at=moment,
            prev_hash="0" * 64,
            hash="1" * 64,
        )
    )
    assert isinstance(event.data, MoneyDeposited)
    return event.data


@pytest.mark.parametrize(
    ("version", "payload", "amount_minor", "currency"),
    [
        (1, '{"amount":12.34,"reference":"r"}', 1234, "USD"),
        (1, '{"amount":"12.34","reference":"r"}', 1234, "USD"),
        (1, '{"amount":12,"reference":"r"}', 1200, "USD"),
        (1, '{"amount":1e2,"reference":"r"}', 10000, "USD"),
        (2, '{"amount":12.34,"currency":"EUR","reference":"r"}', 1234, "EUR"),
        (2, '{"amount":"0.1","currency":"EUR","reference":"r"}', 10, "EUR"),
        (2, '{"amount":1234,"currency":"JPY","reference":"r"}', 1234, "JPY"),
        (2, '{"amount":1.2345,"currency":"KWD","reference":"r"}', 1235, "KWD"),
        (3, '{"amount_minor":1234,"currency":"CHF","reference":"r"}', 1234, "CHF"),
    ],
)
def test_every_version_becomes_todays(version: int, payload: str, amount_minor: int, currency: str) -> None:
    assert decode(payload, version) == MoneyDeposited(amount_minor=amount_minor, currency=currency, reference="r")


@pytest.mark.parametrize(
    ("dollars", "cents"),
    [
        ("10.005", 1001),
        ("10.0049999999999999999999999999999999", 1000),
        ("10.015", 1002),
        ("0.005", 1),
        ("0.0049", 0),
        ("1.115", 112),
        ("2.675", 268),
        ("1.005", 101),
        ("90071992547409.91", 9007199254740991),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_half_a_cent_goes_up_and_no_double_is_in_the_way(dollars: str, cents: int, quote: str) -> None:
    assert decode(f'{{"amount":{quote}{dollars}{quote},"reference":"r"}}', 1).amount_minor == cents


@given(cents=st.integers(min_value=0, max_value=2**53 - 1))
def test_whole_cents_come_back_as_written(cents: int) -> None:
    assert decode(f'{{"amount":{cents // 100}.{cents % 100:02},"reference":"r"}}', 1).amount_minor == cents


@pytest.mark.parametrize(
    "amount", ["true", "null", "[]", '"ten"', '"NaN"', "NaN", "Infinity", '"Infinity"', "1e999999"]
)
def test_an_amount_that_is_no_number_is_refused(amount: str) -> None:
    with pytest.raises(InvalidEvent, match="MoneyDeposited v1 at position 1"):
        decode(f'{{"amount":{amount},"reference":"r"}}', 1)


@pytest.mark.parametrize("amount", ["12.0", "12.5", "true", '"12"', "1e3"])
def test_todays_shape_takes_whole_minor_units_only(amount: str) -> None:
    with pytest.raises(InvalidEvent, match="MoneyDeposited v3 at position 1"):
        decode(f'{{"amount_minor":{amount},"currency":"USD","reference":"r"}}', 3)


def test_each_step_says_why_it_exists() -> None:
    assert [(step.event_type, step.from_version, step.function.__name__) for step in BANK_UPCASTERS] == [
        ("MoneyDeposited", 1, "name_the_currency"),
        ("MoneyDeposited", 2, "count_in_minor_units"),
    ]
