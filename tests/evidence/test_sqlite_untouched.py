"""A SQLite file is left as it was: not a byte, not a file beside it, whatever state it was found in."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from evidence_sources import BALANCES, listing, small_bank

from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.source import Pace
from esworkbench.evidence.capturing.sqlite_opening import open_sqlite


def balances_in(path: Path, into: Path) -> dict[tuple[str, str], int]:
    evidence = capture(str(path), into, progress=False)
    sums = evidence.connection().execute(
        "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings GROUP BY ALL"
    )
    return {(account, currency): amount for account, currency, amount in sums.fetchall()}


POSTED = {key: balance for key, balance in BALANCES.items() if key[0] != "idle"}


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A cleanly closed bank, alone in its folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    small_bank(f"sqlite:///{folder / 'bank.db'}").engine.dispose()
    assert list(listing(folder)) == ["bank.db"]
    return folder / "bank.db"


def test_a_cleanly_closed_file(bank: Path, tmp_path: Path) -> None:
    before = listing(bank.parent)
    assert balances_in(bank, tmp_path / "evidence") == POSTED
    assert listing(bank.parent) == before


def test_a_file_that_a_writer_has_open(bank: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(bank, isolation_level=None)
    writer.execute("UPDATE account_balances SET balance_minor = balance_minor")
    before = listing(bank.parent)
    assert set(before) == {"bank.db", "bank.db-wal", "bank.db-shm"}
    assert balances_in(bank, tmp_path / "evidence") == POSTED
    after = listing(bank.parent)
    assert {name: after[name] for name in ("bank.db", "bank.db-wal")} == {
        name: before[name] for name in ("bank.db", "bank.db-wal")
    }
    assert set(after) == set(before)
    writer.close()
    assert list(listing(bank.parent)) == ["bank.db"], "the writer could clean up behind itself"


@pytest.mark.parametrize("left_behind", [("-wal",), ("-wal", "-shm")])
def test_what_a_crash_left_behind(bank: Path, tmp_path: Path, left_behind: tuple[str, ...]) -> None:
    """The last change is in the write-ahead log only, and it must be in the evidence."""
    writer = sqlite3.connect(bank, isolation_level=None)
    writer.execute("UPDATE account_balances SET balance_minor = 77 WHERE account_id = 'a1'")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for suffix in ("", *left_behind):
        shutil.copyfile(f"{bank}{suffix}", crashed / f"bank.db{suffix}")
    writer.close()
    before = listing(crashed)
    evidence = capture(str(crashed / "bank.db"), tmp_path / "evidence", progress=False)
    assert [head.claimed_minor for head in evidence.assertions("a1", kind="head")] == [77]
    after = listing(crashed)
    assert set(after) == set(before)
    assert (after["bank.db"], after["bank.db-wal"]) == (before["bank.db"], before["bank.db-wal"])


def test_a_file_with_a_rollback_journal(bank: Path, tmp_path: Path) -> None:
    with sqlite3.connect(bank) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = listing(bank.parent)
    assert balances_in(bank, tmp_path / "evidence") == POSTED
    assert listing(bank.parent) == before


def test_a_write_into_a_file_that_was_closed_is_noticed(bank: Path) -> None:
    def capture_while_another_writes() -> None:
        with open_sqlite(bank, Pace()) as source:
            list(source.rows("SELECT * FROM events"))
            with sqlite3.connect(bank) as connection:
                connection.execute("UPDATE account_balances SET balance_minor = 1")
            connection.close()

    with pytest.raises(UnusableInput, match="was written to while it was captured"):
        capture_while_another_writes()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "is empty"), (b"SQLite format 3\0" + b"x" * 4096, "can't be captured")],
)
def test_what_is_no_database_is_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "bank.db"
    if content is not None:
        path.write_bytes(content)
    for source in (str(path), f"sqlite:///{path}"):
        with pytest.raises(UnusableInput, match=words):
            capture(source, tmp_path / "evidence", progress=False)
    assert not (tmp_path / "evidence").exists()
    assert len(list(tmp_path.iterdir())) == (content is not None)
