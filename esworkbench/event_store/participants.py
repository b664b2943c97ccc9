"""Appends that others take part in: rows that must be written in the very transaction that writes the events.

The price is concurrency. A participant may rely on every position below those of the append being decided, so its
append holds the writers' lock *alone*, from before its positions are drawn until its commit: all who wrote before are
done, and whoever wants to write next waits, on PostgreSQL as on SQLite. (Holding it shared, as other appends do, would
leave lower positions open; waiting for those would mean waiting for a writer who may in turn wait for this one.)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, select

from esworkbench.event_store import schema, triggers
from esworkbench.event_store.database import write_transaction
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.engine import COLUMNS, Idempotency, Log, LogTransaction
from esworkbench.event_store.postgres.append import PostgresTransaction
from esworkbench.event_store.sqlite.log import SqliteTransaction
from esworkbench.event_store.store import EventStore
from esworkbench.events import RecordedEvent

Participant = Callable[[Connection, Sequence[RecordedEvent]], None]
"""Called once an append's events are written and before they are committed, with the transaction and the events.

Whatever it raises rolls the append back.
"""

BY_POSITION = select(*(schema.events.c[name] for name in COLUMNS.split(", "))).order_by(schema.events.c.global_position)


class JoinedStore(EventStore):
    """An event store in whose appends others may take part."""

    def join_appends(self, participant: Participant) -> None:
        """Let ``participant`` write in the transaction of each later append through this object.

        From then on each of these appends keeps all other writers waiting, on PostgreSQL too.
        """
        if not isinstance(self._log, JoinedLog):
            self._log = JoinedLog(self._log, self.engine)
        self._log.participants.append(participant)


class JoinedLog:
    """A log in whose every append the participants take part; reading is the log's own."""

    def __init__(self, log: Log, engine: Engine) -> None:
        self.participants: list[Participant] = []
        self._engine = engine
        if engine.dialect.name == "postgresql":
            # Each statement must see what was committed while this transaction waited for the lock.
            self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self.recall = log.recall
        self.stream_version = log.stream_version
        self.stream = log.stream
        self.after = log.after
        self.head_position = log.head_position
        self.settled_head = log.settled_head

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[LogTransaction]:
        with write_transaction(self._engine) as connection:
            transaction = JoinedTransaction(alone(connection))
            yield transaction
            if transaction.written:
                for participant in self.participants:
                    participant(connection, transaction.written)


class JoinedTransaction:
    """A transaction that remembers what it wrote."""

    def __init__(self, transaction: LogTransaction) -> None:
        self.written: list[RecordedEvent] = []
        self._transaction = transaction
        self.look_up = transaction.look_up

    def insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[int]:
        positions = self._transaction.insert(events, idempotency)
        for event, position in zip(events, positions, strict=True):
            self.written.append(msgspec.structs.replace(event, global_position=position))
        return positions


def alone(connection: Connection) -> LogTransaction:
    """An append inside the write transaction of ``connection``, which no other writer shares until it ends."""
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        return SqliteTransaction(cursor)
    cursor.execute(f"SELECT pg_advisory_xact_lock({triggers.WRITER_LOCK})")
    return _AloneOnPostgres(cursor, None)


class _AloneOnPostgres(PostgresTransaction):
    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Idempotency | None, Mapping[str, Head]]:
        """Stream by stream, without the streams' locks: who holds one of those may be waiting for this writer."""
        remembered, heads = None, dict[str, Head]()
        for stream_id, expected_version in expected_versions.items():
            remembered, head = super().look_up(key, {stream_id: expected_version})
            heads.update(head)
        return remembered, heads


def events_between(connection: Connection, after: int, before: int, limit: int) -> list[RecordedEvent]:
    """The next events by position, both bounds excluded, as the transaction of ``connection`` sees them.

    Only for one that writes alone: in any other, a position may still fill.
    """
    position = schema.events.c.global_position
    rows = connection.execute(BY_POSITION.where(position > after, position < before).limit(limit))
    return [_recorded(row) for row in rows]


def _recorded(row: Row[Any]) -> RecordedEvent:
    return RecordedEvent(**{**row._mapping, "payload": row.payload.encode(), "metadata": row.metadata.encode()})
