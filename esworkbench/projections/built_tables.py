"""Which shape a read model's tables have, so that code of another shape keeps its hands off them.

The table ``read_models`` has one row per projection, written when its tables are built: ``schema_version`` is their
shape, ``settings`` what the rows depend on besides the events (a time zone, say), ``code_version`` whose handlers began
them, ``built_at`` when. Whoever reads rows can ask it what they mean.

Code of another shape or other settings is refused, as its rows would stand beside rows that mean something else; the
way out is a rebuild, which is always possible. Code of another ``code_version`` goes on, because a deploy need not
change what rows mean; the runner says so in its log.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, inspect, select

from esworkbench.errors import OtherReadModel
from esworkbench.projections import checkpoints, tables
from esworkbench.projections.dead_letters import reset
from esworkbench.projections.projection import Projection
from esworkbench.projections.tables import read_models

STANDING = select(*read_models.c["schema_version", "settings", "code_version", "built_at"])


class BuiltAs(NamedTuple):
    """What a read model's tables were built as."""

    schema_version: int
    settings: str
    code_version: str
    built_at: datetime


def built_as(connection: Connection, projection: str) -> BuiltAs | None:
    """What the projection's tables were built as; None where none were built, or none said so."""
    return _recorded(connection, projection) if inspect(connection).has_table(read_models.name) else None


def claim(connection: Connection, projection: Projection, checkpoint: int, now: datetime) -> BuiltAs:
    """What the tables are built as, recorded now where nothing was. Raises OtherReadModel.

    A checkpoint beyond 0 without a row tells of tables older than the row: these have schema version 1.
    """
    tables.make_missing(connection)
    if _recorded(connection, projection.name) is None:
        if checkpoint > 0 and projection.schema_version != 1:
            raise _other(projection, "schema version 1")
        record(connection, projection, now)
    return require_own(connection, projection)


def require_own(connection: Connection, projection: Projection) -> BuiltAs:
    """What the tables are built as. Raises OtherReadModel unless that is what this code keeps.

    Asked under the lock of the checkpoint it holds until the transaction ends, as a rebuild needs that lock too.
    """
    built = _recorded(connection, projection.name)
    if built is None:
        raise _other(projection, "no recorded schema version")
    if built.schema_version != projection.schema_version:
        raise _other(projection, f"schema version {built.schema_version}")
    if built.settings != projection.settings:
        raise _other(projection, f"the settings {built.settings!r}")
    return built


def record(connection: Connection, projection: Projection, now: datetime) -> None:
    """The tables were built, empty, by this code: to be called in the transaction that does so."""
    tables.make_missing(connection)
    connection.execute(delete(read_models).where(read_models.c.projection == projection.name))
    row = {
        "projection": projection.name,
        "schema_version": projection.schema_version,
        "settings": projection.settings,
        "code_version": projection.code_version,
        "built_at": now,
    }
    connection.execute(insert(read_models), row)


def drop_and_reset(connection: Connection, projection: Projection, run_id: str, now: datetime) -> None:
    """Begin a rebuild in place: empty tables of this code's shape, checkpoint 0, no dead letters, in one transaction.

    The checkpoint row is locked first, so that a runner in the middle of a batch ends it before its tables go.
    """
    checkpoints.begin(connection, projection.name, now)
    projection.drop_tables(connection)
    projection.create_tables(connection)
    record(connection, projection, now)
    reset(connection, checkpoints.Run(projection.name, run_id, projection.code_version), now)


def _recorded(connection: Connection, projection: str) -> BuiltAs | None:
    row = connection.execute(STANDING.where(read_models.c.projection == projection)).one_or_none()
    return None if row is None else BuiltAs(*row)


def _other(projection: Projection, found: str) -> OtherReadModel:
    keeps = f"schema version {projection.schema_version}"
    if projection.settings:
        keeps += f" and the settings {projection.settings!r}"
    return OtherReadModel(
        f"the tables of projection {projection.name!r} were built with {found}, this code keeps {keeps}, and nothing "
        "was written to them: rebuild the projection with the code that is to serve it"
    )
