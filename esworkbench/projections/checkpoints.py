"""What a projection knows about itself in the database: how far it got, and how it got there.

``checkpoints`` holds one integer per projection: every event at or below it was seen. ``checkpoint_log`` is append-only
and tells the story behind that integer, one row per committed batch, ``from_position`` and ``to_position`` inclusive.
Whoever reads the story (is any position covered twice?) needs one rule:

- **A row with ``to_position`` 0 says that the read model was dropped and begun again: only rows of the same projection
  with a greater ``id`` than its last such row say anything about the rows that are there now.**
- A row with shard -1 is one event that a batch had parked and that was handled later (see ``parked``). It moves no
  checkpoint and is no second application of what that batch covers.
- Every other row is a batch, of the whole log (shard 0) or of one shard of it. Two batches of one shard after the last
  reset that cover the same position applied its event twice.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, Identity, Integer, Table, Text, bindparam, inspect, select, text

from esworkbench.event_store.columns import Position, UtcMoment, metadata
from esworkbench.event_store.guards import make_tables

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("projection", Text, primary_key=True),
    Column("position", Position, nullable=False),
    Column("updated_at", UtcMoment, nullable=False),
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

WHOLE_LOG = 0

# Made once: SQLAlchemy takes longer to put a statement together than SQLite to run it.
POSITION = select(checkpoints.c.position).where(checkpoints.c.projection == bindparam("name"))
LOCK = POSITION.with_for_update()
MOVE = (
    checkpoints.update()
    .where(checkpoints.c.projection == bindparam("name"))
    .values(position=bindparam("to"), updated_at=bindparam("now"))
)
LOG = checkpoint_log.insert()
BEGIN_AT_0 = text(
    "INSERT INTO checkpoints (projection, position, updated_at) VALUES (:projection, 0, :now)"
    " ON CONFLICT (projection) DO NOTHING"
).bindparams(bindparam("now", type_=UtcMoment))


class Run(NamedTuple):
    """Whose work a row of the log or a dead letter is."""

    projection: str
    run_id: str
    code_version: str


def position_of(connection: Connection, projection: str) -> int:
    """The projection's checkpoint; 0 for one that has not run."""
    return (reached(connection, projection) or 0) if are_there(connection) else 0


def are_there(connection: Connection) -> bool:
    """Whether anything has ever kept a checkpoint in this database: for whoever only reads."""
    return inspect(connection).has_table(checkpoints.name)


def reached(connection: Connection, projection: str) -> int | None:
    """The same where the tables are known to be there; None for a projection that has not run."""
    return connection.scalar(POSITION, {"name": projection})


def begin(connection: Connection, projection: str, now: datetime) -> int:
    """The checkpoint as ``lock`` gives it, made at 0 for a projection that has not run, and with it the tables."""
    make_tables(connection, (checkpoints, checkpoint_log), append_only=(checkpoint_log.name,))
    connection.execute(BEGIN_AT_0, {"projection": projection, "now": now})
    return lock(connection, projection)


def lock(connection: Connection, projection: str) -> int:
    """The checkpoint, held until the transaction ends, so that two runners take turns.

    SQLite has no row locks and needs none: its write transactions take turns from their first statement.
    """
    return int(connection.scalars(LOCK, {"name": projection}).one())


def advance(connection: Connection, run: Run, *, after: int, to: int, now: datetime) -> None:
    """Move the checkpoint from ``after`` to ``to`` and log the batch."""
    move(connection, run, to, now)
    log(connection, run, after + 1, to, now)


def log(
    connection: Connection, run: Run, from_position: int, to_position: int, now: datetime, *, shard: int = WHOLE_LOG
) -> None:
    covered = {"shard": shard, "from_position": from_position, "to_position": to_position}
    connection.execute(LOG, {**run._asdict(), **covered, "saved_at": now})


def move(connection: Connection, run: Run, position: int, now: datetime) -> None:
    """Set the checkpoint and log nothing: for whoever tells the log in other words how it got there."""
    connection.execute(MOVE, {"name": run.projection, "to": position, "now": now})
