"""Snapshots in a table: in the event store's own database, or in another one.

Asked at every load, so the SQL is plain text on connections kept at hand (see ``event_store.cursors``): composing
it anew, and checking a connection out and in, would cost more than running it.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, LiteralString, Self

import msgspec
from sqlalchemy import Engine

from esworkbench.aggregates.snapshots.snapshot import Snapshot
from esworkbench.aggregates.snapshots.table import make_missing
from esworkbench.event_store import open_database, write_transaction
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.cursors import PostgresConnections, SqliteConnections
from esworkbench.events import utc_now

CONTENT = "version, state_version, state, event_shapes, event_hash, based_on_version"
NEXT_OLDER = (
    f"SELECT {CONTENT} FROM snapshots WHERE stream_id = ? AND (version, state_version) < (?, ?)"
    " ORDER BY version DESC, state_version DESC LIMIT 1"
)
KEEP = f"INSERT INTO snapshots (stream_id, {CONTENT}, taken_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
INVALIDATE = "DELETE FROM snapshots WHERE state_version = ? AND substr(stream_id, 1, ?) = ?"
NO_BOUND = (2**63 - 1, 2**31 - 1)
"""Past every (version, state version) that the columns hold."""

logger = logging.getLogger(__name__)

_event_shapes = msgspec.json.Decoder(dict[str, int])


class SnapshotStore:
    """Keeps snapshots in the table ``snapshots``, one row per (stream, version, state version).

    The table is made if it is missing. ``clock`` says when a snapshot is taken.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        with write_transaction(engine) as connection:
            make_missing(connection)
        self._on_sqlite = engine.dialect.name == "sqlite"
        self._connections = SqliteConnections(engine) if self._on_sqlite else PostgresConnections(engine)
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Snapshots in a database of their own, made if need be; URLs as for ``open_database``, which raises."""
        return cls(open_database(url), clock=clock)

    def candidates(self, stream_id: str) -> Iterator[Snapshot]:
        """One query for each snapshot asked for."""
        bound = NO_BOUND
        while row := self._next_older(stream_id, *bound):
            version, state_version, state, event_shapes, event_hash, based_on_version = row
            bound = (version, state_version)
            try:
                shapes = None if event_shapes is None else _event_shapes.decode(event_shapes)
            except msgspec.DecodeError:
                logger.exception("the snapshot of %s at version %d is damaged and passed over", stream_id, version)
                continue
            yield Snapshot(stream_id, version, state_version, state.encode(), shapes, event_hash, based_on_version)

    def keep(self, snapshot: Snapshot) -> None:
        moment = self._clock()
        row = (
            snapshot.stream_id,
            snapshot.version,
            snapshot.state_version,
            snapshot.state.decode(),
            None if snapshot.event_shapes is None else msgspec.json.encode(snapshot.event_shapes).decode(),
            snapshot.event_hash,
            snapshot.based_on_version,
            moment_text(moment) if self._on_sqlite else moment,
        )
        with self._connections.borrow() as cursor:
            cursor.execute(self._sql(KEEP), row)

    def invalidate(self, category: str, state_version: int) -> int:
        prefix = f"{category}-"
        with self._connections.borrow() as cursor:
            return int(cursor.execute(self._sql(INVALIDATE), (state_version, len(prefix), prefix)).rowcount)

    def _next_older(self, stream_id: str, version: int, state_version: int) -> Any:
        with self._connections.borrow() as cursor:
            return cursor.execute(self._sql(NEXT_OLDER), (stream_id, version, state_version)).fetchone()

    def _sql(self, statement: LiteralString) -> LiteralString:
        return statement if self._on_sqlite else statement.replace("?", "%s")
