"""What a row says of its event beside all amounts is compared too: every column that claims something (promise 15)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from broken_copy import ACCOUNT, Copy
from damaged_bank import DamagedBank
from small_ledger import SmallLedger

from esworkbench.errors import UnusableInput
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose


def one_row(table: str, nth: int = 3) -> str:
    return f"rowid = (SELECT rowid FROM {table} WHERE account_id = '{ACCOUNT}' ORDER BY rowid LIMIT 1 OFFSET {nth})"


EDITS = {
    "a version": f"UPDATE account_balances SET version = version + 1 WHERE account_id = '{ACCOUNT}'",
    "an earlier version": f"UPDATE account_balances SET version = version - 1 WHERE account_id = '{ACCOUNT}'",
    "a head's position": f"UPDATE account_balances SET position = 3 WHERE account_id = '{ACCOUNT}'",
    "both": f"UPDATE account_balances SET position = 3, version = 2 WHERE account_id = '{ACCOUNT}'",
    "a row's type": f"UPDATE transaction_history SET event_type = 'Gift' WHERE {one_row('transaction_history')}",
    "a row's time": "UPDATE transaction_history SET recorded_at = '2021-01-01T00:00:00.000000Z' "
                    f"WHERE {one_row('transaction_history')}",
    "a row's position": f"UPDATE transaction_history SET position = 99999 WHERE {one_row('transaction_history')}",
    "a row's id": f"UPDATE transaction_history SET event_id = 'other' WHERE {one_row('transaction_history')}",
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_a_column_that_is_changed_by_hand_is_one_finding_and_diff_tells_it(edit: str, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(EDITS[edit])
    evidence = copy.evidence_of()
    diagnosis = diagnose(evidence)
    [finding] = [each for each in diagnosis.findings if each.alternative_to is None]
    assert (finding.fault, finding.account, finding.amount) == ("manual_edit", ACCOUNT, 0)
    assert finding.certainty != "proven"
    assert diagnosis.unexplained == []
    found = diff(evidence)
    assert (found.divergent, {each.account for each in found.wrong_columns}) == (0, {ACCOUNT})
    assert all(f"{each.column} is {each.says!r}" in finding.proof for each in found.wrong_columns)


def waiting(copy: Copy, column: str, value: str) -> None:
    """A hold of today, which waits, and a wrong word in its row."""
    from esworkbench.domains.bank import BANK_EVENT_TYPES, WithdrawalRequested

    event = BANK_EVENT_TYPES.encode(
        WithdrawalRequested(withdrawal_id="W-NEW", amount_minor=100, currency="USD", reference="NEW"), metadata={}
    )
    stream = f"BankAccount-{ACCOUNT}"
    copy.store.append(stream, [event], expected_version=copy.store.stream_version(stream))
    copy.catch_up()
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"UPDATE pending_withdrawals SET {column} = {value} WHERE withdrawal_id = 'W-NEW'")


@pytest.mark.parametrize(("column", "value"), [("position", "7"), ("requested_at", "'2021-01-01T00:00:00.000000Z'")])
def test_what_a_hold_says_of_its_request(column: str, value: str, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    waiting(copy, column, value)
    diagnosis = copy.diagnose()
    [finding] = [each for each in diagnosis.unhealthy if each.alternative_to is None]
    assert (finding.fault, finding.account, finding.amount) == ("manual_edit", ACCOUNT, 0)
    assert column in finding.proof


def exchange(copy: Copy, accounts: tuple[str, str]) -> None:
    with copy.by_hand() as connection:
        rows = [
            connection.exec_driver_sql(
                f"SELECT rowid, event_id FROM transaction_history WHERE account_id = '{account}' "
                f"ORDER BY rowid LIMIT 1 OFFSET {place}"
            ).one()
            for place, account in zip((3, 6), accounts, strict=True)
        ]
        for (rowid, _), (_, event_id) in zip(rows, reversed(rows), strict=True):
            connection.exec_driver_sql(f"UPDATE transaction_history SET event_id = '{event_id}' WHERE rowid = {rowid}")


@pytest.mark.parametrize("accounts", [(ACCOUNT, ACCOUNT), (ACCOUNT, "ACC-1002")])
def test_two_rows_whose_event_ids_are_exchanged(accounts: tuple[str, str], tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    exchange(copy, accounts)
    diagnosis = copy.diagnose()
    told = [each for each in diagnosis.findings if each.alternative_to is None]
    assert [(each.fault, each.account, each.amount) for each in told] == [
        ("manual_edit", account, 0) for account in sorted(set(accounts))
    ]
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("damage", ["restored", "deleted", "balance"])
def test_a_wrong_column_that_follows_from_another_fault_is_not_told_again(damage: str, tmp_path: Path) -> None:
    if damage == "deleted":
        bank = DamagedBank(tmp_path)
        bank.delete(bank.any_event())
        assert {each.fault for each in diagnose(bank.captured()).findings} == {"event_deleted"}
        return
    copy = Copy("none", tmp_path)
    if damage == "restored":
        from random import Random

        from test_read_model_verdicts import restored

        restored(copy, Random(1))
        assert {each.fault for each in copy.diagnose().unhealthy} == {"restored_read_model"}
        return
    copy.edit_balance(12345)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(EDITS["a version"])
    [finding] = [each for each in copy.diagnose().unhealthy if each.alternative_to is None]
    assert (finding.fault, finding.amount) == ("manual_edit", 12345)


HEADS = """
[[read_model]]
table = "balances"
kind = "head"
projection = "balances"
claimed = "amount"
version = "version"
position = "position"
"""

Given = Callable[[SmallLedger], None]


def opened_only(ledger: SmallLedger) -> None:
    ledger.event("A", None, type="Opened")
    ledger.claim("A", 0, version=1, position=1)


def waits_at_zero(ledger: SmallLedger) -> None:
    ledger.event("A", 5)
    ledger.claim("A", 5, version=1, position=1)
    ledger.claim("B", 0, version=0, position=0)


def follows_every_event_of_the_stream(ledger: SmallLedger) -> None:
    ledger.event("A", 5)
    ledger.event("A", None, type="Renamed")
    ledger.claim("A", 5, version=2, position=2)


def leaves_out_what_moves_nothing(ledger: SmallLedger) -> None:
    ledger.event("A", 5)
    ledger.event("A", 0)
    ledger.claim("A", 5, version=1, position=1)


def lags(ledger: SmallLedger) -> None:
    ledger.event("A", 5)
    ledger.claim("A", 5, version=1, position=1)
    ledger.batch(1, 1, 2)
    ledger.event("A", 7)


@pytest.mark.parametrize(
    "given", [opened_only, waits_at_zero, follows_every_event_of_the_stream, leaves_out_what_moves_nothing, lags],
)  # fmt: skip
def test_a_healthy_current_balance_may_name_any_event_after_which_nothing_moves_it(
    given: Given, tmp_path: Path
) -> None:
    ledger = SmallLedger()
    ledger.ledger += HEADS.encode()
    given(ledger)
    if not ledger.batches:
        ledger.batch(1, len(ledger.events), 9)
    assert diff(ledger.captured(tmp_path / "e")).wrong_columns == []


def test_without_a_checkpoint_log_a_wrong_column_is_unexplained(tmp_path: Path) -> None:
    ledger = SmallLedger()
    ledger.ledger += HEADS.encode()
    ledger.event("A", 5)
    ledger.event("A", 6)
    ledger.claim("A", 11, version=1, position=2)
    ledger.checkpoints["balances"] = 2
    diagnosis = diagnose(ledger.captured(tmp_path / "e"))
    assert diagnosis.findings == []
    [left] = diagnosis.unexplained
    assert (left.account, left.amount, left.source) == ("A", 0, "balances")


def test_a_table_that_keeps_whole_seconds_is_compared_in_whole_seconds(tmp_path: Path) -> None:
    from datetime import timedelta

    from small_ledger import hours

    ledger = SmallLedger()
    ledger.ledger += (HEADS.replace("head", "running") + 'recorded_at = "at"\n').encode()
    for amount in (5, 6):
        place = len(ledger.events) + 1
        ledger.event("A", amount, recorded_at=hours(place) + timedelta(milliseconds=250))
        ledger.claim(
            "A", sum(range(5, amount + 1)), kind="running", version=place, position=place, order_key=place,
            recorded_at=hours(place), step_minor=amount,
        )  # fmt: skip
    ledger.batch(1, 2, 9)
    assert diff(ledger.captured(tmp_path / "e")).wrong_columns == []


def test_a_table_of_holds_has_no_second_name_for_its_rows() -> None:
    given = HEADS.replace("head", "holds") + 'hold = "id"\nevent_id = "event_id"\n'
    text = b'name = "x"\nwithout_posting = ["A"]\n' + given.encode()
    with pytest.raises(UnusableInput, match="can't have `event_id` as well"):
        LedgerDefinition.parse(text, "x")
