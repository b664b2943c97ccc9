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

import psycopg
from psycopg import errors
from sqlalchemy import Engine

from esworkbench.errors import InvalidEvent
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.guards import WRITER_LOCK
from esworkbench.event_store.log import COLUMNS, LAST_VERSION, KeyRow, Overtaken, Remembered
from esworkbench.events import RecordedEvent

RECALL = "SELECT command_digest, reply FROM idempotency_keys WHERE idempotency_key = %s"
LOOK_UP_ONE = """
    SELECT k.command_digest, k.reply, h.version, h.hash FROM (VALUES (1)) AS always
    LEFT JOIN idempotency_keys k ON k.idempotency_key = %s
    LEFT JOIN LATERAL (SELECT version, hash FROM events WHERE stream_id = %s ORDER BY version DESC LIMIT 1) h ON true
"""
HEADS = """
    SELECT s.stream_id, h.version, h.hash FROM unnest(%s::text[]) AS s(stream_id)
    CROSS JOIN LATERAL
    (SELECT version, hash FROM events WHERE stream_id = s.stream_id ORDER BY version DESC LIMIT 1) h
"""
LOCK_STREAMS = "SELECT pg_advisory_xact_lock(8451, hashtext(s)) FROM unnest(%s::text[]) AS s"
INSERT = """
    INSERT INTO events (stream_id, version, event_id, event_type, schema_version, payload, metadata,
                        recorded_at, valid_at, prev_hash, hash)
"""
ONE_ROW = INSERT + "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING global_position"
MANY_ROWS = (
    INSERT
    + """
    SELECT stream_id, version, event_id, event_type, schema_version, payload, metadata,
           recorded_at, valid_at, prev_hash, hash
    FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[],
                %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[]) WITH ORDINALITY
         AS new(stream_id, version, event_id, event_type, schema_version, payload, metadata,
                recorded_at, valid_at, prev_hash, hash, place)
    ORDER BY place
    RETURNING global_position"""
)
REMEMBER = "INSERT INTO idempotency_keys (idempotency_key, command_digest, reply, recorded_at) VALUES (%s, %s, %s, %s)"
AND_REMEMBER = f"WITH kept AS ({REMEMBER}), written AS ("
POSITIONS = ") SELECT global_position FROM written"
STREAM = f"SELECT {COLUMNS} FROM events WHERE stream_id = %s AND version > %s AND version <= %s"
KNOWN_AT = " AND recorded_at <= %s"
BY_VERSION = " ORDER BY version"
BETWEEN = f"SELECT {COLUMNS} FROM events WHERE global_position > %s AND global_position <= %s"
BY_POSITION = " ORDER BY global_position LIMIT %s"
HEAD_POSITION = "SELECT coalesce(max(global_position), 0) FROM events"
HOLDERS = """
    SELECT virtualtransaction, pid FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = %s AND objid = %s
"""
LOCK_PARTS = (WRITER_LOCK >> 32, WRITER_LOCK & 0xFFFF_FFFF)

FIRST_PAUSE, LONGEST_PAUSE, COMPLAIN_AFTER = 0.001, 0.05, 5.0
"""Seconds between two looks at who still writes, and until the log names who is being waited for."""

logger = logging.getLogger(__name__)


class PostgresTransaction:
    """An append. Whoever reads a head that is no longer the last meets the unique (stream, version) on writing."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def look_up(self, key: str | None, stream_ids: Sequence[str]) -> tuple[Remembered | None, Mapping[str, Head]]:
        if len(stream_ids) > 1:
            return self._look_up_many(key, sorted(stream_ids))
        row = self._connection.execute(LOOK_UP_ONE, (key, stream_ids[0])).fetchone()
        assert row is not None
        digest, reply, version, last_hash = row
        remembered = Remembered(digest, reply) if digest is not None else None
        return remembered, {stream_ids[0]: Head(version, last_hash)} if version is not None else {}

    def _look_up_many(self, key: str | None, stream_ids: list[str]) -> tuple[Remembered | None, Mapping[str, Head]]:
        # Two transfers in opposite directions would wait for each other's row; taking the streams in one order,
        # before either writes, leaves one of them waiting and the other going.
        self._connection.execute(LOCK_STREAMS, (stream_ids,))
        row = self._connection.execute(RECALL, (key,)).fetchone()
        heads = self._connection.execute(HEADS, (stream_ids,)).fetchall()
        return (Remembered(*row) if row else None), {name: Head(version, last) for name, version, last in heads}

    def insert(self, events: Sequence[RecordedEvent], key_row: KeyRow | None) -> list[int]:
        rows = [_row(event) for event in events]
        statement, values = (
            (ONE_ROW, rows[0]) if len(rows) == 1 else (MANY_ROWS, tuple(map(list, zip(*rows, strict=True))))
        )
        if key_row is not None:
            statement, values = AND_REMEMBER + statement + POSITIONS, (*key_row, *values)
        positions = self._execute(statement, values).fetchall()
        return sorted(position for (position,) in positions)

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
        self._engine = engine

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[PostgresTransaction]:
        # One INSERT is atomic and durable by itself; wrapping it in BEGIN and COMMIT costs two round trips. What was
        # read before it needs no transaction either: the unique constraints refuse whatever has gone stale.
        with self._connection(autocommit=one_insert) as connection:
            try:
                yield PostgresTransaction(connection)
            except BaseException:
                if not connection.closed:
                    connection.rollback()
                raise
            connection.commit()

    def recall(self, key: str) -> Remembered | None:
        with self._connection() as connection:
            row = connection.execute(RECALL, (key,)).fetchone()
        return Remembered(*row) if row is not None else None

    def stream(
        self, stream_id: str, after_version: int, up_to_version: int, known_at: datetime | None
    ) -> list[RecordedEvent]:
        wanted: list[Any] = [stream_id, after_version, min(up_to_version, LAST_VERSION)]
        statement = STREAM + BY_VERSION
        if known_at is not None:
            statement = STREAM + KNOWN_AT + BY_VERSION
            wanted.append(known_at)
        with self._connection() as connection:
            return [_recorded(row) for row in connection.execute(statement, wanted).fetchall()]

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        with self._connection() as connection:
            rows = connection.execute(BETWEEN + BY_POSITION, (position, LAST_VERSION, limit)).fetchall()
            if not rows or rows[-1][0] == position + len(rows):
                return [_recorded(row) for row in rows]
            # Whoever drew a missing position did so before the last row seen here, and still holds the lock if it
            # isn't done. So first look who holds it, and only then read again.
            _wait_until_gone(connection, _holders(connection))
            rows = connection.execute(BETWEEN + BY_POSITION, (position, rows[-1][0], limit)).fetchall()
            return [_recorded(row) for row in rows]

    def head_position(self) -> int:
        with self._connection() as connection:
            row = connection.execute(HEAD_POSITION).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def _connection(self, *, autocommit: bool = True) -> Iterator[psycopg.Connection[Any]]:
        """A pooled driver connection, bare: constant SQL needs no compiling."""
        pooled = self._engine.raw_connection()
        connection: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]
        try:
            connection.autocommit = autocommit
            yield connection
        finally:
            if connection.closed:
                pooled.invalidate()
            else:
                connection.autocommit = False
                pooled.close()


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
