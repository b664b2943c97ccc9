"""Reading a database without leaving a trace: one cut, read-only, in batches."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import quote

from sqlalchemy.engine import URL

from esworkbench.errors import UnusableInput

if TYPE_CHECKING:
    import psycopg

BATCH = 10_000
EXISTS = "SELECT to_regclass(quote_ident(%s)) IS NOT NULL"
HOLD = "LOCK TABLE {} IN ACCESS SHARE MODE"
WAL_JOURNAL = 2
"""What byte 18 of a SQLite file says where it is written through a write-ahead log."""


class Pace(NamedTuple):
    """How much load a capture may put on the source: rows per second, and seconds until it gives up."""

    rows_per_second: float | None = None
    give_up_after: float = 1800.0


class SourceDatabase(Protocol):
    """One cut of a database."""

    def columns(self) -> dict[str, set[str]]:
        """The columns of every table."""

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """The query's rows in batches."""

    def server_time(self) -> datetime | None:
        """The server's clock at the cut; None where there is no server."""


class SqliteSource:
    """A SQLite file, in one read transaction."""

    def __init__(self, connection: sqlite3.Connection, pace: Pace) -> None:
        self._connection = connection
        self._pace = pace

    def columns(self) -> dict[str, set[str]]:
        found = self._connection.execute(
            "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view')"
        )
        return _grouped(found)

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._connection.execute(query)
        return _paced(lambda: cursor.fetchmany(BATCH), self._pace)

    def server_time(self) -> datetime | None:
        return None


class PostgresSource:
    """A PostgreSQL database, in one read-only, repeatable-read transaction."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", pace: Pace) -> None:
        self._connection = connection
        self._pace = pace

    def columns(self) -> dict[str, set[str]]:
        found = self._connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = ANY (current_schemas(false))"
        )
        return _grouped(found)

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        with self._connection.cursor(name="esworkbench_capture") as cursor:
            cursor.execute(query)
            yield from _paced(lambda: cursor.fetchmany(BATCH), self._pace)

    def server_time(self) -> datetime | None:
        row = self._connection.execute("SELECT now()").fetchone()
        return None if row is None else row[0]


def _grouped(pairs: Iterator[tuple[Any, ...]]) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    for table, column in pairs:
        columns.setdefault(table, set()).add(column)
    return columns


def _paced(fetch: Callable[[], list[tuple[Any, ...]]], pace: Pace) -> Iterator[list[tuple[Any, ...]]]:
    started = monotonic()
    count = 0
    while batch := fetch():
        yield batch
        count += len(batch)
        elapsed = monotonic() - started
        if elapsed > pace.give_up_after:
            raise UnusableInput(
                f"capture gave up after {elapsed:.0f} s, so as not to hold back the source's clean-up: "
                "capture from a standby or a copy"
            )
        if pace.rows_per_second:
            sleep(max(0.0, count / pace.rows_per_second - elapsed))


@contextlib.contextmanager
def open_postgres(url: URL, pace: Pace, described: str, hold: Sequence[str] = ()) -> Iterator[PostgresSource]:
    """One snapshot of the database, read-only. Raises UnusableInput, with no credentials in the message.

    The tables named in ``hold``, where they exist, are held before the snapshot is drawn, as any reader holds what it
    has read: a read model that is swapped for a rebuilt one in between would look empty in an older snapshot.
    """
    import psycopg
    from psycopg import sql

    # One by one, as the store connects: written as one address, a blank in a password would be refused, and shown.
    settled = url.set(drivername="postgresql+psycopg")
    arguments: dict[str, Any] = {"connect_timeout": 10}
    arguments |= settled.get_dialect()().create_connect_args(settled)[1]
    secrets = [str(secret) for secret in (url.password, url.query.get("password")) if secret]
    try:
        with psycopg.connect(**{**arguments, "client_encoding": "utf8"}) as connection:
            connection.autocommit = True
            there = [name for name in hold if connection.execute(EXISTS, (name,)).fetchone() == (True,)]
            connection.autocommit = False
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute("SET LOCAL lock_timeout = '5s'")
            connection.execute(f"SET LOCAL statement_timeout = {int(pace.give_up_after * 1000)}")
            connection.execute("SET LOCAL timezone = 'UTC'")
            for name in there:
                connection.execute(sql.SQL(HOLD).format(sql.Identifier(name)))
            yield PostgresSource(connection, pace)
            connection.rollback()
    except psycopg.Error as error:
        words = " ".join(str(error).split())
        for secret in secrets:
            words = words.replace(secret, "…")
        raise UnusableInput(f"{described} can't be captured: {words}") from None


@contextlib.contextmanager
def open_sqlite(path: Path, pace: Pace) -> Iterator[SqliteSource]:
    """One snapshot of a SQLite file, which is left as it was, without a new file beside it.

    A file in use is read through SQLite's own locks. A cleanly closed one is read as immutable, because SQLite would
    leave ``-wal`` and ``-shm`` files beside it; if somebody writes to it meanwhile, the capture is refused at the
    end. What a crash left behind is copied and recovered in the copy.
    """
    log, index, journal = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))
    try:
        if journal.exists() or (log.exists() and not index.exists()):
            with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
                for file in (path, log, journal):
                    if file.exists():
                        shutil.copyfile(file, Path(folder) / file.name)
                with _sqlite(Path(folder) / path.name, "mode=rw") as connection:
                    yield SqliteSource(connection, pace)
        elif log.exists() or _journal_mode(path) != WAL_JOURNAL:
            with _sqlite(path, "mode=ro") as connection:
                yield SqliteSource(connection, pace)
        else:
            before = _fingerprint(path)
            with _sqlite(path, "mode=ro&immutable=1") as connection:
                yield SqliteSource(connection, pace)
            if _fingerprint(path) != before:
                raise UnusableInput(f"SQLite file {path} was written to while it was captured: capture again")
    except OSError as error:
        raise UnusableInput(f"SQLite file {path} can't be read: {error.strerror or error}") from None
    except sqlite3.Error as error:
        raise UnusableInput(f"SQLite file {path} can't be captured: {error}") from None


@contextlib.contextmanager
def _sqlite(path: Path, options: str) -> Iterator[sqlite3.Connection]:
    address = f"file:{quote(str(path.absolute()))}?{options}"
    with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=60)) as connection:
        # Damaged text is evidence too: what isn't UTF-8 stays visible instead of ending the capture.
        connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        yield connection


def _journal_mode(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(20)
    return header[18] if len(header) == 20 else 0


def _fingerprint(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
