"""The log's SQL on PostgreSQL, and the wait that keeps a reader from passing a gap that fills later.

A sequence hands out positions before commit, so position 8 may be visible while 7 is still being written; a reader
that moves its checkpoint to 8 never sees 7. Every writer therefore holds one advisory lock, shared, from before its
positions are drawn until its transaction is over (a trigger takes it, see ``guards``). Shared locks don't exclude
each other, so writers never wait. A reader that meets a gap looks up who holds the lock at that moment: whoever drew
the missing position is among them, or is already done. When all of them are gone, it reads again, and what is
missing then will be missing for ever. (The proof that a gap is dead, rather than a guess by age, follows Marten's.)

On a hot standby, and where logical replication brings the events, the writers' locks are those of another database. A
reader there stops before every gap: up to it nothing can still fill, and beyond it only the primary knows.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from esworkbench.errors import UnreadableEvent, UnusableInput
from esworkbench.event_store.columns import unreadable, up_to_unreadable
from esworkbench.event_store.cursors import PostgresConnections
from esworkbench.event_store.database import described
from esworkbench.event_store.engine import COLUMNS, LAST_VERSION, Idempotency
from esworkbench.event_store.postgres.append import KnownHeads, PostgresTransaction, remembered
from esworkbench.event_store.postgres.sql import (
    BETWEEN,
    BY_POSITION,
    BY_VERSION,
    HEAD,
    HEAD_POSITION,
    HOLDERS,
    KNOWN_AT,
    LOCK_PARTS,
    PREPARED,
    RECALL,
    STREAM,
    UNREADABLE_AFTER,
    UNREADABLE_IN_STREAM,
    WRITTEN_ELSEWHERE,
)
from esworkbench.events import RecordedEvent

if TYPE_CHECKING:
    import psycopg

FIRST_PAUSE, LONGEST_PAUSE, COMPLAIN_AFTER = 0.001, 0.05, 5.0
"""Seconds between two looks at who still writes, and until the log names who is being waited for."""

NAMES = COLUMNS.split(", ")

logger = logging.getLogger(__name__)


class PostgresLog:
    def __init__(self, engine: Engine) -> None:
        self._url = engine.url
        self._connections = PostgresConnections(engine)
        self._known_heads = KnownHeads()

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[PostgresTransaction]:
        # One INSERT is atomic and durable by itself; wrapping it in BEGIN and COMMIT costs two round trips. What was
        # read before it needs no transaction either: the unique constraints refuse whatever has gone stale.
        with self._connections.borrow() as cursor:
            if one_insert:
                yield PostgresTransaction(cursor, self._known_heads)
            else:
                with cursor.connection.transaction():
                    yield PostgresTransaction(cursor, None)

    def recall(self, key: str) -> Idempotency | None:
        with self._connections.borrow() as cursor:
            row = cursor.execute(RECALL, (key,)).fetchone()
        return remembered(key, row) if row is not None else None

    def stream_version(self, stream_id: str) -> int:
        with self._connections.borrow() as cursor:
            head = cursor.execute(HEAD, (stream_id,)).fetchone()
        return int(head[0]) if head else 0

    def stream(
        self, stream_id: str, after_version: int, up_to_version: int, known_at: datetime | None
    ) -> list[RecordedEvent]:
        wanted: list[Any] = [stream_id, after_version, min(up_to_version, LAST_VERSION)]
        statement = STREAM + BY_VERSION
        if known_at is not None:
            statement = STREAM + KNOWN_AT + BY_VERSION
            wanted.append(known_at)
        from psycopg import DataError

        with self._connections.borrow() as cursor:
            try:
                recorded = [_recorded(row) for row in cursor.execute(statement, wanted).fetchall()]
            except DataError as error:
                raise _first_unreadable(cursor, UNREADABLE_IN_STREAM, stream_id) from error
        if recorded:
            # Whoever loads an aggregate is about to append to it. For an earlier version it merely goes unused.
            self._known_heads.note(recorded[-1])
        return recorded

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        from psycopg import DataError

        with self._connections.borrow() as cursor:
            try:
                return self._between(cursor, position, LAST_VERSION, limit)
            except DataError as error:
                return self._up_to_unreadable(cursor, position, limit, error)

    def _between(self, cursor: "psycopg.Cursor[Any]", position: int, last: int, limit: int) -> list[RecordedEvent]:
        rows = cursor.execute(BETWEEN + BY_POSITION, (position, last, limit)).fetchall()
        if not rows or rows[-1][0] == position + len(rows):
            return up_to_unreadable(rows, _recorded)
        if _is_written_elsewhere(cursor):
            return up_to_unreadable(self._before_the_gap(rows, position), _recorded)
        # Whoever drew a missing position did so before the last row seen here, and still holds the lock if it
        # isn't done. So first look who holds it, and only then read again.
        _wait_until_gone(cursor, _holders(cursor))
        rows = cursor.execute(BETWEEN + BY_POSITION, (position, rows[-1][0], limit)).fetchall()
        return up_to_unreadable(rows, _recorded)

    def _up_to_unreadable(
        self, cursor: "psycopg.Cursor[Any]", position: int, limit: int, error: Exception
    ) -> list[RecordedEvent]:
        """The events before the one that can't be read. Raises UnreadableEvent once none can come before it."""
        elsewhere = _is_written_elsewhere(cursor)
        if not elsewhere:
            _wait_until_gone(cursor, _holders(cursor))
        found = _first_unreadable(cursor, UNREADABLE_AFTER, position)
        before = self._between(cursor, position, found.global_position - 1, limit)
        if before:
            return before
        if elsewhere and found.global_position > position + 1:
            self._before_the_gap([], position)
        raise found from error

    def head_position(self) -> int:
        with self._connections.borrow() as cursor:
            row = cursor.execute(HEAD_POSITION).fetchone()
        assert row is not None
        return int(row[0])

    def settled_head(self) -> int:
        head = self.head_position()
        with self._connections.borrow() as cursor:
            if _is_written_elsewhere(cursor):
                raise self._unknown_here(f"whether a position up to {head} can still fill")
            _wait_until_gone(cursor, _holders(cursor))
        return head

    def _before_the_gap(self, rows: list[tuple[Any, ...]], position: int) -> list[tuple[Any, ...]]:
        unbroken = [row for place, row in enumerate(rows, start=position + 1) if row[0] == place]
        if not unbroken:
            raise self._unknown_here(f"whether position {position + 1}, which is missing, can still fill")
        return unbroken

    def _unknown_here(self, what: str) -> UnusableInput:
        return UnusableInput(
            f"{described(self._url)} is a standby or a subscriber, where it can't be known {what}: follow the log on "
            "the primary"
        )


Holders = dict[str, int | None]


def _holders(cursor: "psycopg.Cursor[Any]") -> Holders:
    """Transactions that hold the writers' lock now, and the process of each; a prepared transaction has none."""
    return dict(cursor.execute(HOLDERS, LOCK_PARTS).fetchall())


def _wait_until_gone(cursor: "psycopg.Cursor[Any]", holders: Holders) -> None:
    """Wait for these transactions, not for later ones, to commit or roll back.

    By looking again and again: waiting in the lock's own queue would make every new writer queue behind the reader.
    """
    pause, waited, complained = FIRST_PAUSE, 0.0, False
    while holders:
        if waited >= COMPLAIN_AFTER and not complained:
            logger.warning("reading waits at a gap for %s, not committed yet", _named(cursor, holders))
            complained = True
        time.sleep(pause)
        waited += pause
        pause = min(pause * 2, LONGEST_PAUSE)
        still = _holders(cursor)
        holders = {transaction: pid for transaction, pid in holders.items() if transaction in still}


def _first_unreadable(cursor: "psycopg.Cursor[Any]", statement: str, among: object) -> UnreadableEvent:
    *row, column = cursor.execute(statement, (among,)).fetchall()[0]
    return unreadable(row, column)


def _is_written_elsewhere(cursor: "psycopg.Cursor[Any]") -> bool:
    return cursor.execute(WRITTEN_ELSEWHERE).fetchone() == (True,)


def _named(cursor: "psycopg.Cursor[Any]", holders: Holders) -> str:
    """Whom to look for: a process, or a prepared transaction, which waits for COMMIT PREPARED in no process."""
    gids = dict(cursor.execute(PREPARED).fetchall()) if None in holders.values() else {}
    names = {
        f"PostgreSQL process {pid}" if pid is not None else f"prepared transaction {gids.get(transaction)!r}"
        for transaction, pid in holders.items()
    }
    return ", ".join(sorted(names))


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    # Its NOT NULLs can be dropped by whoever owns the table.
    if None in row:
        raise unreadable(row, NAMES[row.index(None)])
    return RecordedEvent(
        global_position=row[0],
        stream_id=row[1],
        version=row[2],
        event_id=row[3],
        event_type=row[4],
        schema_version=row[5],
        payload=row[6].encode(),
        metadata=row[7].encode(),
        recorded_at=row[8].astimezone(UTC),
        valid_at=row[9].astimezone(UTC),
        prev_hash=row[10],
        hash=row[11],
    )
