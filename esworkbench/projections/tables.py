"""The tables in which the read side keeps account of itself, beside the rows of its read models.

``checkpoints`` and ``checkpoint_log`` stand in ``checkpoints``, ``read_models`` is explained in ``built_tables``.
"""

from sqlalchemy import Column, Connection, Identity, Index, Integer, Table, Text, inspect

from esworkbench.event_store.columns import Position, UtcMoment, metadata
from esworkbench.event_store.guards import make_tables, put_back_guards
from esworkbench.projections.checkpoints import are_there, checkpoint_log, checkpoints

__all__ = ["are_there", "checkpoint_log", "checkpoints", "dead_letters", "make_missing", "read_models"]

read_models = Table(
    "read_models",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("settings", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("built_at", UtcMoment, nullable=False),
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

CHANGED = (checkpoints, read_models, dead_letters)


def can_hold_dead_letters(connection: Connection) -> bool:
    """Whether anything that parks events has ever run in this database: for whoever only reads."""
    return inspect(connection).has_table(dead_letters.name)


def make_missing(connection: Connection) -> None:
    """Make all these tables where they don't exist yet: for whoever is about to write to them."""
    make_tables(connection, (*CHANGED, checkpoint_log), append_only=(checkpoint_log.name,))
    put_back_guards(connection, checkpoint_log)
