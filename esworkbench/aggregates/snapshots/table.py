"""The table ``snapshots``: one row per (stream, version, state version)."""

from sqlalchemy import Column, Connection, Integer, Table, Text

from esworkbench.event_store.columns import Position, UtcMoment, columns_of, metadata
from esworkbench.event_store.guards import make_tables, take_turns_making_tables

snapshots = Table(
    "snapshots",
    metadata,
    Column("stream_id", Text, primary_key=True),
    Column("version", Position, primary_key=True, autoincrement=False),
    Column("state_version", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("event_shapes", Text),
    Column("event_hash", Text),
    Column("based_on_version", Position),
    Column("taken_at", UtcMoment, nullable=False),
)


def make_missing(connection: Connection) -> None:
    """Make the table where it doesn't exist yet.

    And give it what it lacks where it was made before snapshots said which events they were folded from.
    """
    make_tables(connection, [snapshots])
    lacking = {"event_shapes", "event_hash"} - columns_of(connection, snapshots.name)
    if lacking:
        take_turns_making_tables(connection)
        for name in sorted(lacking - columns_of(connection, snapshots.name)):
            connection.exec_driver_sql(f"ALTER TABLE snapshots ADD COLUMN {name} TEXT")
