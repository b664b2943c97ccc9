"""A snapshot past its stream, half a difference that was swallowed, a cut chain that was called drift."""

import csv
import os
from pathlib import Path

import pytest
from broken_copy import ACCOUNT, Copy, names

from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import UnusableInput
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.repair.kept_rows import keep_rows


def test_a_snapshot_of_a_version_that_the_stream_never_reached_is_a_bad_snapshot(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(snapshots)")]
        taken = ", ".join("version + 500" if name == "version" else name for name in columns)
        connection.exec_driver_sql(
            f"INSERT INTO snapshots ({', '.join(columns)}) SELECT {taken} FROM snapshots "
            f"WHERE stream_id = 'BankAccount-{ACCOUNT}' ORDER BY version LIMIT 1"
        )
    [finding] = [each for each in copy.diagnose().findings if each.alternative_to is None]
    assert (finding.fault, finding.account, finding.positions) == ("bad_snapshot", ACCOUNT, [])
    assert "no event of the stream has version" in finding.proof


def test_a_line_with_its_sign_turned_is_told_to_the_last_minor_unit(tmp_path: Path) -> None:
    """The line and the event stand apart by twice the amount: one half must not pass for an echo of the other."""
    copy = Copy("none", tmp_path)
    path = copy.statement()
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = list(csv.reader(file))
    turned = next(index for index, line in enumerate(lines) if line[0] == ACCOUNT and int(line[4]) < 0)
    amount = int(lines[turned][4])
    lines[turned][4] = str(-amount)
    for line in lines[turned:]:
        if line[:2] == lines[turned][:2]:
            line[5] = str(int(line[5]) - 2 * amount)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    evidence = copy.evidence_of()
    diagnosis = diagnose(evidence)
    [row] = diff(evidence).rows
    told = sum(each.explains.get(path.name, 0) for each in diagnosis.findings if each.alternative_to is None)
    left = sum(each.amount for each in diagnosis.unexplained if each.source == path.name)
    assert told + left == row.delta == -2 * amount


def test_a_chain_that_is_cut_is_no_serializers_work(tmp_path: Path) -> None:
    """An event deleted and the rest numbered anew: every later hash fails, and somebody was at work."""
    copy = Copy("none", tmp_path)
    stream = f"BankAccount-{ACCOUNT}"
    with copy.by_hand() as connection:
        (gone,) = connection.exec_driver_sql(
            f"SELECT version FROM events WHERE stream_id = '{stream}' AND event_type = 'MoneyDeposited' "
            "ORDER BY version LIMIT 1 OFFSET 5"
        ).one()
        connection.exec_driver_sql(f"DELETE FROM events WHERE stream_id = '{stream}' AND version = {gone}")
        for (version,) in connection.exec_driver_sql(
            f"SELECT version FROM events WHERE stream_id = '{stream}' AND version > {gone} ORDER BY version"
        ).all():
            connection.exec_driver_sql(
                f"UPDATE events SET version = {version - 1} WHERE stream_id = '{stream}' AND version = {version}"
            )
    diagnosis = copy.diagnose()
    assert diagnosis.tested["serialization_drift"] == "ruled_out"
    assert [each for each in diagnosis.unhealthy if each.account == ACCOUNT]


def test_a_statement_with_a_mark_at_its_beginning_is_read(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    path = copy.statement()
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert names(copy.diagnose()) == {}


@pytest.mark.parametrize("figure", ["\u0663\u0661", "3_15", "", "12.5", "1e3"])
def test_a_figure_of_a_statement_that_is_no_whole_number_is_refused(figure: str, tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    path = copy.statement()
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:4], figure, "100"])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(UnusableInput, match=r"line 4: amount_minor .* is no whole number of minor units"):
        copy.diagnose()


def test_a_fifo_among_the_statements_or_for_a_ledger_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    os.mkfifo(copy.statement().with_name("x.csv"))
    os.mkfifo(tmp_path / "ledger.toml")
    with pytest.raises(UnusableInput, match="FIFO"):
        copy.diagnose()
    with pytest.raises(UnusableInput, match="FIFO"):
        LedgerDefinition.load(tmp_path / "ledger.toml")


def test_replaced_rows_are_not_kept_through_a_link(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "evidence.replaced").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnusableInput, match="is a link"):
        keep_rows(copy.store, BANK_PROJECTIONS["account_balances"](), tmp_path / "evidence")
    assert not list((tmp_path / "elsewhere").iterdir())
