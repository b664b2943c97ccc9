"""One rebuild of a read model at a time, as two would load each other's tables; and one repair of a store.

The lock dies with its holder.

On SQLite it is held on a file that stays: were it removed, who had it open and who made it anew would both hold a lock.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from esworkbench.errors import StoreBusy
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import is_busy

PATIENCE = "SET lock_timeout = '5s'"
"""A server takes a moment to notice that a rebuild it serves was killed."""

TAKE = text("SELECT pg_advisory_lock(8453, hashtext(:name))")
RELEASE = text("SELECT pg_advisory_unlock(8453, hashtext(:name))")


@contextmanager
def one_at_a_time(store: EventStore, name: str, folder: Path, what: str | None = None) -> Iterator[None]:
    """Hold the lock for the block. Raises StoreBusy where another process has it.

    ``name`` is the projection's, or with ``what`` that of other work that nobody may do twice at once.
    """
    busy = StoreBusy(f"another {what or f'rebuild of {name}'} is under way: let it end, or end it")
    folder.mkdir(parents=True, exist_ok=True)
    if store.engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(folder.with_name(f"{folder.name}.lock"), timeout=0, isolation_level=None)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if is_busy(error):
                    raise busy from error
                raise
            yield
    else:
        from psycopg.errors import LockNotAvailable

        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(PATIENCE)
            try:
                connection.execute(TAKE, {"name": name})
            except OperationalError as error:
                if isinstance(error.orig, LockNotAvailable):
                    raise busy from error
                raise
            finally:
                connection.exec_driver_sql("RESET lock_timeout")
            try:
                yield
            finally:
                # Said, not left to closing: the server would come to that in its own time.
                connection.execute(RELEASE, {"name": name})
