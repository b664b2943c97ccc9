"""Amounts are shown by the scale that the evidence keeps; a currency that nobody can scale stops a capture politely."""

import re
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

LEDGER = """
name = "small"
[file]
date_format = "%Y-%m-%d"
order = "file"
columns = { id = "id", account = "account", date = "date", amount = "amount", balance = "balance" }
"""
ROWS = "id,account,date,amount,balance\n1,A,2026-01-01,1.5,1.5\n2,A,2026-01-02,0.5,2.25\n"


def paths(folder: Path, ledger: str, rows: str = ROWS) -> list[object]:
    """What ``capture`` is to be called with, after the subcommand."""
    (folder / "bank.csv").write_text(rows, encoding="utf-8")
    (folder / "bank.toml").write_text(LEDGER + ledger, encoding="utf-8")
    return [folder / "bank.csv", "--ledger", folder / "bank.toml", "--into", folder / "evidence"]


BITCOIN = 'currency = "BTC"\n[decimals]\nBTC = 8\n'


def test_a_currency_that_nobody_can_scale_is_refused_with_the_line_to_add(shell: Shell, tmp_path: Path) -> None:
    arguments = paths(tmp_path, 'currency = "BTC"\n')
    before = fingerprint(tmp_path)
    ran = shell("capture", *arguments)
    assert ran.code == 2
    assert "add the line `BTC = <number>` under [decimals] in the ledger file" in " ".join(ran.err.split())
    assert "Traceback" not in ran.err
    assert fingerprint(tmp_path) == before


def test_capture_says_the_scale_of_every_currency(shell: Shell, tmp_path: Path) -> None:
    assert shell.json("capture", *paths(tmp_path, BITCOIN)).document["decimals"] == {"BTC": 8}


@pytest.mark.parametrize(
    ("ledger", "words"),
    [
        (
            'currency = "USD"\n[decimals]\nUSD = 4\n',
            "USD is counted with 4 decimals, as the ledger says; by ISO 4217 it",
        ),
        ('currency = "PTS"\nscale = "minor"\n', "nobody says how many decimals PTS has, so its amounts are shown in"),
    ],
)
def test_capture_has_a_word_on_a_currency_that_is_not_counted_as_everybody_would_expect(
    shell: Shell, tmp_path: Path, ledger: str, words: str
) -> None:
    ran = shell(
        "capture", *paths(tmp_path, ledger, ROWS.replace("1.5", "15").replace("0.5", "5").replace("2.25", "20"))
    )
    assert words in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("ledger", "balance", "off_by"),
    [
        (BITCOIN, "2.00000000 BTC", "0.25000000 BTC"),
        ('currency = "USD"\n[decimals]\nUSD = 4\n', "2.0000 USD", "0.2500 USD"),
        ('currency = "KWD"\n', "2.000 KWD", "0.250 KWD"),
    ],
)
def test_every_command_shows_amounts_by_the_scale_of_the_evidence(
    shell: Shell, tmp_path: Path, ledger: str, balance: str, off_by: str
) -> None:
    shell("capture", *paths(tmp_path, ledger))
    for name in ("bank.toml", "bank.csv"):
        (tmp_path / name).unlink()
    evidence, page = tmp_path / "evidence", tmp_path / "report.html"
    assert f"{balance} after 2 events" in " ".join(shell("replay", evidence, "--account", "A").out.split())
    assert f": {off_by}, in" in " ".join(shell("bisect", evidence, "--account", "A").out.split())
    shell("report", evidence, "--out", page)
    shown = re.findall(r"-?[\d.,]+ (?!UTC)[A-Z]{3}\b", page.read_text(encoding="utf-8"))
    assert {balance, off_by} <= set(shown), shown
    assert {len(each.split()[0].partition(".")[2]) for each in shown} == {len(balance.split()[0].partition(".")[2])}


def test_an_investigations_document_says_the_scale_beside_its_amounts(shell: Shell, tmp_path: Path) -> None:
    source, _, ledger, *_ = paths(tmp_path, BITCOIN)
    ran = shell.json("investigate", source, "--ledger", ledger, "--out", tmp_path / "case")
    assert ran.document["decimals"] == {"BTC": 8}
    assert "claims 2.25000000 BTC, the events sum to 2.00000000 BTC" in " ".join(ran.err.split())
    assert "0.25000000 BTC that no fault in the catalogue explains" in " ".join(ran.err.split())
