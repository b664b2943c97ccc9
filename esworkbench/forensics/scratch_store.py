"""A scratch copy of a store, made from evidence, so that a repair can be tried where nothing can be harmed.

The events are the evidence's byte for byte: same positions, versions, hashes and times. Read models are put back as
they were claimed at the cut, errors included, since those are what a repair has to heal.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Integer, Table, insert, text, update
from sqlalchemy.exc import IntegrityError

from esworkbench.aggregates.snapshots.table import make_missing as make_snapshots
from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, schema, write_transaction
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import utc_now
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.statement_file import COLUMNS
from esworkbench.evidence.ledger import ReadModel
from esworkbench.projections import Projection, ProjectionRunner, tables
from esworkbench.projections.built_tables import drop_and_reset
from esworkbench.upcasters import EventDecoder

BATCH = 5_000
SCRATCH_RUN = "scratch"
Factories = Mapping[str, Callable[[], Projection]]

_COPIED = (tables.checkpoints, tables.checkpoint_log, tables.dead_letters, snapshots)


def scratch_store(
    evidence: Evidence,
    folder: Path,
    *,
    projections: Factories | None = None,
    decoder: EventDecoder | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> EventStore:
    """A SQLite store ``scratch.db`` in ``folder``, and the evidence's statements outside it.

    The given projections get their tables: as claimed where the evidence holds their claims, else replayed up to
    their checkpoint with ``decoder``. Raises UnusableInput for evidence without a chain of ours (a stranger's store or
    a file) or with rows that break a store's own rules (two events with one id, a value that isn't there), or where the
    folder holds a scratch copy already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scratch.db"
    if path.exists():
        raise UnusableInput(f"{path} already exists: name another folder for the scratch copy")
    if not evidence.connection().execute("SELECT count(hash) = count(*) FROM events").fetchall()[0][0]:
        raise UnusableInput(f"{evidence.path} holds events without our hashes, so no copy of its store can be made")
    url = f"sqlite:///{path}"
    store = EventStore.open(url, clock=clock)
    with write_transaction(store.engine) as connection:
        _copy_events(evidence, connection)
        tables.make_missing(connection)
        make_snapshots(connection)
        for table in _COPIED:
            _copy(evidence, connection, table)
        _reserve_positions(evidence, connection)
    for factory in (projections or {}).values():
        _restore(evidence, store, factory(), decoder)
    _copy_statements(evidence, outside_folder(url) / "statements")
    return store


def _copy_events(evidence: Evidence, connection: Connection) -> None:
    query = (
        "SELECT position AS global_position, stream_id, version, event_id, type AS event_type, schema_version, "
        "payload, metadata, recorded_at, valid_at, prev_hash, hash FROM events ORDER BY position"
    )
    _insert(evidence, connection, schema.events, query)


def _reserve_positions(evidence: Evidence, connection: Connection) -> None:
    """Draw new positions past every checkpoint, as the source would, even where the log's tail was cut off."""
    furthest = max([evidence.manifest.cut.high_water or 0, *evidence.manifest.cut.checkpoints.values()])
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'events'"))
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', :seq)"), {"seq": furthest})


def _copy(evidence: Evidence, connection: Connection, table: Table) -> None:
    _insert(evidence, connection, table, f"SELECT * FROM {table.name} ORDER BY 1, 2")


def _insert(evidence: Evidence, connection: Connection, table: Table, query: str) -> None:
    try:
        for rows in _batches(evidence, query):
            connection.execute(insert(table), rows)
    except IntegrityError as error:
        raise UnusableInput(
            f"{evidence.path} holds {table.name} that break the rules of our store, so no copy can be made: "
            f"{error.orig}"
        ) from None


def _batches(evidence: Evidence, query: str) -> Iterator[list[dict[str, Any]]]:
    cursor = evidence.connection().execute(query)
    names = [column[0] for column in cursor.description or ()]
    while rows := cursor.fetchmany(BATCH):
        yield [dict(zip(names, row, strict=True)) for row in rows]


def _restore(evidence: Evidence, store: EventStore, projection: Projection, decoder: EventDecoder | None) -> None:
    checkpoint = evidence.checkpoint(projection.name)
    if checkpoint is None:
        return
    models = [model for model in evidence.ledger.read_model if model.projection == projection.name]
    own = {table.name: table for table in projection.tables}
    if models and all(model.table in own for model in models):
        with write_transaction(store.engine) as connection:
            projection.create_tables(connection)
            for model in models:
                _put_back(evidence, connection, own[model.table], model)
    elif decoder is not None:
        _replay(store, projection, decoder, checkpoint)


def _replay(store: EventStore, projection: Projection, decoder: EventDecoder, checkpoint: int) -> None:
    """Run it again as far as it had got; the copied log of its first run stays, with a reset after it."""
    with write_transaction(store.engine) as connection:
        drop_and_reset(connection, projection, SCRATCH_RUN, store.clock())
    ProjectionRunner(store, projection, decoder, run_id=SCRATCH_RUN).catch_up(up_to=checkpoint)
    with write_transaction(store.engine) as connection:
        # Where the log's tail was cut off, the projection had got further than any replay can.
        connection.execute(
            update(tables.checkpoints)
            .where(tables.checkpoints.c.projection == projection.name)
            .values(position=checkpoint)
        )


def _put_back(evidence: Evidence, connection: Connection, table: Table, model: ReadModel) -> None:
    """The rows as claimed. What no claim holds is taken from the event beside it, or is 0 or empty."""
    claimed: dict[str | None, str] = {
        model.account: "a.account", model.currency: "a.currency", model.claimed: "a.claimed_minor",
        model.position: "a.position", model.version: "a.version", model.event_id or model.hold: "a.event_id",
        model.day: "a.day", model.recorded_at: "a.recorded_at",
        **{column: f"{kind}.claimed_minor" for kind, column in model.beside.items()},
    }  # fmt: skip
    joined = "".join(
        f"LEFT JOIN assertions AS {kind} ON {kind}.source = a.source AND {kind}.kind = '{kind}' "
        f"AND {kind}.account = a.account AND {kind}.currency = a.currency "
        f"AND {kind}.order_key IS NOT DISTINCT FROM a.order_key AND {kind}.day IS NOT DISTINCT FROM a.day "
        for kind in model.beside
    )
    beside = {"amount_minor": "coalesce(a.step_minor, 0)", "event_type": "coalesce(e.type, '')"}
    columns = ", ".join(
        f"{claimed.get(each.name) or beside.get(each.name) or _empty(each)} AS {each.name}" for each in table.columns
    )
    query = (
        f"SELECT {columns} FROM assertions AS a LEFT JOIN events AS e ON e.event_id = a.event_id {joined}"
        f"WHERE a.source = '{model.projection}' AND a.kind = '{model.kind}' ORDER BY a.account, a.currency, a.order_key"
    )
    _insert(evidence, connection, table, query)


def _empty(column: Column[Any]) -> str:
    if column.nullable:
        return "NULL"
    return "0" if isinstance(column.type, Integer) else "''"


def _copy_statements(evidence: Evidence, folder: Path) -> None:
    files: dict[str, list[Sequence[Any]]] = {}
    query = (
        "SELECT file, account, currency, strftime(booked_at, '%Y-%m-%dT%H:%M:%S.%fZ'), reference, amount_minor, "
        "balance_minor FROM statements ORDER BY file, line"
    )
    for file, *line in evidence.connection().execute(query).fetchall():
        files.setdefault(file, []).append(line)
    for file, lines in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / Path(file).name).open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(COLUMNS)
            writer.writerows(lines)
