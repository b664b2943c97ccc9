"""Who contradicts the log, and who agrees with it: rows of read models don't outvote a claim of every event."""

from pathlib import Path

import pytest
from damaged_bank import DamagedBank

from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding

ACCOUNT = "ACC-1003"


def diagnosed(bank: DamagedBank) -> Diagnosis:
    diagnosis = diagnose(bank.captured())
    assert diagnosis.unexplained == []
    return diagnosis


def headlines(diagnosis: Diagnosis) -> list[Finding]:
    return [each for each in diagnosis.findings if each.alternative_to is None]


def balance_and_last_day(bank: DamagedBank) -> dict[tuple[str, str], int]:
    bank.sql("UPDATE account_balances SET balance_minor = balance_minor + 4321 WHERE account_id = ?", ACCOUNT)
    bank.sql(
        "UPDATE daily_summaries SET closing_minor = closing_minor + 4321, credits_minor = credits_minor + 4321 "
        "WHERE account_id = ?1 AND day = (SELECT max(day) FROM daily_summaries WHERE account_id = ?1)", ACCOUNT,
    )  # fmt: skip
    return {(ACCOUNT, "USD"): 4_321}


def account_renamed(bank: DamagedBank) -> dict[tuple[str, str], int]:
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = ?", ACCOUNT)
    for table in ("transaction_history", "account_balances"):
        bank.sql(f"UPDATE {table} SET account_id = 'ACC-1777' WHERE account_id = ?", ACCOUNT)
    return {(ACCOUNT, "USD"): -balance, ("ACC-1777", "USD"): balance}


def currency_changed(bank: DamagedBank) -> dict[tuple[str, str], int]:
    [(balance,)] = bank.sql("SELECT balance_minor FROM account_balances WHERE account_id = ?", ACCOUNT)
    for table in ("daily_summaries", "account_balances"):
        bank.sql(f"UPDATE {table} SET currency = 'EUR' WHERE account_id = ?", ACCOUNT)
    return {(ACCOUNT, "USD"): -balance, (ACCOUNT, "EUR"): balance}


@pytest.mark.parametrize("edit", [balance_and_last_day, account_renamed, currency_changed])
def test_one_hand_in_two_read_models_does_not_outvote_a_claim_of_every_event(edit, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = DamagedBank(tmp_path)
    expected = edit(bank)
    diagnosis = diagnosed(bank)
    found = {(each.fault, (each.account, each.currency)): each.amount for each in headlines(diagnosis)}
    assert found == {("manual_edit", key): amount for key, amount in expected.items()}
    assert "rehashed_history" not in {each.fault for each in diagnosis.findings}
