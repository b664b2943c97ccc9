"""Snapshots of a read model: its rows as they stood at one position, from which a rebuild may start.

A snapshot is a staging area in a file of its own: rows, checkpoint, dead letters and batches of one moment. It is
worth what the read model was worth when it was taken: a row that was wrong then is wrong again after a rebuild from it.
So take one of a read model that was verified, and keep the way from the first event open.
"""

import shutil
import uuid
from pathlib import Path

from sqlalchemy import insert, select, text

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.columns import identifier
from esworkbench.projections import built_tables
from esworkbench.projections.projection import Projection
from esworkbench.projections.rebuilding.staging import ROWS_AT_ONCE, StagingFile, begin, built_at, fits, put, saw


def take_snapshot(store: EventStore, projection: Projection, into: Path) -> int:
    """Copy a read model, in one transaction with its position, to the new file ``into``. Returns the position.

    Raises UnusableInput when the file exists, or the projection has seen no event; OtherReadModel for tables of another
    schema version.
    """
    if into.exists():
        raise UnusableInput(f"{into} exists and a snapshot is never overwritten: name a new file")
    path = into.with_name(f"{into.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        partial = StagingFile(path)
        try:
            partial.clear()
            begin(partial, projection, store.clock())
            position = _copy(store, projection, partial)
            partial.engine.dispose()
            partial.path.rename(into)
        finally:
            partial.remove()
    finally:
        path.unlink(missing_ok=True)  # a full disk takes the file's name, and no database in it
    return position


def restore_snapshot(store: EventStore, projection: Projection, snapshot: Path, staging: StagingFile) -> None:
    """Begin a staging area with a snapshot. Raises UnusableInput for one of other code or of another log."""
    if not snapshot.is_file():
        raise UnusableInput(f"there is no snapshot {snapshot}: take one first")
    staging.remove()
    partial = staging.path.with_name(f"{staging.path.name}.partial")
    shutil.copyfile(snapshot, partial)
    partial.rename(staging.path)
    if not fits(staging, store, projection):
        staging.remove()
        raise UnusableInput(
            f"snapshot {snapshot} was not taken of this log with {projection.name} schema version "
            f"{projection.schema_version} and code version {projection.code_version}: rebuild from the first event, "
            "and take a new one"
        )


def _copy(store: EventStore, projection: Projection, staging: StagingFile) -> int:
    on_postgres = store.engine.dialect.name == "postgresql"
    options = {"isolation_level": "REPEATABLE READ"} if on_postgres else {}
    with store.engine.connect().execution_options(**options) as connection:
        if on_postgres:
            # Before the snapshot is drawn: a swap in between would show the new table without its rows.
            for table in projection.tables:
                connection.execute(text(f"LOCK TABLE {identifier(table.name)} IN ACCESS SHARE MODE"))
        built = built_at(connection, projection.name)
        if built.position == 0:
            raise UnusableInput(f"{projection.name} has seen no event yet: there is nothing to take a snapshot of")
        built_tables.require_own(connection, projection)
        for table in projection.tables:
            found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
            for rows in found.mappings().partitions():
                with write_transaction(staging.engine) as writing:
                    writing.execute(insert(table), [dict(row) for row in rows])
    put(staging, built, projection.name, store.clock())
    [last] = store.read_all(after=built.position - 1, limit=1)
    saw(staging, last)
    return built.position
