"""The log's SQL on SQLite.

Reading past a gap can't happen here, so there is nothing to wait for: SQLite has one writer at a time, which draws
its positions under the write lock it holds until it commits, and a transaction that rolls back gives its positions
back to the next. Positions therefore become visible in their order, without gaps.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from esworkbench.errors import InvalidEvent, UnusableInput
from esworkbench.event_store.columns import (
    LAST_POSITION,
    moment_of,
    moment_text,
    out_of_reach,
    unreadable,
    up_to_unreadable,
)
from esworkbench.event_store.cursors import SqliteConnections
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.engine import COLUMNS, LAST_VERSION, Idempotency
from esworkbench.events import RecordedEvent

RECALL = "SELECT idempotency_key, command_digest, reply FROM idempotency_keys WHERE idempotency_key = ?"
HEAD = "SELECT version, hash FROM events WHERE stream_id = ? ORDER BY version DESC LIMIT 1"
INSERT = (
    "INSERT INTO events (stream_id, version, event_id, event_type, schema_version, payload, metadata,"
    " recorded_at, valid_at, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PLACE_OF_ID = "SELECT stream_id, version FROM events WHERE event_id = ?"
LAST_INSERTED = "SELECT last_insert_rowid()"
LAST_EVENT = "SELECT global_position, stream_id, event_id FROM events ORDER BY global_position DESC LIMIT 1"
LAST_DRAWN = f"""
    SELECT max(seq), (SELECT coalesce(max(global_position), 0) FROM events WHERE global_position < {LAST_POSITION})
    FROM sqlite_sequence WHERE name = 'events'
"""
TAKEN_AWAY = (
    f"DROP TRIGGER events_no_delete; DELETE FROM events WHERE global_position >= {LAST_POSITION}; "
    "UPDATE sqlite_sequence SET seq = {} WHERE name = 'events'"
)
REMEMBER = "INSERT INTO idempotency_keys (idempotency_key, command_digest, reply, recorded_at) VALUES (?, ?, ?, ?)"
STREAM = f"SELECT {COLUMNS} FROM events WHERE stream_id = ? AND version > ? AND version <= ?"
KNOWN_AT = " AND recorded_at <= ?"
BY_VERSION = " ORDER BY version"
AFTER = f"SELECT {COLUMNS} FROM events WHERE global_position > ? ORDER BY global_position LIMIT ?"
NAMES = COLUMNS.split(", ")
KINDS = (int, str, int, str, str, int, str, str, str, str, str, str)
HEAD_POSITION = "SELECT coalesce(max(global_position), 0) FROM events"


class SqliteTransaction:
    """An append under BEGIN IMMEDIATE: nobody else writes until it ends, so what it reads stays true."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Idempotency | None, Mapping[str, Head]]:
        execute = self._cursor.execute
        known = execute(RECALL, (key,)).fetchone() if key is not None else None
        if known is not None:
            return _remembered(known), {}
        heads = {stream_id: execute(HEAD, (stream_id,)).fetchone() for stream_id in expected_versions}
        return None, {stream_id: Head(*head) for stream_id, head in heads.items() if head is not None}

    def insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[int]:
        try:
            if len(events) == 1:
                last = self._cursor.execute(INSERT, _row(events[0])).lastrowid or 0
            else:
                self._cursor.executemany(INSERT, [_row(event) for event in events])
                (last,) = self._cursor.execute(LAST_INSERTED).fetchone()
        except (sqlite3.IntegrityError, sqlite3.OperationalError) as error:
            self._require_room(error)
            if not isinstance(error, sqlite3.IntegrityError):
                raise
            raise InvalidEvent(f"{self._refused(events)}, and nothing was written ({error})") from error
        if idempotency is not None:
            key, command_digest, reply = idempotency
            self._cursor.execute(REMEMBER, (key, command_digest, reply.decode(), moment_text(events[0].recorded_at)))
        return list(range(last - len(events) + 1, last + 1))

    def _require_room(self, error: sqlite3.Error) -> None:
        """Raises UnusableInput where no position is left: SQLite calls that a full disk, or the CHECK failed."""
        drawn, last = self._cursor.execute(LAST_DRAWN).fetchone()
        if drawn is None or drawn < LAST_POSITION:
            return
        taken_away = TAKEN_AWAY.format(last)
        position, stream_id, event_id = self._cursor.execute(LAST_EVENT).fetchone() or (0, "", "")
        if position >= LAST_POSITION:
            said = out_of_reach(position, stream_id, event_id, taken_away)
        else:
            said = f"somebody set the counter of positions to {drawn}, past which none is drawn: {taken_away}"
        raise UnusableInput(f"no position is left, and nothing was written: {said}") from error

    def _refused(self, events: Sequence[RecordedEvent]) -> str:
        """Why, as the statement's rows before the refused one still stand: the first id that is there elsewhere."""
        for event in events:
            there = self._cursor.execute(PLACE_OF_ID, (event.event_id,)).fetchone()
            if there is not None and there != (event.stream_id, event.version):
                return f"an event id was used before, {event.event_id!r}"
        return "the database refuses the events"


class SqliteLog:
    def __init__(self, engine: Engine) -> None:
        self._connections = SqliteConnections(engine)

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[SqliteTransaction]:
        with self._connections.borrow() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteTransaction(cursor)
            except BaseException:
                cursor.connection.rollback()
                raise
            cursor.connection.commit()

    def recall(self, key: str) -> Idempotency | None:
        with self._connections.borrow() as cursor:
            row = cursor.execute(RECALL, (key,)).fetchone()
        return _remembered(row) if row is not None else None

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
            wanted.append(moment_text(known_at))
        with self._connections.borrow() as cursor:
            return [_recorded(row) for row in cursor.execute(statement, wanted).fetchall()]

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        with self._connections.borrow() as cursor:
            return up_to_unreadable(cursor.execute(AFTER, (position, limit)).fetchall(), _recorded)

    def head_position(self) -> int:
        with self._connections.borrow() as cursor:
            return int(cursor.execute(HEAD_POSITION).fetchone()[0])

    def settled_head(self) -> int:
        return self.head_position()


def _remembered(row: tuple[str, str, str]) -> Idempotency:
    key, command_digest, reply = row
    return Idempotency(key, command_digest, reply.encode())


def _row(event: RecordedEvent) -> tuple[Any, ...]:
    recorded_at = moment_text(event.recorded_at)
    return (
        event.stream_id,
        event.version,
        event.event_id,
        event.event_type,
        event.schema_version,
        event.payload.decode(),
        event.metadata.decode(),
        recorded_at,
        recorded_at if event.valid_at is event.recorded_at else moment_text(event.valid_at),
        event.prev_hash,
        event.hash,
    )


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    # SQLite keeps in any column whatever somebody else wrote there.
    if tuple(map(type, row)) != KINDS:
        raise unreadable(
            row, next(name for name, kind, value in zip(NAMES, KINDS, row, strict=True) if type(value) is not kind)
        )
    return RecordedEvent(
        global_position=row[0],
        stream_id=row[1],
        version=row[2],
        event_id=row[3],
        event_type=row[4],
        schema_version=row[5],
        payload=row[6].encode(),
        metadata=row[7].encode(),
        recorded_at=_moment(row, 8),
        valid_at=_moment(row, 9),
        prev_hash=row[10],
        hash=row[11],
    )


def _moment(row: tuple[Any, ...], place: int) -> datetime:
    try:
        return moment_of(row[place])
    except ValueError as error:
        raise unreadable(row, NAMES[place]) from error
