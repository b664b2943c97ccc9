"""Promise 8: a bank's statement is read to the minor unit, the same from every format, or it is refused."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bank_days import BANK_CSV, Account, bank_csv, camt053, mt940, ofx, some_accounts

from esworkbench.evidence.capturing.statement_file import StatementLine
from esworkbench.evidence.capturing.statements.recognise import StatementRead, read_lines
from esworkbench.evidence.ledger import LedgerDefinition

ZONE = ZoneInfo("Europe/Berlin")
LEDGER = LedgerDefinition.parse(
    b'name = "l"\ntime_zone = "Europe/Berlin"\nwithout_posting = ["Nothing"]\n', "ledger.toml"
)
DESCRIBED = LedgerDefinition.parse(BANK_CSV.encode(), "bank.toml")

WRITERS: dict[str, Callable[[list[Account]], str]] = {
    "camt.053.001.08": camt053,
    "camt.053.001.02": lambda accounts: camt053(accounts, version="02"),
    "MT940": mt940,
    "MT940 in SWIFT's blocks": lambda accounts: mt940(accounts, enveloped=True),
    "OFX 1": lambda accounts: ofx(accounts, 1),
    "OFX 2": lambda accounts: ofx(accounts, 2),
    "a bank's CSV": bank_csv,
}


def read(tmp_path: Path, text: str | bytes, name: str = "statement.txt") -> StatementRead:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return read_lines(path, LEDGER, DESCRIBED)


def said_by(lines: list[StatementLine]) -> list[tuple[object, ...]]:
    return [
        (line.account, line.currency, line.booked_at.astimezone(ZONE).date(), line.value_day, line.amount_minor,
         line.reference, line.bank_id, line.balance_minor)
        for line in lines if line.kind in ("entry", "reversal")
    ]  # fmt: skip


def written_in(accounts: list[Account]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for account in accounts:
        balance = account.opening
        for each in account.entries:
            balance += each.amount
            found.append((account.name, account.currency, each.booked, each.value, each.amount, each.reference,
                          each.bank_id, balance))  # fmt: skip
    return found


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_lines_that_were_booked(tmp_path: Path, name: str) -> None:
    for seed in range(25):
        accounts = some_accounts(seed)
        if name == "a bank's CSV":  # it has a line an entry, and nothing for an account without one
            accounts = [account for account in accounts if account.entries] or some_accounts(1)
        lines = read(tmp_path, WRITERS[name](accounts)).lines
        assert said_by(lines) == written_in(accounts), seed
        if name == "a bank's CSV":
            continue
        ends = {(line.account, line.currency, line.kind): line for line in lines if line.amount_minor == 0}
        for account in accounts:
            opening, closing = (ends[account.name, account.currency, kind] for kind in ("opening", "closing"))
            assert (opening.balance_minor, closing.balance_minor) == (account.opening, account.closing)
            assert closing.booked_at.astimezone(ZONE).date() == account.ends
            assert opening.balance_is_computed == name.startswith("OFX")
        if not name.startswith("OFX"):
            reversed_ones = [line.bank_id for line in lines if line.kind == "reversal"]
            assert reversed_ones == [
                each.bank_id for account in accounts for each in account.entries if each.is_reversal
            ]
