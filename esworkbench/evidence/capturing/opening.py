"""What a source is, how it is opened read-only, and whose events it holds."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy.engine import URL

from esworkbench.errors import NotAnEventStore, UnusableInput
from esworkbench.event_store.database import described, parse_url
from esworkbench.evidence.capturing.source import Pace, SourceDatabase, open_postgres, open_sqlite

SQLITE_MAGIC = b"SQLite format 3\0"

EVENT_COLUMNS = (
    "global_position", "stream_id", "version", "event_id", "event_type", "schema_version", "recorded_at", "valid_at",
    "payload", "metadata", "prev_hash", "hash",
)  # fmt: skip

ENDS = 10_000
"""How many events to look at, at each end of a log, to see whose it is: the same work however long the log is."""


def is_database(source: str) -> bool:
    """Whether this names a database, by its URL or by the file's first bytes. Raises UnusableInput for no file."""
    return "://" in source or _is_sqlite(Path(source))


def opened(url: URL, pace: Pace, hold: Sequence[str] = ()) -> AbstractContextManager[SourceDatabase]:
    """One cut of the database, as ``open_sqlite`` and ``open_postgres`` give it. Raises UnusableInput."""
    if url.drivername != "sqlite":
        return open_postgres(url, pace, described(url), hold=hold)
    path = Path(str(url.database))
    if not _is_sqlite(path):
        raise UnusableInput(f"{described(url)} is not a SQLite database")
    return open_sqlite(path, pace)


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
    with opened(parse_url(source), Pace()) as database:
        require_event_store(database.columns())
        return frozenset(event_type for batch in database.rows(ends) for (event_type,) in batch)


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    if not head:
        raise UnusableInput(f"{path} is empty: there is nothing to capture")
    return head == SQLITE_MAGIC
