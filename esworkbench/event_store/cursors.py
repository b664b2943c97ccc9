"""Driver connections kept at hand for appending and reading, each with a cursor.

The store's SQL is constant, so nothing needs compiling, and on a fast disk SQLAlchemy's checkout, reset and compiled
statements cost a third of an append. The connections still come from the engine, with all its settings. A cursor is
kept as well, because psycopg takes a tenth of an append to make one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Engine, event

from esworkbench.event_store.database import is_busy, is_read_only, store_busy, store_read_only

if TYPE_CHECKING:
    import psycopg

C = TypeVar("C", sqlite3.Cursor, "psycopg.Cursor[Any]")


class DriverConnections(Generic[C]):
    """Idle connections of one engine; any thread may borrow one. ``engine.dispose()`` closes them with its own.

    What is lent is the driver's own cursor, on which each statement outside a transaction commits by itself;
    ``cursor.connection`` is where it belongs.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[C] = []
        event.listen(engine, "engine_disposed", self._close_idle)

    @contextmanager
    def borrow(self) -> Iterator[C]:
        """A cursor outside any transaction; it must be outside again when given back. Raises StoreBusy."""
        cursor = self._idle.pop() if self._idle else self._new_cursor()
        try:
            yield cursor
        except Exception as error:
            if is_busy(error):
                raise store_busy(self._engine.url) from error
            if is_read_only(error):
                raise store_read_only(self._engine.url) from error
            raise
        finally:
            if self._is_usable(cursor):
                self._idle.append(cursor)
            else:
                cursor.connection.close()

    def _new_cursor(self) -> C:
        raise NotImplementedError(f"{type(self).__name__} must say how its driver makes a cursor")

    def _is_usable(self, cursor: C) -> bool:
        """Whether the cursor may be lent again, being outside any transaction."""
        raise NotImplementedError(f"{type(self).__name__} must say when its driver's cursor is outside a transaction")

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        return connection

    def _close_idle(self, _engine: Engine) -> None:
        while self._idle:
            self._idle.pop().connection.close()


class SqliteConnections(DriverConnections[sqlite3.Cursor]):
    """The engine has set everything already: see ``database``."""

    def _new_cursor(self) -> sqlite3.Cursor:
        connection: sqlite3.Connection = self._connect()
        return connection.cursor()

    def _is_usable(self, cursor: sqlite3.Cursor) -> bool:
        return not cursor.connection.in_transaction


class PostgresConnections(DriverConnections["psycopg.Cursor[Any]"]):
    def _new_cursor(self) -> "psycopg.Cursor[Any]":
        connection: psycopg.Connection[Any] = self._connect()
        connection.autocommit = True
        return connection.cursor()

    def _is_usable(self, cursor: "psycopg.Cursor[Any]") -> bool:
        from psycopg.pq import TransactionStatus

        return cursor.connection.info.transaction_status == TransactionStatus.IDLE
