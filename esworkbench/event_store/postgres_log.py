"""The log's SQL on PostgreSQL, and the wait that keeps a reader from passing a gap that fills later.

A sequence hands out positions before commit, so position 8 may be visible while 7 is still being written; a reader
that moves its checkpoint to 8 never sees 7. Every writer therefore holds one advisory lock, shared, from before its
positions are drawn until its transaction is over (a trigger takes it, see ``guards``). Shared locks don't exclude
each other, so writers never wait. A reader that meets a gap looks up who holds the lock at that moment: whoever drew
the missing position is among them, or is already done. When all of them are gone, it reads again, and what is
missing then will be missing for ever. (The proof that a gap is dead, rather than a guess by age, follows Marten's.)
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine

from esworkbench.errors import InvalidEvent
from esworkbench.event_store.connections import DriverConnections
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.log import LAST_VERSION, KeyRow, Overtaken, Remembered
from esworkbench.event_store.postgres_sql import (
    AND_REMEMBER,
    BETWEEN,
    BY_POSITION,
    BY_VERSION,
    HEAD,
    HEAD_POSITION,
    HEADS,
    HOLDERS,
    IF_STILL_HEAD,
    KEY_AND_HEAD,
    KEY_IF_STILL_HEAD,
    KNOWN_AT,
    LOCK_PARTS,
    LOCK_STREAMS,
    MANY_ROWS,
    MANY_ROWS_IF_STILL_HEAD,
    ONE_ROW,
    ONE_ROW_IF_STILL_HEAD,
    POSITIONS,
    RECALL,
    REMEMBER,
    STREAM,
    WRITTEN,
)
from esworkbench.events import RecordedEvent

HEADS_KEPT = 10_000
"""How many streams' heads a store remembers before it begins anew: some megabytes."""

FIRST_PAUSE, LONGEST_PAUSE, COMPLAIN_AFTER = 0.001, 0.05, 5.0
"""Seconds between two looks at who still writes, and until the log names who is being waited for."""

logger = logging.getLogger(__name__)


class PostgresTransaction:
    """An append. Whoever reads a head that is no longer the last meets the unique (stream, version) on writing.

    ``known_heads`` holds heads seen earlier. Where one is at the expected version, nothing is read first: the insert
    itself asks whether that head is still the last, and writes nothing if it isn't. That saves a round trip.
    """

    def __init__(self, connection: psycopg.Connection[Any], known_heads: dict[str, Head] | None) -> None:
        self._connection = connection
        self._known_heads = known_heads
        self._assumed: Head | None = None

    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Remembered | None, Mapping[str, Head]]:
        if len(expected_versions) > 1:
            return self._look_up_many(key, sorted(expected_versions))
        ((stream_id, expected_version),) = expected_versions.items()
        if self._known_heads is not None:
            known = self._known_heads.get(stream_id)
            if known is not None and known.version == expected_version:
                self._assumed = known
                return None, {stream_id: known}
        if key is None:
            head = self._connection.execute(HEAD, (stream_id,)).fetchone()
            return None, {stream_id: Head(*head)} if head else {}
        remembered, heads = None, {}
        for is_key, version, digest_or_hash, reply in self._connection.execute(KEY_AND_HEAD, (key, stream_id)):
            if is_key:
                remembered = Remembered(digest_or_hash, reply)
            else:
                heads[stream_id] = Head(version, digest_or_hash)
        return remembered, heads

    def _look_up_many(self, key: str | None, stream_ids: list[str]) -> tuple[Remembered | None, Mapping[str, Head]]:
        # Two transfers in opposite directions would wait for each other's row; taking the streams in one order,
        # before either writes, leaves one of them waiting and the other going.
        self._connection.execute(LOCK_STREAMS, (stream_ids,))
        row = self._connection.execute(RECALL, (key,)).fetchone()
        heads = self._connection.execute(HEADS, (stream_ids,)).fetchall()
        return (Remembered(*row) if row else None), {name: Head(version, last) for name, version, last in heads}

    def insert(self, events: Sequence[RecordedEvent], key_row: KeyRow | None) -> list[int]:
        if self._assumed is not None:
            positions = self._insert_after(self._assumed, events, key_row)
        else:
            statement, values = ONE_ROW, _row(events[0])
            if len(events) > 1:
                statement, values = MANY_ROWS, (_json_rows(events),)
            if key_row is not None:
                statement, values = AND_REMEMBER + statement + POSITIONS, (*key_row, *values)
            positions = self._execute(statement, values).fetchall()
        if self._known_heads is not None:
            _note_head(self._known_heads, events[-1])
        return sorted(position for (position,) in positions)

    def _insert_after(self, head: Head, events: Sequence[RecordedEvent], key_row: KeyRow | None) -> list[tuple[int]]:
        stream_id = events[0].stream_id
        assert self._known_heads is not None
        self._known_heads.pop(stream_id, None)
        statement, values = ONE_ROW_IF_STILL_HEAD, _row(events[0])
        if len(events) > 1:
            statement, values = MANY_ROWS_IF_STILL_HEAD, (_json_rows(events),)
        if key_row is not None:
            statement, values = KEY_IF_STILL_HEAD + statement, (*key_row, *values)
        positions = self._execute(IF_STILL_HEAD + statement, (stream_id, head.hash, *values)).fetchall()
        if not positions:
            raise Overtaken
        return positions

    def remember(self, key_row: KeyRow) -> None:
        self._execute(REMEMBER, tuple(key_row))

    def _execute(self, statement: str, values: tuple[Any, ...]) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement, values)
        except errors.UniqueViolation as error:
            if error.diag.constraint_name == "events_event_id":
                raise InvalidEvent(
                    f"an event id was used before, and nothing was written ({error.diag.message_detail})"
                ) from error
            raise Overtaken from error
        except errors.DeadlockDetected as error:
            raise Overtaken from error
        except errors.DataError as error:
            raise InvalidEvent(f"PostgreSQL can't hold the event, and nothing was written ({error})") from error


class PostgresLog:
    def __init__(self, engine: Engine) -> None:
        self._connections = DriverConnections(engine, prepare=_commit_each_statement, is_usable=_outside_transaction)
        self._known_heads: dict[str, Head] = {}

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[PostgresTransaction]:
        # One INSERT is atomic and durable by itself; wrapping it in BEGIN and COMMIT costs two round trips. What was
        # read before it needs no transaction either: the unique constraints refuse whatever has gone stale.
        with self._connections.borrow() as connection:
            if one_insert:
                yield PostgresTransaction(connection, self._known_heads)
            else:
                with connection.transaction():
                    yield PostgresTransaction(connection, None)

    def recall(self, key: str) -> Remembered | None:
        with self._connections.borrow() as connection:
            row = connection.execute(RECALL, (key,)).fetchone()
        return Remembered(*row) if row is not None else None

    def stream_version(self, stream_id: str) -> int:
        with self._connections.borrow() as connection:
            head = connection.execute(HEAD, (stream_id,)).fetchone()
        return int(head[0]) if head else 0

    def stream(
        self, stream_id: str, after_version: int, up_to_version: int, known_at: datetime | None
    ) -> list[RecordedEvent]:
        wanted: list[Any] = [stream_id, after_version, min(up_to_version, LAST_VERSION)]
        statement = STREAM + BY_VERSION
        if known_at is not None:
            statement = STREAM + KNOWN_AT + BY_VERSION
            wanted.append(known_at)
        with self._connections.borrow() as connection:
            recorded = [_recorded(row) for row in connection.execute(statement, wanted).fetchall()]
        if recorded:
            # Whoever loads an aggregate is about to append to it. For an earlier version it merely goes unused.
            _note_head(self._known_heads, recorded[-1])
        return recorded

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        with self._connections.borrow() as connection:
            rows = connection.execute(BETWEEN + BY_POSITION, (position, LAST_VERSION, limit)).fetchall()
            if not rows or rows[-1][0] == position + len(rows):
                return [_recorded(row) for row in rows]
            # Whoever drew a missing position did so before the last row seen here, and still holds the lock if it
            # isn't done. So first look who holds it, and only then read again.
            _wait_until_gone(connection, _holders(connection))
            rows = connection.execute(BETWEEN + BY_POSITION, (position, rows[-1][0], limit)).fetchall()
            return [_recorded(row) for row in rows]

    def head_position(self) -> int:
        with self._connections.borrow() as connection:
            row = connection.execute(HEAD_POSITION).fetchone()
        assert row is not None
        return int(row[0])

    def settled_head(self) -> int:
        head = self.head_position()
        with self._connections.borrow() as connection:
            _wait_until_gone(connection, _holders(connection))
        return head


def _note_head(known_heads: dict[str, Head], event: RecordedEvent) -> None:
    if len(known_heads) >= HEADS_KEPT:
        known_heads.clear()
    known_heads[event.stream_id] = Head(event.version, event.hash)


def _commit_each_statement(connection: psycopg.Connection[Any]) -> None:
    connection.autocommit = True


def _outside_transaction(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


def _holders(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Transactions that hold the writers' lock now, and the process of each."""
    return dict(connection.execute(HOLDERS, LOCK_PARTS).fetchall())


def _wait_until_gone(connection: psycopg.Connection[Any], holders: dict[str, int]) -> None:
    """Wait for these transactions, not for later ones, to commit or roll back.

    By looking again and again: waiting in the lock's own queue would make every new writer queue behind the reader.
    """
    pause, waited, complained = FIRST_PAUSE, 0.0, False
    while holders:
        if waited >= COMPLAIN_AFTER and not complained:
            pids = ", ".join(str(pid) for pid in sorted(set(holders.values())))
            logger.warning("reading waits at a gap for PostgreSQL processes %s, which have not committed yet", pids)
            complained = True
        time.sleep(pause)
        waited += pause
        pause = min(pause * 2, LONGEST_PAUSE)
        still = _holders(connection)
        holders = {transaction: pid for transaction, pid in holders.items() if transaction in still}


def _row(event: RecordedEvent) -> tuple[Any, ...]:
    return (
        event.stream_id,
        event.version,
        event.event_id,
        event.event_type,
        event.schema_version,
        event.payload.decode(),
        event.metadata.decode(),
        event.recorded_at,
        event.valid_at,
        event.prev_hash,
        event.hash,
    )


def _json_rows(events: Sequence[RecordedEvent]) -> str:
    return msgspec.json.encode([dict(zip(WRITTEN, _row(event), strict=True)) for event in events]).decode()


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
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
