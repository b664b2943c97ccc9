"""A handler that ran twice over a stretch of the log: found in every read model that a checkpoint log names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from broken_copy import Copy

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.evidence import Evidence
from esworkbench.projections import ProjectionRunner


def run_again(copy: Copy, table: str, first: int, last: int) -> None:
    """The real runner over positions ``first`` to ``last`` once more, and the checkpoint put back where it stood."""
    with copy.by_hand() as connection:
        kept = connection.exec_driver_sql(f"SELECT position FROM checkpoints WHERE projection = '{table}'").scalar()
        connection.exec_driver_sql(f"UPDATE checkpoints SET position = {first - 1} WHERE projection = '{table}'")
    ProjectionRunner(copy.store, BANK_PROJECTIONS[table](), bank_decoder(), run_id="again").catch_up(up_to=last)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"UPDATE checkpoints SET position = {kept} WHERE projection = '{table}'")


def posted(evidence: Evidence, first: int, last: int) -> Iterator[tuple[str, str, int]]:
    yield from evidence.rows(
        "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings WHERE position BETWEEN $first AND $last "
        "GROUP BY ALL HAVING count(*) FILTER (amount_minor <> 0) > 0 ORDER BY ALL",
        first=first, last=last,
    )  # fmt: skip


@pytest.mark.parametrize(("first", "last"), [(40, 90), (100, 100), (1, 150)])
@pytest.mark.parametrize("table", ["account_balances", "daily_summaries"])
def test_sums_that_count_a_stretch_twice_are_told_account_by_account(
    table: str, first: int, last: int, tmp_path: Path
) -> None:
    copy = Copy("none", tmp_path)
    run_again(copy, table, first, last)
    diagnosis = copy.diagnose()
    told = [(each.account, each.currency, each.amount) for each in diagnosis.findings]
    owed = [each for each in posted(copy.evidence, first, last) if each[2] or table == "daily_summaries"]
    assert sorted(told, key=str) == owed != []
    assert {(each.fault, each.certainty) for each in diagnosis.findings} == {("double_apply", "proven")}
    assert diagnosis.unexplained == []


def test_a_day_of_credits_and_debits_that_cancel_is_told_by_its_columns(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    first = copy.store.head_position() + 1
    for amount in (700, -700):
        copy.deposit(f"SAME-{amount}", amount)
        copy.book(f"SAME-{amount}", amount)
    copy.catch_up()
    run_again(copy, "daily_summaries", first, first + 1)
    diagnosis = copy.diagnose()
    [finding] = diagnosis.findings
    assert (finding.fault, finding.amount, finding.positions) == ("double_apply", 0, [first, first + 1])
    assert diagnosis.unexplained == []


def test_what_else_is_wrong_with_a_day_is_left_to_others(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    run_again(copy, "daily_summaries", 40, 90)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            "UPDATE daily_summaries SET credits_minor = credits_minor + 7 WHERE rowid = (SELECT max(rowid) "
            "FROM daily_summaries WHERE account_id = 'ACC-1001')"
        )
    diagnosis = copy.diagnose()
    others = [each for each in diagnosis.findings if each.fault != "double_apply"]
    assert [(each.fault, each.account, each.amount) for each in others] == [("manual_edit", "ACC-1001", 7)]
    assert diagnosis.unexplained == []


def test_a_request_applied_again_after_its_answer_puts_back_the_hold(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    [(position, account)] = copy.evidence.rows(
        "SELECT e.position, p.account FROM events AS e JOIN postings AS p USING (event_id) "
        "WHERE e.type = 'WithdrawalRequested' ORDER BY 1 LIMIT 1"
    )
    run_again(copy, "pending_withdrawals", position, position)
    diagnosis = copy.diagnose()
    [finding] = diagnosis.findings
    assert (finding.fault, finding.account, finding.amount) == ("double_apply", account, 0)
    assert (finding.positions, finding.certainty) == ([position], "proven")
    assert diagnosis.unexplained == []
