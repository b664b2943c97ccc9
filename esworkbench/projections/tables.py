"""The tables in which the read side keeps account of itself, beside the rows of its read models.

``checkpoints`` and ``checkpoint_log`` are explained in ``checkpoints``, ``read_models`` in ``built_tables``.
"""

from sqlalchemy import Column, Connection, Identity, Index, Integer, Table, Text, inspect

from esworkbench.event_store.columns import Position, UtcMoment, metadata
from esworkbench.event_store.guards import make_tables

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("position", Position, nullable=False),
    Column("updated_at", UtcMoment, nullable=False),
)

read_models = Table(
    "read_models",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("settings", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("built_at", UtcMoment, nullable=False),
)

checkpoint_log = Table(
    "checkpoint_log",
    metadata,
    Column("id", Position, Identity(always=True), primary_key=True),
    Column("projection", Text, nullable=False),
    Column("shard", Integer, nullable=False, default=0, server_default="0"),
    Column("from_position", Position, nullable=False),
    Column("to_position", Position, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("saved_at", UtcMoment, nullable=False),
    sqlite_autoincrement=True,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Position, Identity(), primary_key=True),
    Column("projection", Text, nullable=False),
    Column("position", Position, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("parked_at", UtcMoment, nullable=False),
    Index("dead_letters_projection", "projection", "position"),
)

APPEND_ONLY = (checkpoint_log.name,)
CHANGED = (checkpoints, read_models, dead_letters)


def make_missing(connection: Connection) -> None:
    """Make these tables where they don't exist yet: for whoever is about to write to them."""
    make_tables(connection, (*CHANGED, checkpoint_log), append_only=APPEND_ONLY)


def are_there(connection: Connection) -> bool:
    """Whether anything has ever kept a checkpoint in this database: for whoever only reads."""
    return inspect(connection).has_table(checkpoints.name)
