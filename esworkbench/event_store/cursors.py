"""Driver connections kept at hand for appending and reading, each with a cursor.

The store's SQL is constant, so nothing needs compiling, and on a fast disk SQLAlchemy's checkout, reset and compiled
statements cost a third of an append. The connections still come from the engine, with all its settings. A cursor is
kept as well, because psycopg takes a tenth of an append to make one.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from esworkbench.event_store.database import is_busy, store_busy


class DriverConnections:
    """Idle connections of one engine; any thread may borrow one. ``engine.dispose()`` closes them with its own.

    ``prepare`` is called once on each new connection; ``is_usable`` tells whether one may be used again. Both drivers
    follow Python's DB-API (PEP 249), so what is lent is a cursor, and ``cursor.connection`` is where it belongs.
    """

    def __init__(self, engine: Engine, prepare: Callable[[Any], None], is_usable: Callable[[Any], bool]) -> None:
        self._engine = engine
        self._prepare = prepare
        self._is_usable = is_usable
        self._idle: list[Any] = []
        event.listen(engine, "engine_disposed", self._close_idle)

    @contextmanager
    def borrow(self) -> Iterator[Any]:
        """A cursor outside any transaction; it must be outside again when given back. Raises StoreBusy."""
        cursor = self._idle.pop() if self._idle else self._connect().cursor()
        try:
            yield cursor
        except sqlite3.OperationalError as error:
            if is_busy(error):
                raise store_busy(self._engine.url) from error
            raise
        finally:
            if self._is_usable(cursor.connection):
                self._idle.append(cursor)
            else:
                cursor.connection.close()

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        self._prepare(connection)
        return connection

    def _close_idle(self, _engine: Engine) -> None:
        while self._idle:
            self._idle.pop().connection.close()


def statement_connections(engine: Engine) -> DriverConnections:
    """Connections on which each statement outside a transaction commits by itself."""
    if engine.dialect.name == "sqlite":
        return DriverConnections(engine, prepare=_as_it_is, is_usable=_outside_sqlite_transaction)
    return DriverConnections(engine, prepare=_commit_each_statement, is_usable=_outside_postgres_transaction)


def _as_it_is(_connection: Any) -> None:
    """The engine has set everything already."""


def _outside_sqlite_transaction(connection: Any) -> bool:
    return not connection.in_transaction


def _commit_each_statement(connection: Any) -> None:
    connection.autocommit = True


def _outside_postgres_transaction(connection: Any) -> bool:
    from psycopg.pq import TransactionStatus

    return bool(connection.info.transaction_status == TransactionStatus.IDLE)
