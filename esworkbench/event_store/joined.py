"""Appends that others take part in: rows that must be written in the very transaction that writes the events.

The price is concurrency. A participant may rely on every position below those of the append being decided, so its
append holds the writers' lock *alone*, from before its positions are drawn until its commit: all who wrote before are
done, and whoever wants to write next waits, on PostgreSQL as on SQLite. (Holding it shared, as other appends do, would
leave lower positions open; waiting for those would mean waiting for a writer who may in turn wait for this one.)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from esworkbench.event_store import guards, schema
from esworkbench.event_store.database import write_transaction
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.log import COLUMNS, Log, LogTransaction, Remembered
from esworkbench.event_store.postgres_log import PostgresTransaction
from esworkbench.event_store.sqlite_log import SqliteTransaction
from esworkbench.events import RecordedEvent

Participant = Callable[[Connection], AbstractContextManager[None]]
"""Entered before anything of the append is read, left after its events are written and before they are committed.

Whatever it raises rolls the append back.
"""

AFTER = select(*(schema.events.c[name] for name in COLUMNS.split(", "))).order_by(schema.events.c.global_position)


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

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[LogTransaction]:
        with write_transaction(self._engine) as connection:
            transaction = alone(connection)
            with ExitStack() as stack:
                for participant in self.participants:
                    stack.enter_context(participant(connection))
                yield transaction


def alone(connection: Connection) -> LogTransaction:
    """An append inside the write transaction of ``connection``, which no other writer shares until it ends."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return SqliteTransaction(driver)
    driver.execute(f"SELECT pg_advisory_xact_lock({guards.WRITER_LOCK})")
    return _AloneOnPostgres(driver, None)


class _AloneOnPostgres(PostgresTransaction):
    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Remembered | None, Mapping[str, Head]]:
        """Stream by stream, without the streams' locks: who holds one of those may be waiting for this writer."""
        remembered, heads = None, dict[str, Head]()
        for stream_id, expected_version in expected_versions.items():
            remembered, head = super().look_up(key, {stream_id: expected_version})
            heads.update(head)
        return remembered, heads


def events_after(connection: Connection, position: int, limit: int) -> Sequence[RecordedEvent]:
    """The next events by position as the transaction of ``connection`` sees them, its own included.

    Only for one that writes alone: in any other, a lower position may still fill.
    """
    rows = connection.execute(AFTER.where(schema.events.c.global_position > position).limit(limit))
    return [_recorded(row) for row in rows]


def _recorded(row: Row[Any]) -> RecordedEvent:
    values: dict[str, str | int | datetime] = dict(row._mapping)
    return RecordedEvent(**{**values, "payload": row.payload.encode(), "metadata": row.metadata.encode()})
