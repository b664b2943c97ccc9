"""One cut of a SQLite file, proved under SQLite's own locks, with nothing written to it or beside it."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self
from urllib.parse import quote

import adbc_driver_manager

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing import sqlite_guard
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.evidence.capturing.source import Pace, SqliteSource

PAGES = 4096
"""How many pages of a live file are copied between two looks at the clock."""


@contextlib.contextmanager
def open_sqlite(path: Path, pace: Pace, *, tables: Sequence[str] = (), brief: bool = False) -> Iterator[SqliteSource]:
    """One cut of a SQLite file in any journal mode, which is left as it was, without a new file beside it.

    A cleanly closed file with a write-ahead log is read in place; if somebody begins to write meanwhile, the capture is
    refused at the end. A live one is copied by SQLite's backup, and every other while a reader's lock is held; what a
    crash left behind is recovered in the copy. Until the end, whoever opens the source's ``uri`` reads the same cut.

    The pace is that of the rows: a copy is made as fast as the disks allow, and given up after ``give_up_after``.

    With ``brief`` a file in use is read where it is, which saves the copy: then the cut is that of this one connection,
    and writers of a file with a rollback journal wait for it. Each of ``tables`` that there is has to be a plain table.
    Raises UnusableInput: whom to ask to let go, where SQLite's locks weren't to be had; what is missing for a proof.
    """
    path = regular_file(path)
    try:
        with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder, _Guard(path, folder, pace, brief) as guard:
            copy = Path(folder) / "source.db"
            found = guard.found
            if found == sqlite_guard.LIVE and not brief:
                _back_up(path, copy, pace)
                found = sqlite_guard.COPIED
            if found == sqlite_guard.COPIED:
                guard.release()
                _recover(copy)
            file = copy if found == sqlite_guard.COPIED else path
            uri = sqlite_uri(file, fixed=found != sqlite_guard.LIVE)
            with connect_sqlite(uri) as connection:
                if found != sqlite_guard.LIVE:
                    _require_whole(file, connection)
                _require_tables(connection, tables)
                yield SqliteSource(connection, pace, uri)
            guard.release()
    except (sqlite3.Error, adbc_driver_manager.Error) as error:
        raise UnusableInput(f"SQLite file {path} can't be captured: {error}") from None


def sqlite_uri(path: Path, *, fixed: bool) -> str:
    """The file for a reader. ``fixed``: nobody changes it, so that SQLite needs no lock and makes no file beside it."""
    return f"file:{quote(os.fsencode(path))}?mode=ro{'&immutable=1' if fixed else ''}"


@contextlib.contextmanager
def connect_sqlite(uri: str) -> Iterator[sqlite3.Connection]:
    """A connection in one read transaction, which runs nothing that the file's own schema asks for."""
    # A capture reads in a thread of its own, one at a time.
    with contextlib.closing(
        sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    ) as connection:
        # Damaged text is evidence too: what isn't UTF-8 stays visible instead of ending the capture.
        connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


class _Guard:
    """The process that holds the file's locks; it ends, and they with it, whatever becomes of this one."""

    def __init__(self, path: Path, folder: str, pace: Pace, brief: bool) -> None:
        self._path = path
        words = [str(path), folder, str(pace.lock_wait), str(pace.give_up_after), "brief" if brief else "whole"]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", sqlite_guard.__file__, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        try:
            self.found = self._answer()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def release(self) -> None:
        """Let the file go. Raises UnusableInput if it is not the one any more that was found."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
            self._answer()
            self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise UnusableInput(f"SQLite file {self._path} can't be captured: {answer['refused']}")
        return str(answer["found"])

    def _end(self) -> None:
        self._process.kill()
        with self._process:
            pass


def _back_up(path: Path, copy: Path, pace: Pace) -> None:
    deadline = monotonic() + pace.give_up_after

    def look_at_the_clock(_status: int, _left: int, _total: int) -> None:
        if monotonic() > deadline:
            raise UnusableInput(f"capture gave up copying SQLite file {path}: allow it more time, or capture a copy")

    with connect_sqlite(sqlite_uri(path, fixed=False)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target, pages=PAGES, progress=look_at_the_clock)


def _recover(copy: Path) -> None:
    """Let SQLite roll back or take over what a crash left behind, so that all is in one file."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _require_whole(file: Path, connection: sqlite3.Connection) -> None:
    """Where the size isn't the one the header tells, a transaction without a journal may have been cut short."""
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if file.stat().st_size != pages * size:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"a change was cut short, and no journal can undo it ({found})")


def _require_tables(connection: sqlite3.Connection, tables: Sequence[str]) -> None:
    """Raises UnusableInput for a view or a virtual table: it computes what it shows while it is read."""
    found = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    for name, kind, made_by in found:
        virtual = str(made_by).upper().startswith("CREATE VIRTUAL")
        if name.lower() in tables and (kind == "view" or virtual):
            what = "a view" if kind == "view" else "a virtual table"
            raise UnusableInput(
                f"{name!r} in the SQLite file is {what}, which shows what it likes: evidence is of tables"
            )
