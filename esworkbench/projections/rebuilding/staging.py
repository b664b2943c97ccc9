"""The staging area: where the next rows of a read model grow, out of its readers' sight.

It has the projection's tables under their own names, and beside them a checkpoint, a checkpoint log and dead letters of
its own. So the handlers and the runner that feed the live read model work there unchanged, and rows and checkpoint
still share one transaction: a rebuild may be killed at any instruction and goes on where it was.

A SQLite file serves every store; a schema of its own serves PostgreSQL, for handlers that only PostgreSQL understands.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)

from esworkbench.event_store import EventStore, open_database, write_transaction
from esworkbench.event_store.columns import Position, identifier
from esworkbench.events import RecordedEvent
from esworkbench.projections import built_tables, checkpoints, dead_letters, tables
from esworkbench.projections.projection import Projection

ROWS_AT_ONCE = 20_000

log_seen = Table(
    "log_seen",
    MetaData(),
    Column("built_by", Text, nullable=False),
    Column("position", Position, nullable=False),
    Column("hash", Text, nullable=False),
)
"""One row: the last event that the handlers saw here. It tells a staging area of this log from one of another."""


class Built(NamedTuple):
    """What belongs beside the rows: the position they stand at, what was parked, and the batches that made them."""

    position: int
    parked: list[dict[str, Any]]
    batches: list[dict[str, Any]]


class Staging(Protocol):
    engine: Engine

    def clear(self) -> None:
        """Everything away, and an empty place made."""

    def remove(self) -> None:
        """Everything away."""


class StagingFile:
    """A SQLite file. It may lose its last batches with the power, rows and checkpoint alike, but never tears one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.engine = _open_file(path)

    def clear(self) -> None:
        self.remove()
        self.engine = _open_file(self.path)

    def remove(self) -> None:
        self.engine.dispose()
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def rows(self, table: Table) -> Iterator[Sequence[Any]]:
        """The table's rows in the order of its primary key, in batches, as SQLite holds them."""
        order = [*table.primary_key.columns] or [text("rowid")]
        statement = select(*(text(column.name) for column in table.columns)).select_from(table).order_by(*order)
        with self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute(str(statement.compile(self.engine)))
            while batch := cursor.fetchmany(ROWS_AT_ONCE):
                yield batch
            cursor.close()


class StagingSchema:
    """A PostgreSQL schema, as durable as the file.

    Nothing else is on its search path, so no handler can reach the live table from here.
    """

    def __init__(self, store: EventStore, name: str) -> None:
        self.name = identifier(name)
        self._store = store
        self._execute(f"CREATE SCHEMA IF NOT EXISTS {self.name}")
        url = store.engine.url.update_query_pairs(
            [("options", f"-c search_path={self.name} -c synchronous_commit=off")], append=True
        )
        self.engine = open_database(url.render_as_string(hide_password=False))

    def clear(self) -> None:
        self.engine.dispose()
        self._execute(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")
        self._execute(f"CREATE SCHEMA {self.name}")

    def remove(self) -> None:
        self.engine.dispose()
        self._execute(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")

    def _execute(self, statement: str) -> None:
        with self._store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def prepare(staging: Staging, store: EventStore, projection: Projection) -> None:
    """Go on with what an earlier rebuild left here, if it is of this code and this log; else begin anew."""
    if not fits(staging, store, projection):
        staging.clear()
        begin(staging, projection, store.clock())


def begin(staging: Staging, projection: Projection, now: datetime) -> None:
    """The tables of an empty staging area, as this code keeps them."""
    with write_transaction(staging.engine) as connection:
        tables.make_missing(connection)
        log_seen.create(connection)
        projection.create_tables(connection)
        built_tables.record(connection, projection, now)
        connection.execute(insert(log_seen), {"built_by": _code(projection), "position": 0, "hash": ""})


def saw(staging: Staging, last: RecordedEvent) -> None:
    """Note the last event that is about to be handled here."""
    with write_transaction(staging.engine) as connection:
        connection.execute(log_seen.update().values(position=last.global_position, hash=last.hash))


def built_at(connection: Connection, projection: str) -> Built:
    """How far a staging area, or the live read model, has come and by which batches since it was last begun."""
    return Built(
        checkpoints.position_of(connection, projection),
        dead_letters.parked(connection, projection),
        since_reset(connection, projection),
    )


def since_reset(connection: Connection, projection: str) -> list[dict[str, Any]]:
    """The rows of the log, without their ids, that made the rows that are there now."""
    log = tables.checkpoint_log
    mine = log.c.projection == projection
    begun = select(func.coalesce(func.max(log.c.id), 0)).where(mine, log.c.to_position == 0)
    columns = [column for column in log.c if column.name != "id"]
    later = log.c.id > begun.scalar_subquery()
    return [row._asdict() for row in connection.execute(select(*columns).where(mine, later).order_by("id"))]


def put(staging: Staging, built: Built, projection: str, now: datetime) -> None:
    """Make the staging area say that its rows, which came from elsewhere, were built like this."""
    with write_transaction(staging.engine) as connection:
        for table, rows in ((tables.checkpoint_log, built.batches), (tables.dead_letters, built.parked)):
            connection.execute(delete(table))
            if rows:
                connection.execute(insert(table), rows)
        connection.execute(delete(tables.checkpoints))
        at = {"projection": projection, "position": built.position, "updated_at": now}
        connection.execute(insert(tables.checkpoints), at)


def fits(staging: Staging, store: EventStore, projection: Projection) -> bool:
    """Whether what stands here was built of this log by this code."""
    if not inspect(staging.engine).has_table(log_seen.name):
        return False
    with staging.engine.connect() as connection:
        [(built_by, position, seen)] = connection.execute(select(log_seen)).all()
    if position == 0 or built_by != _code(projection):
        return False
    found = store.read_all(after=position - 1, limit=1)
    return bool(found) and found[0].global_position == position and found[0].hash == seen


def _code(projection: Projection) -> str:
    """All that rows depend on besides the events and the decoder."""
    return f"schema version {projection.schema_version}, code version {projection.code_version} {projection.settings}"


def _open_file(path: Path) -> Engine:
    engine = open_database(str(path))
    event.listen(engine, "connect", _leave_syncing_to_the_system)
    engine.dispose()
    return engine


def _leave_syncing_to_the_system(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
