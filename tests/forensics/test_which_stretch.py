"""An older state put back, where two stretches of the log come to the same sums: rows of single events tell which."""

from datetime import timedelta
from pathlib import Path

import pytest
from damaged_bank import DamagedBank

from esworkbench.domains.bank import MoneyDeposited, MoneyWithdrawn
from esworkbench.forensics.diagnosis.diagnose import diagnose

ACCOUNTS = ("ACC-1001", "ACC-1002", "ACC-1003")


def a_round(bank: DamagedBank, name: str, after: int) -> tuple[int, int]:
    """The same amounts in each round; returns the first and last position."""
    moment = bank.healthy.now + timedelta(hours=after)
    for number in range(6):
        account, amount = ACCOUNTS[number % 3], 1_000 + 37 * number
        at, given = moment + timedelta(minutes=number), {"currency": "USD", "reference": f"{name}{number}"}
        paid_out = number == 5
        kind = MoneyWithdrawn if paid_out else MoneyDeposited
        bank.append(account, kind(amount_minor=amount, **given), at)
        bank.book(account, -amount if paid_out else amount, given["reference"], at)
    head = bank.events()[-1].position
    return head - 5, head


@pytest.mark.parametrize("rows_too", [True, False])
def test_the_range_is_the_one_whose_rows_are_gone_or_both_are_named(rows_too: bool, tmp_path: Path) -> None:
    bank = DamagedBank(tmp_path)
    first = a_round(bank, "FIRST", 1)
    kept = bank.sql("SELECT balance_minor, position, account_id FROM account_balances")
    between = bank.deposit("ACC-1004", 77, "BETWEEN", bank.healthy.now + timedelta(hours=2))
    bank.book("ACC-1004", 77, "BETWEEN", bank.healthy.now + timedelta(hours=2))
    second = a_round(bank, "SECOND", 3)
    accounts = [row for row in kept if row[2] in ACCOUNTS]
    bank.change("UPDATE account_balances SET balance_minor = ?, position = ? WHERE account_id = ?", accounts)
    if rows_too:
        bank.sql("DELETE FROM transaction_history WHERE position BETWEEN ? AND ?", *second)
    for number, account in enumerate(ACCOUNTS):
        moment = bank.healthy.now + timedelta(hours=5, minutes=number)
        bank.deposit(account, 100 + number, f"LATER{number}", moment)
        bank.book(account, 100 + number, f"LATER{number}", moment)
    assert between
    found = [each for each in diagnose(bank.captured()).unhealthy if each.alternative_to is None]
    assert {(each.fault, each.account) for each in found} == {("restored_read_model", account) for account in ACCOUNTS}
    for each in found:
        if rows_too:
            assert each.positions == list(second)
            assert f"{first[0] - 1} and up to {first[1]}" not in each.proof
        else:
            assert f"after position {first[0] - 1} and up to {first[1]}" in each.proof
            assert f"after position {second[0] - 1} and up to {second[1]}" in each.proof
            assert each.positions == [*first, *second]
