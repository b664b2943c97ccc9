"""What a source is, how it is opened read-only, and whose events it holds."""

import contextlib
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy.engine import URL

from esworkbench.errors import NotAnEventStore, UnusableInput
from esworkbench.event_store.database import described, parse_url, require_no_address
from esworkbench.evidence.capturing.postgres_opening import open_postgres
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.evidence.capturing.source import Pace, SourceDatabase
from esworkbench.evidence.capturing.sqlite_opening import open_sqlite, sqlite_uri

SQLITE_MAGIC = b"SQLite format 3\0"

EVENT_COLUMNS = (
    "global_position", "stream_id", "version", "event_id", "event_type", "schema_version", "recorded_at", "valid_at",
    "payload", "metadata", "prev_hash", "hash",
)  # fmt: skip

ENDS = 10_000
"""How many events to look at, at each end of a log, to see whose it is: the same work however long the log is."""


def is_database(source: str) -> bool:
    """Whether this names a database, by its URL or by the file's first bytes. Raises UnusableInput for no file."""
    if "://" in source:
        return True
    require_no_address(source)
    return _is_sqlite(Path(source))


def opened(
    url: URL, pace: Pace, tables: Sequence[str] = (), *, brief: bool = False
) -> AbstractContextManager[SourceDatabase]:
    """One cut of the database, as ``open_sqlite`` and ``open_postgres`` give it; ``tables`` are read besides the log.

    Raises UnusableInput.
    """
    read = ["events", *tables]
    if url.drivername != "sqlite":
        return open_postgres(url, pace, described(url), tables=read)
    name = str(url.database)
    if url.query or name.startswith("file:"):
        raise UnusableInput(f"{name!r} has options of SQLite's, and capture sets its own: name the file alone")
    path = Path(name)
    if not _is_sqlite(path):
        raise UnusableInput(f"{described(url)} is not a SQLite database")
    return open_sqlite(path, pace, tables=read, brief=brief)


def require_event_store(columns: dict[str, set[str]]) -> None:
    """Raises NotAnEventStore if a database with these columns, by table, has no log of ours."""
    missing = set(EVENT_COLUMNS) - columns.get("events", set())
    if missing:
        what = "no table events" if "events" not in columns else f"no columns {', '.join(sorted(missing))}"
        raise NotAnEventStore(f"the database opened but is not an event store of ours: it has {what}")


def event_types_in(source: str) -> frozenset[str]:
    """The types of the first and the last ``ENDS`` events of a store, read as ``capture`` reads: nothing is written.

    Raises UnusableInput (NotAnEventStore for a database without a log).
    """
    ends = " UNION ".join(
        f"SELECT event_type FROM (SELECT event_type FROM events ORDER BY global_position {order} LIMIT {ENDS}) AS {end}"
        for end, order in (("first_events", "ASC"), ("last_events", "DESC"))
    )
    with opened(parse_url(source), Pace(), brief=True) as database:
        require_event_store(database.columns())
        return frozenset(event_type for batch in database.rows(ends) for (event_type,) in batch)


def _is_sqlite(path: Path) -> bool:
    file = regular_file(path)
    if _sqlite_can_read(file):
        return True
    try:
        with file.open("rb") as opened_file:
            head = opened_file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    if not head:
        raise UnusableInput(f"{path} is empty: there is nothing to capture")
    return head == SQLITE_MAGIC


def _sqlite_can_read(file: Path) -> bool:
    """Asked first, and of SQLite: closing a file that this process has open as a database would unlock it."""
    try:
        with contextlib.closing(sqlite3.connect(sqlite_uri(file, fixed=True), uri=True)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
    except sqlite3.Error:
        return False
    return bool(pages)
