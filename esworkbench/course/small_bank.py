"""A bank with a real store, the same whenever it is asked for: made once in a process, and put back after each use.

To put back a small database takes a few milliseconds; to make it, or only to open it anew, many more.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import event

from esworkbench.course.case_database import case_store, elsewhere
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import sqlite_url

Make = Callable[[EventStore], None]
"""Fills a new store."""


PATIENCE = 0.2
"""Seconds that a writer is waited for who is still at it: nobody should be."""


class _Made(NamedTuple):
    store: EventStore
    folder: TemporaryDirectory[str]

    @property
    def used(self) -> Path:
        return Path(self.folder.name) / "bank.db"

    @property
    def original(self) -> Path:
        return Path(self.folder.name) / "original.db"


def as_made(make: Make) -> EventStore:
    """The store as ``make`` left it, whatever was done to it since."""
    if elsewhere():
        store = case_store()
        make(store)
        return store
    try:
        return _put_back(_made(make))
    except sqlite3.OperationalError:  # somebody left a transaction open on it
        _made.cache_clear()
        return _put_back(_made(make))


@cache
def _made(make: Make) -> _Made:
    folder = TemporaryDirectory(prefix="esworkbench-", ignore_cleanup_errors=True)
    made = _Made(EventStore.open(sqlite_url(Path(folder.name) / "bank.db")), folder)
    # Nobody needs this bank after a power cut.
    event.listen(made.store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    made.store.engine.dispose()
    make(made.store)
    _copy(made.used, made.original)
    return made


def _put_back(made: _Made) -> EventStore:
    _copy(made.original, made.used)
    return made.store


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target, timeout=PATIENCE)) as written:
        written.execute("PRAGMA synchronous = OFF")
        # A backup waits for other writers without end; this raises when the wait is over.
        written.execute("BEGIN IMMEDIATE")
        written.rollback()
        read.backup(written)
