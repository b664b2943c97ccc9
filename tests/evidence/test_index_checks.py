"""Promise 13, evidence agrees with itself: what an index shows is held against what its table holds, at the cut.

The damage is real: an index that leads to other rows than its table has, on both engines.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest

from esworkbench.archive import MANIFEST, IndexCheck
from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing import index_checks
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.lab import build_incident

TABLE = "account_balances"
MISSING = "ACC-1003"


def bank(url: str, folder: Path) -> str:
    build_incident(url, fault="none", seed=1, scale="small", key_file=folder / "answer.key")
    return url


def hide_from_index(url: str) -> None:
    """The account's row stays in the table; the index of its key doesn't lead to it any more."""
    if not url.startswith("sqlite"):
        with psycopg.connect(url) as connection:
            ready = "UPDATE pg_index SET indisready = {} WHERE indrelid = 'account_balances'::regclass"
            row = connection.execute(f"SELECT * FROM {TABLE} WHERE account_id = %s", [MISSING]).fetchone()
            assert row is not None
            connection.execute(f"DELETE FROM {TABLE} WHERE account_id = %s", [MISSING])
            connection.execute(ready.format(False))
            connection.commit()
            connection.execute(f"INSERT INTO {TABLE} VALUES ({', '.join(['%s'] * len(row))})", row)
            connection.commit()
            connection.execute(ready.format(True))
        return
    # The root of another index is put in its place: that of a copy of the table from before the row was written.
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        [(made,)] = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [TABLE])
        connection.execute(made.replace(f"CREATE TABLE {TABLE}", "CREATE TABLE copied"))
        connection.execute(f"INSERT INTO copied SELECT * FROM {TABLE}")
        connection.execute(
            f"UPDATE copied SET rowid = -(SELECT t.rowid FROM {TABLE} t WHERE t.account_id = copied.account_id)"
        )
        connection.execute("UPDATE copied SET rowid = -rowid")
        connection.execute("DELETE FROM copied WHERE account_id = ?", [MISSING])
        connection.commit()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'copied' "
            "AND type = 'index') WHERE type = 'index' AND tbl_name = ?", [TABLE],
        )  # fmt: skip
        connection.commit()


def checks_of(evidence: Evidence) -> dict[str, IndexCheck]:
    assert evidence.manifest.index_checks is not None
    return {check.table: check for check in evidence.manifest.index_checks}


def test_on_a_healthy_store_both_ways_show_the_same(store_url: str, tmp_path: Path) -> None:
    evidence = capture(bank(store_url, tmp_path), tmp_path / "evidence", progress=False)
    for model in evidence.ledger.read_model:
        check = checks_of(evidence)[model.table]
        assert (check.not_asked, check.error, check.differs) == ("", "", False)
        [(rows, total)] = evidence.rows(
            "SELECT count(*), coalesce(sum(claimed_minor), 0)::BIGINT FROM assertions "
            "WHERE source = $source AND kind = $kind",
            source=model.projection, kind=model.kind,
        )  # fmt: skip
        assert (check.rows, check.total) == (check.rows_through_index, check.total_through_index) == (rows, total)
    assert diagnose(evidence).tested["index_differs"] == "ruled_out"


def test_a_row_that_the_index_does_not_lead_to_is_told_and_is_in_the_evidence(store_url: str, tmp_path: Path) -> None:
    """Exactly that account, no residual: evidence is of the table, and nothing else is accused."""
    hide_from_index(bank(store_url, tmp_path))
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    check = checks_of(evidence)[TABLE]
    assert check.rows_through_index == (check.rows or 0) - 1
    [difference] = check.differing
    assert (difference.account, difference.rows, difference.rows_through_index) == (MISSING, 1, 0)
    assert diff(evidence).rows == []
    diagnosis = diagnose(evidence)
    [found] = diagnosis.findings
    assert (found.fault, found.account, found.amount, found.certainty) == ("index_differs", MISSING, 0, "proven")
    assert diagnosis.unexplained == []


def test_a_damaged_index_is_told_and_the_table_is_captured_all_the_same(tmp_path: Path) -> None:
    url = bank(f"sqlite:///{tmp_path / 'bank.db'}", tmp_path)
    with closing(sqlite3.connect(tmp_path / "bank.db")) as connection:
        [(root,)] = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", [TABLE]
        )
        [(size,)] = connection.execute("PRAGMA page_size")
    with (tmp_path / "bank.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    evidence = capture(url, tmp_path / "evidence", progress=False)
    assert "malformed" in checks_of(evidence)[TABLE].error
    [found] = diagnose(evidence).findings
    assert (found.fault, found.account) == ("index_differs", None)
    assert "malformed" in found.proof


@pytest.mark.parametrize("name", ['of "all"', "100% sure", "größe; --"])
def test_an_index_may_have_any_name_and_be_ordered_downwards(store_url: str, tmp_path: Path, name: str) -> None:
    bank(store_url, tmp_path)
    made = f"CREATE INDEX {index_checks.quoted(name)} ON {TABLE} (balance_minor DESC, account_id)"
    partial = f"CREATE INDEX some_rows ON {TABLE} (balance_minor) WHERE balance_minor > 0"
    connect = (
        sqlite3.connect(store_url.removeprefix("sqlite:///"))
        if store_url[:6] == "sqlite"
        else psycopg.connect(store_url)
    )
    with closing(connect) as connection:
        connection.execute(made)
        connection.execute(partial)
        connection.commit()
    evidence = capture(store_url, tmp_path / "evidence", progress=False)
    mine = {check.index: check for check in evidence.manifest.index_checks or [] if check.table == TABLE}
    assert "some_rows" not in mine
    assert len(mine) == 2
    assert mine[name].rows_through_index == mine[name].rows
    assert (mine[name].not_asked, mine[name].differs) == ("", False)


def test_a_table_of_too_many_rows_is_not_fetched_through_an_index(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded cost, and no verdict on what wasn't asked."""
    monkeypatch.setattr(index_checks, "MOST_ROWS", 20)
    hide_from_index(bank(sqlite_url, tmp_path))
    evidence = capture(sqlite_url, tmp_path / "evidence", progress=False)
    assert checks_of(evidence)["transaction_history"].rows_through_index is None
    assert checks_of(evidence)[TABLE].differs
    assert diagnose(evidence).tested["index_differs"] == "found"
    monkeypatch.setattr(index_checks, "MOST_ROWS", 2)
    again = diagnose(capture(sqlite_url, tmp_path / "again", progress=False)).tested["index_differs"]
    assert again.startswith("not_testable: ")
    assert "more than 2 rows" in again


def test_evidence_of_an_earlier_release_says_nothing_of_indexes(sqlite_url: str, tmp_path: Path) -> None:
    capture(bank(sqlite_url, tmp_path), tmp_path / "evidence", progress=False)
    path = tmp_path / "evidence" / MANIFEST
    manifest = json.loads(path.read_bytes())
    del manifest["index_checks"]
    path.write_bytes(json.dumps(manifest).encode())
    assert diagnose(Evidence.open(tmp_path / "evidence")).tested["index_differs"].startswith("not_testable: ")


def test_a_check_takes_its_part_of_the_pace(sqlite_url: str, tmp_path: Path) -> None:
    """A capture that has to give up does so here, too."""
    bank(sqlite_url, tmp_path)
    with pytest.raises(UnusableInput, match="gave up"):
        capture(sqlite_url, tmp_path / "evidence", progress=False, give_up_after=0.0)


def test_totals_beyond_64_bits_are_left_out() -> None:
    assert index_checks._total([2**31, 0]) is None
    assert index_checks._total([-(2**31), 0]) == -(2**63)
    assert index_checks._total([0, 5]) == 5
    assert msgspec.json.decode(msgspec.json.encode(IndexCheck(table="t", projection="p", index="i", total=None)))
