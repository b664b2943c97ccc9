"""Rebuilding in place: drop the tables, reset the checkpoint, replay. Readers see the rows come back batch by batch;
``rebuilding`` has the ways that nobody notices.
"""

from datetime import datetime

from sqlalchemy import Connection

from esworkbench.projections import built_tables as read_models
from esworkbench.projections import checkpoints
from esworkbench.projections.projection import Projection


def drop_and_reset(connection: Connection, projection: Projection, run_id: str, now: datetime) -> None:
    """Empty tables of this code's schema version, checkpoint 0, no dead letters, in the caller's one transaction.

    The checkpoint row is locked first, so that a runner in the middle of a batch ends it before its tables go.
    """
    checkpoints.begin(connection, projection.name, now)
    projection.drop_tables(connection)
    projection.create_tables(connection)
    read_models.record(connection, projection, now)
    checkpoints.reset(connection, checkpoints.Run(projection.name, run_id, projection.code_version), now)
