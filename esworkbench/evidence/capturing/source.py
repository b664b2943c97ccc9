"""One cut of a database as a capture reads it: read-only, in batches, at a pace."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import pyarrow as pa

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.bulk import from_postgres, from_sqlite

if TYPE_CHECKING:
    import psycopg

BATCH = 10_000
Batch = TypeVar("Batch", list[tuple[Any, ...]], pa.RecordBatch)


class Pace(NamedTuple):
    """How much load a capture may put on the source: rows per second, and seconds until it gives up.

    ``lock_wait`` is how many seconds it waits for a SQLite file that somebody keeps locked.
    """

    rows_per_second: float | None = None
    give_up_after: float = 1800.0
    lock_wait: float = 10.0


class SourceDatabase(Protocol):
    """One cut of a database, from ``open_sqlite`` or ``open_postgres``; what was proved of it is told there."""

    def columns(self) -> dict[str, set[str]]:
        """The columns of every table. Views aren't listed."""

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """The query's rows in batches."""

    def arrow(self, query: str) -> Iterator[pa.RecordBatch]:
        """The query's rows as Arrow, for many of them. On SQLite a column's have to be of one type, and never null."""

    def ask(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        """All rows of a query with few of them; empty for a statement that has none."""

    def rest(self, rows: int) -> None:
        """Leave the source in peace for as long as so many rows take, which it read and nobody fetched."""

    def server_time(self) -> datetime | None:
        """The server's clock at the cut; None where there is no server."""

    engine: str
    """``sqlite`` or ``postgresql``."""


class SqliteSource:
    """A SQLite file, in one read transaction.

    ``uri`` is the same cut for another reader (``sqlite3.connect(uri, uri=True)``, or ADBC's ``uri``), as long as this
    source is open: a private copy, or the file itself where nobody may change it. Not so after a ``brief`` opening.
    """

    engine = "sqlite"

    def __init__(self, connection: sqlite3.Connection, pace: Pace, uri: str) -> None:
        self._connection = connection
        self._pace = pace
        self._started = monotonic()
        self.uri = uri

    def columns(self) -> dict[str, set[str]]:
        found = self._connection.execute(
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        )
        return _grouped(found)

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._connection.execute(query)
        return _paced(lambda: cursor.fetchmany(BATCH), self._pace, self._started)

    def arrow(self, query: str) -> Iterator[pa.RecordBatch]:
        batches = from_sqlite(self.uri, query)
        return _paced(lambda: next(batches, None), self._pace, self._started)

    def ask(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, given).fetchall()

    def rest(self, rows: int) -> None:
        _rest(rows, self._pace, self._started)

    def server_time(self) -> datetime | None:
        return None


class PostgresSource:
    """A PostgreSQL database, in one read-only, repeatable-read transaction.

    Another connection to ``uri`` (which holds the password: it is for drivers alone) reads the same cut, under the same
    limits, after it has executed ``joining()``, one statement after the other, outside a transaction of its driver's;
    as long as this source is open. It ends that transaction by ROLLBACK.
    """

    engine = "postgresql"

    def __init__(
        self, connection: "psycopg.Connection[tuple[Any, ...]]", pace: Pace, uri: str, settings: list[str]
    ) -> None:
        self._connection = connection
        self._pace = pace
        self._started = monotonic()
        self._settings = settings
        self.uri = uri

    def joining(self) -> list[str]:
        """Statements that bring another connection to this cut."""
        row = self._connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        return [BEGIN, f"SET TRANSACTION SNAPSHOT '{row[0]}'", *self._settings]

    def columns(self) -> dict[str, set[str]]:
        found = self._connection.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid) AND a.attnum > 0 AND NOT a.attisdropped "
            "AND c.relnamespace = ANY (current_schemas(false)::regnamespace[])"
        )
        return _grouped(found)

    def rows(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        with self._connection.cursor(name="esworkbench_capture") as cursor:
            cursor.execute(query)
            yield from _paced(lambda: cursor.fetchmany(BATCH), self._pace, self._started)

    def arrow(self, query: str) -> Iterator[pa.RecordBatch]:
        batches = from_postgres(self.uri, self.joining(), query)
        return _paced(lambda: next(batches, None), self._pace, self._started)

    def ask(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(query, given or None)
        return [] if cursor.description is None else cursor.fetchall()

    def rest(self, rows: int) -> None:
        _rest(rows, self._pace, self._started)

    def server_time(self) -> datetime | None:
        row = self._connection.execute("SELECT now()").fetchone()
        return None if row is None else row[0]


BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def _grouped(pairs: Iterator[tuple[Any, ...]]) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    for table, column in pairs:
        columns.setdefault(table, set()).add(column)
    return columns


def _paced(fetch: Callable[[], Batch | None], pace: Pace, opened_at: float) -> Iterator[Batch]:
    started = monotonic()
    count = 0
    while batch := fetch():
        yield batch
        count += len(batch)
        now = monotonic()
        _mind_the_time(now - opened_at, pace)
        if pace.rows_per_second:
            sleep(max(0.0, count / pace.rows_per_second - (now - started)))


def _rest(rows: int, pace: Pace, opened_at: float) -> None:
    _mind_the_time(monotonic() - opened_at, pace)
    if pace.rows_per_second:
        sleep(rows / pace.rows_per_second)


def _mind_the_time(seconds: float, pace: Pace) -> None:
    if seconds > pace.give_up_after:
        raise UnusableInput(
            f"capture gave up after {seconds:.0f} s, so as not to hold back the source's clean-up: "
            "capture from a standby or a copy"
        )
