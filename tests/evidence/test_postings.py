"""The event sum is a second opinion: by the ledger alone, exact, and nothing dropped silently."""

import pytest

from esworkbench.evidence import LedgerDefinition
from esworkbench.evidence.capturing.poster import Posted, Poster
from esworkbench.resources import data_path

BANK = LedgerDefinition.load(data_path("ledgers", "bank.toml"))


def post(event_type: str, payload: str, version: int = 1) -> tuple[list[Posted], Poster]:
    poster = Poster(BANK)
    return poster.post("BankAccount-acct-1", 1, "e1", event_type, version, payload), poster


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("12.34", 1234),
        ('"12.34"', 1234),
        ("1E2", 10_000),
        ("0.005", 1),
        ("0.0049999999999999999999", 0),
        ("0.004" + "9" * 60, 0),
        ("90071992547409.91", 9_007_199_254_740_991),
        ("2.675", 268),
    ],
)
def test_dollars_become_cents_half_up_and_never_through_a_float(amount: str, minor: int) -> None:
    postings, poster = post("MoneyDeposited", f'{{"amount": {amount}, "reference": "r"}}')
    assert postings == [Posted("acct-1", "USD", minor, "deposit")]
    assert poster.problems == []


def test_an_amount_that_a_double_would_bend_is_kept_and_reported_for_its_size() -> None:
    postings, poster = post("MoneyDeposited", '{"amount": 90071992547409.93}')
    assert postings[0].amount_minor == 9_007_199_254_740_993
    assert "beyond 2**53 - 1" in poster.problems[0].what


def test_a_settlement_posts_a_row_of_zero() -> None:
    postings, _ = post("WithdrawalSettled", '{"withdrawal_id": "h", "amount_minor": 70, "currency": "USD"}')
    assert postings == [Posted("acct-1", "USD", 0, "settlement")]


def test_an_adjustment_keeps_its_own_sign() -> None:
    postings, poster = post("BalanceAdjusted", '{"amount_minor": -70, "currency": "USD"}')
    assert postings == [Posted("acct-1", "USD", -70, "adjustment")]
    assert poster.problem_count == 0


def test_events_that_no_rule_knows_are_named_and_counted() -> None:
    poster = Poster(BANK)
    for event_type, version in (("MoneyDeposited", 9), ("MoneyDeposited", 9), ("Mystery", 1), ("AccountOpened", 1)):
        assert poster.post("BankAccount-a", 1, "e", event_type, version, "{}") == []
    assert poster.unposted == {"MoneyDeposited v9": 2, "Mystery v1": 1}


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("not json", "is not JSON"),
        ("[1]", "no object"),
        ('{"amount_minor": NaN, "currency": "USD"}', "NaN, which is not a JSON number"),
        ('{"amount_minor": Infinity, "currency": "USD"}', "Infinity, which is not a JSON number"),
        ('{"amount_minor": 1.5, "currency": "USD"}', "no whole number of minor units"),
        ('{"amount_minor": true, "currency": "USD"}', "True is not an amount"),
        ('{"amount_minor": "1_0", "currency": "USD"}', "'1_0' is not an amount"),
        ('{"amount_minor": 1e400000, "currency": "USD"}', "larger than can be kept"),
        ('{"amount_minor": 1e999999999, "currency": "USD"}', "larger than can be kept"),
        ('{"amount_minor": 1e-999999999, "currency": "USD"}', "no whole number of minor units"),
        (r'{"amount_minor": 5, "currency": "\ud800"}', "half a surrogate pair"),
        ('{"amount_minor": 1' + "0" * 5000 + ', "currency": "USD"}', "is not JSON"),
        ('{"amount_minor": 5}', "no field 'currency'"),
        ('{"amount_minor": 5, "currency": 7}', "must both be text"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_cannot_be_posted_is_a_problem_and_not_a_posting(payload: str, words: str) -> None:
    postings, poster = post("MoneyWithdrawn", payload)
    assert postings == []
    assert poster.problem_count == 1
    assert words in poster.problems[0].what
    assert poster.problems[0].event_id == "e1"


@pytest.mark.parametrize(
    ("payload", "minor", "words"),
    [
        ('{"amount_minor": 5, "amount_minor": 6, "currency": "USD"}', -6, "more than once: amount_minor"),
        ('{"amount_minor": -5, "currency": "USD"}', 5, "is negative"),
        ('{"amount_minor": 9007199254740992, "currency": "USD"}', -(2**53), "beyond 2**53 - 1"),
    ],
)
def test_what_can_be_posted_but_should_not_be_there_is_posted_and_reported(
    payload: str, minor: int, words: str
) -> None:
    postings, poster = post("MoneyWithdrawn", payload)
    assert [posted.amount_minor for posted in postings] == [minor]
    assert words in poster.problems[0].what


def test_only_the_first_hundred_problems_are_kept_but_all_are_counted() -> None:
    poster = Poster(BANK)
    for number in range(150):
        poster.post("BankAccount-a", number, f"e{number}", "MoneyWithdrawn", 1, "nonsense")
    assert (len(poster.problems), poster.problem_count) == (100, 150)
