"""What a capture assumes of a SQLite source is proved under SQLite's own locks, or refused in a sentence."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from evidence_sources import listing, small_bank
from support import new_event

from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence.capturing.opening import event_types_in, is_database
from esworkbench.evidence.capturing.source import Pace
from esworkbench.evidence.capturing.sqlite_opening import open_sqlite

IMPATIENT = Pace(lock_wait=0.2)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """A cleanly closed bank, alone in its folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    small_bank(f"sqlite:///{folder / 'bank.db'}").engine.dispose()
    return folder / "bank.db"


@pytest.fixture
def in_another_process() -> Iterator[Callable[[Path, str], None]]:
    """Connects to a file in another process, executes a script there, and stays connected."""
    started: list[subprocess.Popen[str]] = []
    program = (
        "import sqlite3, sys, time; connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n"
        "for statement in sys.argv[2].split(';'): connection.execute(statement).fetchall()\n"
        "print('done', flush=True); time.sleep(600)"
    )

    def execute(path: Path, script: str) -> None:
        command = [sys.executable, "-c", program, str(path), script]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8"))
        output = started[-1].stdout
        assert output is not None
        assert output.readline() == "done\n"

    yield execute
    for process in started:
        process.kill()
        with process:
            pass


def streams_in(path: Path, pace: Pace = IMPATIENT, **options: bool) -> int:
    with open_sqlite(path, pace, tables=["events"], **options) as source:
        [[(count,)]] = source.rows("SELECT count(*) FROM events")
    return int(count)


def test_through_a_link_every_committed_event_is_taken(tmp_path: Path) -> None:
    """The write-ahead log lies beside the file, not beside the link."""
    (tmp_path / "store").mkdir()
    store = EventStore.open(f"sqlite:///{tmp_path / 'store' / 'bank.db'}")
    for version in range(5):
        store.append("account-a", [new_event()], expected_version=version)
    (tmp_path / "folder").symlink_to(tmp_path / "store")
    (tmp_path / "current.db").symlink_to("folder/bank.db")
    (tmp_path / "newest.db").symlink_to("current.db")
    for name in ("current.db", "newest.db", "folder/bank.db", "folder/../store/bank.db"):
        assert streams_in(tmp_path / name) == 5
    store.engine.dispose()


def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    (tmp_path / "round").symlink_to("round")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    for source, words in {
        str(tmp_path / "fifo"): "is a FIFO",
        str(tmp_path / "link"): "is a FIFO",
        str(tmp_path / "socket"): "is a socket",
        str(tmp_path): "is a folder",
        "/dev/zero": "is a device",
        str(tmp_path / "round"): "can't be read",
        f"{tmp_path}/bank.db/deeper": "can't be read",
        f"{tmp_path}/a\0b": "can't be read",
    }.items():
        for address in (source, f"sqlite:///{source}"):
            with pytest.raises(UnusableInput, match=words):
                capture(address, tmp_path / "evidence", progress=False)


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
def test_what_lies_beside_a_file_is_looked_at_before_it_is_opened(bank: Path, suffix: str) -> None:
    os.mkfifo(f"{bank}{suffix}")
    with pytest.raises(UnusableInput, match=f"bank.db{suffix} is not a regular file"):
        streams_in(bank)


@pytest.mark.parametrize("options", ["?immutable=1", "?mode=rwc", "?uri=true&mode=ro"])
def test_options_of_sqlites_are_not_passed_on(bank: Path, tmp_path: Path, options: str) -> None:
    for address in (f"sqlite:///{bank}{options}", f"sqlite:///file:{bank}{options}"):
        with pytest.raises(UnusableInput, match="capture sets its own: name the file alone"):
            capture(address, tmp_path / "evidence", progress=False)


def test_a_name_of_any_bytes_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"b\xe4nk?mode=memory#%41 .db")
    store = EventStore.open(f"sqlite:///{tmp_path / 'plain.db'}")
    store.append("account-a", [new_event()], expected_version=0)
    store.engine.dispose()
    (tmp_path / "plain.db").rename(path)
    assert is_database(str(path))
    assert streams_in(path) == 1


def test_who_keeps_the_file_for_itself_is_to_let_go(
    bank: Path, in_another_process: Callable[[Path, str], None]
) -> None:
    in_another_process(bank, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE")
    before = listing(bank.parent)
    for brief in (False, True):
        with pytest.raises(UnusableInput, match=r"locking_mode=EXCLUSIVE\): end its transaction, or close it"):
            streams_in(bank, brief=brief)
    assert set(listing(bank.parent)) == set(before)


def test_a_second_name_is_refused(bank: Path, tmp_path: Path) -> None:
    (tmp_path / "other.db").hardlink_to(bank)
    for name in (bank, tmp_path / "other.db"):
        with pytest.raises(UnusableInput, match="more than one name"):
            streams_in(name)


def test_a_file_renamed_while_in_use_is_not_taken_for_a_closed_one(
    bank: Path, in_another_process: Callable[[Path, str], None]
) -> None:
    in_another_process(bank, "UPDATE account_balances SET balance_minor = 1")
    moved = bank.rename(bank.with_name("moved.db"))
    for brief in (False, True):
        with pytest.raises(UnusableInput, match="keeps no -wal file beside it under this name"):
            streams_in(moved, brief=brief)


def test_a_file_put_in_the_place_of_one_in_use_is_not_read_with_its_log(
    bank: Path, tmp_path: Path, in_another_process: Callable[[Path, str], None]
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(bank.read_bytes())
    in_another_process(bank, "UPDATE account_balances SET balance_minor = 1")
    copy.replace(bank)
    with pytest.raises(UnusableInput, match="belongs to a process that has another file open"):
        streams_in(bank)


def test_a_file_replaced_while_it_is_read_is_noticed(bank: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(bank.read_bytes())
    with pytest.raises(UnusableInput, match="another file took its place"), open_sqlite(bank, IMPATIENT):
        copy.replace(bank)


@pytest.mark.parametrize("mode", ["DELETE", "PERSIST"])
def test_writers_with_a_rollback_journal_go_on_while_their_file_is_read(bank: Path, mode: str) -> None:
    with closing(sqlite3.connect(bank, isolation_level=None, timeout=0)) as writer:
        writer.execute(f"PRAGMA journal_mode = {mode}")
        with open_sqlite(bank, IMPATIENT) as source:
            writer.execute("UPDATE account_balances SET balance_minor = 77 WHERE account_id = 'a1'")
            [[(balance,)]] = source.rows("SELECT balance_minor FROM account_balances WHERE account_id = 'a1'")
    assert balance != 77


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_every_reader_that_joins_sees_the_same_cut(bank: Path, mode: str) -> None:
    with closing(sqlite3.connect(bank, isolation_level=None)) as writer:
        writer.execute(f"PRAGMA journal_mode = {mode}")
        writer.execute("UPDATE account_balances SET balance_minor = 76 WHERE account_id = 'a1'")
        with open_sqlite(bank, IMPATIENT) as source:
            writer.execute("UPDATE account_balances SET balance_minor = 77 WHERE account_id = 'a1'")
            with closing(sqlite3.connect(source.uri, uri=True)) as other:
                seen = other.execute("SELECT balance_minor FROM account_balances WHERE account_id = 'a1'").fetchall()
            assert seen == [(76,)]


def test_the_locks_of_this_process_stay_its_own(bank: Path, tmp_path: Path) -> None:
    """POSIX would drop them all with the first descriptor of the file that this process closes."""
    with closing(sqlite3.connect(bank, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = DELETE")
        writer.execute("BEGIN IMMEDIATE")
        assert is_database(str(bank))
        assert event_types_in(str(bank))
        capture(str(bank), tmp_path / "evidence", progress=False)
        program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        other = subprocess.run([sys.executable, "-c", program, str(bank)], check=False, capture_output=True, text=True)
        assert "database is locked" in other.stderr
        writer.execute("ROLLBACK")


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_two_captures_are_not_in_each_others_way(bank: Path, mode: str) -> None:
    with closing(sqlite3.connect(bank)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    with open_sqlite(bank, IMPATIENT) as source:
        assert streams_in(bank) == streams_in(bank, brief=True) > 0
        assert source.columns()["events"]


def test_a_file_that_is_gone_when_it_is_locked_is_one_sentence(bank: Path) -> None:
    with pytest.raises(UnusableInput, match="No such file"), open_sqlite(bank, IMPATIENT):
        bank.unlink()


def test_a_copy_that_does_not_fit_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "vast.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (global_position)")
    os.truncate(path, 8 << 40)
    with pytest.raises(UnusableInput, match=r"there is no room for a private copy in .*: make room, or name another"):
        streams_in(path)


@pytest.mark.parametrize(
    ("what", "made_by"),
    [
        ("a view", "CREATE VIEW Events AS SELECT 1 AS global_position"),
        ("a virtual table", "CREATE VIRTUAL TABLE events USING fts5(global_position)"),
    ],
)
def test_a_log_that_is_no_table_is_not_read(tmp_path: Path, what: str, made_by: str) -> None:
    path = tmp_path / "bank.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(made_by)
    with pytest.raises(UnusableInput, match=f"is {what}, which shows what it likes"):
        streams_in(path)


def test_a_change_that_no_journal_can_undo_shows_where_it_breaks_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (global_position INTEGER PRIMARY KEY, payload)")
        connection.executemany("INSERT INTO events VALUES (?, zeroblob(3000))", [(n,) for n in range(1, 50)])
        connection.commit()
    os.truncate(path, path.stat().st_size - 8192)
    with pytest.raises(UnusableInput, match=r"can't be captured"):
        streams_in(path)
