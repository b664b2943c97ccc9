"""Evidence is read from its own files, whatever its folder is called (promise 17): one seam for paths into DuckDB."""

import os
import re
import sys
from pathlib import Path

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.replay.replay import balance_at
from tests.forensics.small_ledger import SmallLedger

PACKAGE = Path(__file__).parents[2] / "esworkbench"
SQL_WITH_A_PATH = re.compile(
    r"\b(read_parquet|parquet_scan|parquet_\w*metadata|parquet_schema)\(|\bFROM read_(csv|json|text|blob)|"
    r"FORMAT parquet|\bglob\('|\b(EXPORT|IMPORT) DATABASE"
)


def account_of(amount: int) -> SmallLedger:
    ledger = SmallLedger()
    ledger.event("A", amount)
    ledger.claim("A", amount)
    return ledger


@pytest.mark.parametrize(
    ("name", "matched"),
    [("case[1]", "case1"), ("ev*", "evX"), ("ev?", "evX"), ("[!a]", "b"), ("**", "other"), ("a'b", "ab"),
     ("line\nbreak", "linebreak"), ("{a,b}", "a"), ("~", "home"), ("a]b[", "ab"), ("é", "e")],
)  # fmt: skip
def test_a_folder_whose_name_is_a_pattern_is_read_from_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, matched: str
) -> None:
    if sys.platform == "win32" and re.search(r'[*?"\n]', name):
        pytest.skip("Windows has no such names")
    account_of(999).write(tmp_path / matched)
    account_of(5).write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    evidence = Evidence.open(name)
    assert balance_at(evidence, "A").balance == 5
    assert evidence.rows("SELECT amount_minor FROM postings") == [(5,)]
    assert diff(evidence).divergent == 0


def test_a_folder_reached_through_a_link_is_read(tmp_path: Path) -> None:
    account_of(5).write(tmp_path / "evidence")
    (tmp_path / "link").symlink_to(tmp_path / "evidence")
    assert balance_at(Evidence.open(tmp_path / "link"), "A").balance == 5


def test_a_name_that_is_no_text_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"case\xff")
    with pytest.raises(UnusableInput, match="is not UTF-8 text, which DuckDB can't open: rename the folder"):
        account_of(5).write(folder)
    assert list(tmp_path.iterdir()) == []
    account_of(5).write(tmp_path / "case").path.rename(folder)
    with pytest.raises(UnusableInput, match="is not UTF-8 text"):
        Evidence.open(folder)


def test_nobody_else_gives_duckdb_a_path() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if SQL_WITH_A_PATH.search(path.read_text("utf-8"))
    }
    assert found == {"archive/paths.py"}
