"""The outbox's tables: what waits to be published, and what could not be."""

from sqlalchemy import Boolean, Column, Connection, Identity, Index, Integer, Table, Text, inspect

from esworkbench.event_store.columns import Position, UtcMoment, metadata
from esworkbench.event_store.guards import make_tables

outbox = Table(
    "outbox",
    metadata,
    Column("id", Position, Identity(), primary_key=True),
    Column("global_position", Position, nullable=False),
    Column("queued_at", UtcMoment, nullable=False),
    Column("published_at", UtcMoment),
)

outbox_failures = Table(
    "outbox_failures",
    metadata,
    Column("global_position", Position, primary_key=True, autoincrement=False),
    Column("stream_id", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("failed_at", UtcMoment, nullable=False),
    Column("next_attempt_at", UtcMoment),
    Column("holds_stream", Boolean, nullable=False),
    Index("outbox_failures_stream", "stream_id"),
)

OUTBOX_TABLES = (outbox, outbox_failures)


def make_missing(connection: Connection) -> None:
    """Make these tables where they don't exist yet: for whoever is about to write to them."""
    make_tables(connection, OUTBOX_TABLES)


def are_there(connection: Connection) -> bool:
    """Whether this database ever had an outbox: for whoever only reads."""
    return inspect(connection).has_table(outbox.name)
