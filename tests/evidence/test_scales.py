"""One currency, one scale: what is read, summed, shown and written to JSON, and years later read from the evidence."""

import json
from pathlib import Path
from typing import Any

import pytest
from evidence_sources import catch_up, small_bank
from support import SequentialIds, StepClock, new_event

from esworkbench.archive import MANIFEST
from esworkbench.domains.bank import Bank
from esworkbench.domains.bank.commands import Deposit, OpenAccount, Withdraw
from esworkbench.errors import EsworkbenchError, UnknownCurrency, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence, LedgerDefinition, capture
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.scales import Scales
from esworkbench.forensics.compare.diff import diff
from esworkbench.resources import data_path

FILE = """
name = "small"
[file]
date_format = "%Y-%m-%d"
columns = { id = "id", account = "account", date = "date", amount = "amount", balance = "balance" }
"""
HEADER = "id,account,date,amount,balance\n"
MIXED = FILE.replace('balance = "balance"', 'balance = "balance", currency = "currency"')
RULE = '[[posting]]\nevent = "Paid"\namount = "amount"\nscale = "major"\nkind = "payment"\n'


def captured(folder: Path, rows: str, ledger: str) -> Evidence:
    source, description = folder / "bank.csv", folder / "bank.toml"
    source.write_text(rows, encoding="utf-8")
    description.write_text(ledger, encoding="utf-8")
    return capture(str(source), folder / "evidence", ledger=description, progress=False)


def definition(text: str) -> LedgerDefinition:
    return LedgerDefinition.parse(text.encode(), "ledger.toml")


@pytest.mark.parametrize(
    ("currency", "said", "amount", "minor", "shown"),
    [
        ("USD", "", "1000.25", 100_025, "1,000.25 USD"),
        ("XOF", "", "1000", 1_000, "1,000 XOF"),
        ("JPY", "", "1000", 1_000, "1,000 JPY"),
        ("KWD", "", "1.234", 1_234, "1.234 KWD"),
        ("CLF", "", "1.2345", 12_345, "1.2345 CLF"),
        ("BTC", "[decimals]\nBTC = 8\n", "0.00000001", 1, "0.00000001 BTC"),
        ("BTC", "decimals = 8\n", "20999999.97690000", 2_099_999_997_690_000, "20,999,999.97690000 BTC"),
        ("ETH", "[decimals]\nETH = 18\n", "0.001", 10**15, "0.001000000000000000 ETH"),
        ("USD", "[decimals]\nUSD = 4\n", "1.2345", 12_345, "1.2345 USD"),
    ],
)
def test_a_file_is_read_summed_and_shown_by_its_currencys_scale(
    tmp_path: Path, currency: str, said: str, amount: str, minor: int, shown: str
) -> None:
    ledger = FILE + f'currency = "{currency}"\n' + said
    evidence = captured(tmp_path, HEADER + f"1,A,2026-01-01,{amount},{amount}\n", ledger)
    (posting,) = evidence.postings("A")
    (claim,) = evidence.assertions("A")
    assert posting.amount_minor == claim.claimed_minor == minor
    assert evidence.money(minor, currency) == shown
    assert evidence.manifest.decimals == {currency: len(shown.partition(" ")[0].partition(".")[2])}


def test_each_line_is_read_by_its_own_currency(tmp_path: Path) -> None:
    rows = "id,account,date,amount,balance,currency\n" + "".join(
        f"{number},A,2026-01-01,5,5,{currency}\n" for number, currency in enumerate(("JPY", "EUR", "KWD"))
    )
    evidence = captured(tmp_path, rows, MIXED)
    assert {p.currency: p.amount_minor for p in evidence.postings("A")} == {"JPY": 5, "EUR": 500, "KWD": 5_000}
    assert evidence.manifest.decimals == {"EUR": 2, "JPY": 0, "KWD": 3}


@pytest.mark.parametrize(
    ("ledger", "columns", "line", "key"),
    [
        (FILE + 'currency = "BTC"\n', "", "", "`BTC = <number>`"),
        (MIXED, ",currency", ",BTC", "`BTC = <number>`"),
        (MIXED, ",currency", ",US$", '`"US$" = <number>`'),
        (MIXED + "decimals = 8\n", ",currency", ",BTC", "`BTC = <number>`"),
    ],
)
def test_amounts_of_a_currency_nobody_knows_are_refused_with_the_line_to_add(
    tmp_path: Path, ledger: str, columns: str, line: str, key: str
) -> None:
    rows = HEADER.strip() + columns + "\n1,A,2026-01-01,1.5,1.5" + line + "\n"
    with pytest.raises(UnknownCurrency) as caught:
        captured(tmp_path, rows, ledger)
    assert f"add the line {key} under [decimals] in the ledger file" in str(caught.value)
    assert ("line 2" if columns else "ledger 'small', [file]") in str(caught.value)
    assert not (tmp_path / "evidence").exists()


def test_the_line_that_the_refusal_asks_for_is_toml_that_helps(tmp_path: Path) -> None:
    rows = HEADER.strip() + ",currency\n1,A,2026-01-01,1.5,1.5,US$\n"
    evidence = captured(tmp_path, rows, MIXED + '[decimals]\n"US$" = 2\n')
    assert evidence.money(150, "US$") == "1.50 US$"


def test_whole_minor_units_need_no_scale_to_be_frozen_and_are_shown_as_they_are(tmp_path: Path) -> None:
    ledger = FILE + 'currency = "PTS"\nscale = "minor"\n'
    evidence = captured(tmp_path, HEADER + "1,A,2026-01-01,1000,1000\n", ledger)
    assert evidence.manifest.decimals == {"PTS": None}
    assert evidence.decimals("PTS") is None
    assert evidence.money(1000, "PTS") == "1,000 minor units of PTS"


TWO_SCALES = [
    (
        '[decimals]\nBTC = 8\n[file]\ndecimals = 6\ncurrency = "BTC"\n',
        "'BTC' is counted with 6 decimals here and with 8",
    ),
    ('[file]\ndecimals = 2\ncurrency = "JPY"\n', "add the line `JPY = 2` under [decimals]"),
    ('[file]\nscale = "minor"\ndecimals = 2\ncurrency = "JPY"\n', "'JPY' is given 2 decimals and has 0 by ISO 4217"),
    (RULE + 'currency = "BTC"\ndecimals = 8\n' + RULE + 'currency = "BTC"\ndecimals = 6\n', "give it one scale"),
    (RULE + 'currency = "USD"\ndecimals = 3\n', "ledger 'small', the rule for Paid: 'USD' is given 3 decimals"),
]


@pytest.mark.parametrize(("ledger", "words"), TWO_SCALES)
def test_two_scales_for_one_currency_are_refused(ledger: str, words: str) -> None:
    columns = 'date_format = "%Y"\ncolumns = { id = "i", account = "a", date = "d", amount = "m", balance = "b" }\n'
    with pytest.raises(UnusableInput) as caught:
        Scales(definition('name = "small"\n' + ledger.replace("[file]\n", "[file]\n" + columns)))
    assert words in str(caught.value)


def test_a_line_in_a_currency_of_another_scale_than_the_files_is_refused(tmp_path: Path) -> None:
    rows = HEADER.strip() + ",currency\n1,A,2026-01-01,1.50,1.50,EUR\n2,B,2026-01-01,15,15,JPY\n"
    with pytest.raises(UnusableInput, match="line 3: 'JPY' is given 2 decimals and has 0 by ISO 4217"):
        captured(tmp_path, rows, MIXED + "decimals = 2\n")


@pytest.mark.parametrize("decimals", [-1, 19])
def test_decimals_out_of_all_reason_are_refused(decimals: int) -> None:
    with pytest.raises(UnusableInput, match=r"`decimals` are from 0 to 18"):
        definition(f'name = "small"\n[decimals]\nBTC = {decimals}\n' + RULE + 'currency = "BTC"\n')


def test_a_digit_too_many_is_refused_however_far_behind_the_point(tmp_path: Path) -> None:
    amount = "1.00" + "0" * 40 + "1"
    with pytest.raises(UnusableInput, match="is not an amount with at most 2 decimals"):
        captured(tmp_path, HEADER + f"1,A,2026-01-01,{amount},1.00\n", FILE + 'currency = "USD"\n')


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [
        ("JPY", "10.5", 11),
        ("KWD", "1.2345", 1_235),
        ("ETH", "1.000000000000000001", 10**18 + 1),
        ("USD", "1e-999999999", 0),
    ],
)
def test_an_events_amount_is_scaled_by_its_own_currency(currency: str, amount: str, minor: int) -> None:
    poster = Poster(definition('name = "small"\n[decimals]\nETH = 18\n' + RULE + 'currency_field = "currency"\n'))
    (posted,) = poster.post("Account-a", 1, "e", "Paid", 1, f'{{"amount": {amount}, "currency": "{currency}"}}')
    assert posted.amount_minor == minor


@pytest.mark.parametrize("amount", ["5", "1e17", "4611686018427387905", "1e999999999"])
def test_an_amount_that_is_too_large_once_scaled_is_a_problem_and_stops_no_capture(amount: str) -> None:
    poster = Poster(definition('name = "small"\n[decimals]\nETH = 18\n' + RULE + 'currency = "ETH"\n'))
    assert poster.post("Account-a", 1, "e", "Paid", 1, f'{{"amount": {amount}}}') == []
    assert "is larger than can be kept" in poster.problems[0].what


def bank_in(currency: str, folder: Path) -> EventStore:
    """One account of that currency with 1,000 paid in and 250 taken out, which no read model has seen yet."""
    store = EventStore.open(f"sqlite:///{folder / 'bank.db'}", clock=StepClock(), new_id=SequentialIds("e"))
    bank = Bank(store)
    for command in (
        OpenAccount(account_id="a", owner="Ada", currency=currency),
        Deposit(account_id="a", amount_minor=1_000, currency=currency, reference="d"),
        Withdraw(account_id="a", amount_minor=250, currency=currency, reference="w"),
    ):
        bank.handle(command)
    return store


def test_a_currency_that_only_a_read_model_names_has_its_scale_kept_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    small_bank(url).engine.dispose()
    evidence = capture(url, tmp_path / "evidence", progress=False)
    assert evidence.postings("idle") == []
    assert evidence.manifest.decimals == {"EUR": 2, "USD": 2}


def test_an_account_in_yen_is_read_and_shown_in_yen(tmp_path: Path) -> None:
    store = bank_in("JPY", tmp_path)
    payload = b'{"amount":500,"currency":"JPY","reference":"old"}'
    store.append("BankAccount-a", [new_event("MoneyDeposited", payload=payload, schema_version=2)], expected_version=3)
    catch_up(store)
    store.engine.dispose()
    evidence = capture(f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "evidence", progress=False)
    assert [posting.amount_minor for posting in evidence.postings("a")] == [1_000, -250, 500]
    assert diff(evidence).rows == []
    assert evidence.manifest.decimals == {"JPY": 0}
    assert evidence.money(1_250, "JPY") == "1,250 JPY"


def test_a_store_in_a_currency_nobody_knows_is_frozen_whole_and_shown_in_minor_units(tmp_path: Path) -> None:
    store = bank_in("PTS", tmp_path)
    payload = b'{"amount":500,"currency":"PTS","reference":"old"}'
    store.append("BankAccount-a", [new_event("MoneyDeposited", payload=payload, schema_version=2)], expected_version=3)
    store.engine.dispose()
    evidence = capture(f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "evidence", progress=False)
    assert [posting.amount_minor for posting in evidence.postings("a")] == [1_000, -250]
    assert evidence.manifest.rows["events"] == 4
    (problem,) = evidence.manifest.problems
    assert "add the line `PTS = <number>` under [decimals] in the ledger file" in problem.what
    assert evidence.manifest.decimals == {"PTS": None}
    assert evidence.money(750, "PTS") == "750 minor units of PTS"


def test_with_its_decimals_in_the_ledger_the_same_store_is_read_to_the_end(tmp_path: Path) -> None:
    store = bank_in("PTS", tmp_path)
    payload = b'{"amount":5.5,"currency":"PTS","reference":"old"}'
    store.append("BankAccount-a", [new_event("MoneyDeposited", payload=payload, schema_version=2)], expected_version=3)
    store.engine.dispose()
    ledger = tmp_path / "points.toml"
    ledger.write_text(data_path("ledgers", "bank.toml").read_text(encoding="utf-8") + "[decimals]\nPTS = 1\n")
    evidence = capture(f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "evidence", ledger=ledger, progress=False)
    assert [posting.amount_minor for posting in evidence.postings("a")] == [1_000, -250, 55]
    assert evidence.manifest.problem_count == 0
    assert evidence.money(805, "PTS") == "80.5 PTS"


def test_evidence_keeps_its_scale_when_the_ledger_file_is_gone_and_lists_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = FILE + 'currency = "BTC"\n[decimals]\nBTC = 8\n'
    captured(tmp_path, HEADER + "1,A,2026-01-01,1.5,1.5\n", ledger)
    (tmp_path / "bank.toml").unlink()
    (tmp_path / "bank.csv").unlink()
    monkeypatch.setattr("esworkbench.evidence.evidence.iso_decimals", lambda currency: 3)
    monkeypatch.setattr("esworkbench.evidence.ledger.LedgerDefinition.decimals_said", lambda *_: 6)
    evidence = Evidence.open(tmp_path / "evidence")
    assert evidence.money(150_000_000, "BTC") == "1.50000000 BTC"


def test_evidence_of_an_earlier_release_opens_and_goes_by_its_ledger_then_by_iso(tmp_path: Path) -> None:
    captured(tmp_path, HEADER + "1,A,2026-01-01,1.5,1.5\n", FILE + 'currency = "BTC"\ndecimals = 8\n')
    path = tmp_path / "evidence" / MANIFEST
    manifest: dict[str, Any] = json.loads(path.read_bytes())
    del manifest["decimals"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    evidence = Evidence.open(tmp_path / "evidence")
    assert evidence.manifest.decimals is None
    assert [evidence.decimals(currency) for currency in ("BTC", "KWD", "PTS")] == [8, 3, None]


def test_an_earlier_releases_ledger_with_two_scales_still_opens_but_is_not_captured_by_again(tmp_path: Path) -> None:
    evidence = captured(tmp_path, HEADER + "1,A,2026-01-01,15,15\n", FILE + 'currency = "JPY"\n')
    ledger = evidence.path / "ledger.toml"
    ledger.write_text(FILE + 'currency = "JPY"\ndecimals = 2\n', encoding="utf-8")
    assert Evidence.open(evidence.path, verify=False).decimals("JPY") == 0
    with pytest.raises(EsworkbenchError, match="'JPY' is given 2 decimals"):
        capture(str(tmp_path / "bank.csv"), tmp_path / "again", ledger=ledger, progress=False)
