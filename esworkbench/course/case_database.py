"""The database that the cases of an exercise are played on: one in memory, or, in the sweep, PostgreSQL.

A file takes a twentieth of a second to make, and an exercise is tried on hundreds of cases.
"""

import sqlite3
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from esworkbench.course.store_in_memory import StoreInMemory
from esworkbench.event_store import EventStore, open_database

_elsewhere: list[str] = []


def play_cases_on(url: str | None) -> None:
    """From now on play cases on the PostgreSQL database at ``url``, which is emptied; None: in memory again."""
    _elsewhere[:] = [url] if url else []
    case_engine.cache_clear()


def elsewhere() -> str | None:
    """The database that was named, if any."""
    return _elsewhere[0] if _elsewhere else None


@cache
def case_engine() -> Engine:
    """One database for all cases of exercises that need tables of their own; each case makes and empties them."""
    url = elsewhere()
    if url:
        return emptied(url)
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _leave_beginning_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def _leave_beginning_to_us(connection: sqlite3.Connection, _record: Any) -> None:
    """The driver by itself begins none before a SAVEPOINT, whose end would then commit."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def case_store() -> EventStore:
    """A new, empty event store; the one in memory has no ``engine``."""
    url = elsewhere()
    if not url:
        return StoreInMemory()
    emptied(url).dispose()
    return EventStore.open(url)


def emptied(url: str) -> Engine:
    """The PostgreSQL database at the URL, without any table."""
    engine = open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    return engine
