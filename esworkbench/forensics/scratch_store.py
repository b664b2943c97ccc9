"""A scratch copy of a store, made from evidence, so that a repair can be tried where nothing can be harmed.

The events are the evidence's byte for byte: same positions, versions, hashes and times. Read models are put back as
they were claimed at the cut, errors included, since those are what a repair has to heal.
"""

import csv
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Date, Integer, Table, text, update

from esworkbench.aggregates.snapshots.table import make_missing as make_snapshots
from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.archive import SCHEMAS, quoted
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, schema, write_transaction
from esworkbench.event_store.columns import UtcMoment, identifier
from esworkbench.event_store.database import sqlite_url
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.events import utc_now
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.statement_file import COLUMNS, MAY_FOLLOW
from esworkbench.evidence.ledger import ReadModel
from esworkbench.projections import Projection, ProjectionRunner, tables
from esworkbench.projections.built_tables import drop_and_reset
from esworkbench.upcasters import EventDecoder

BATCH = 20_000
SCRATCH_RUN = "scratch"
Factories = Mapping[str, Callable[[], Projection]]

OF_THE_EVENT = {"event_type": "coalesce(e.type, '')"}
"""A column of a read model that is called like one of the log's holds what its event holds there."""

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
    url = sqlite_url(path)
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
    _insert(evidence, connection, schema.events, {"global_position": "position", "event_type": "type"}, "events")


def _reserve_positions(evidence: Evidence, connection: Connection) -> None:
    """Draw new positions past every checkpoint, as the source would, even where the log's tail was cut off."""
    furthest = max([evidence.manifest.cut.high_water or 0, *evidence.manifest.cut.checkpoints.values()])
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'events'"))
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', :seq)"), {"seq": furthest})


def _copy(evidence: Evidence, connection: Connection, table: Table) -> None:
    kept = SCHEMAS[table.name].names
    absent = {column.name: _empty(column) for column in table.columns if column.name not in kept}
    _insert(evidence, connection, table, absent, table.name)


def _insert(evidence: Evidence, connection: Connection, table: Table, said: dict[str, str], rows: str) -> None:
    """Fill the table from ``rows`` of the evidence, by the driver's own bulk insert, past no guard of the database.

    ``said`` is the SQL of a column's value where it isn't that of the same name. Values are bound as the table's types
    would bind them, and in the order of the first two columns.
    """
    columns = list(table.columns)
    query = ", ".join(_as_stored(column, said.get(column.name, column.name)) for column in columns)
    names, marks = ", ".join(identifier(column.name) for column in columns), ", ".join("?" * len(columns))
    cursor = connection.connection.cursor()
    found = evidence.connection().execute(f"SELECT {query} FROM {rows} ORDER BY 1, 2")
    while batch := found.fetchmany(BATCH):
        try:
            cursor.executemany(f"INSERT INTO {identifier(table.name)} ({names}) VALUES ({marks})", batch)
        except sqlite3.IntegrityError as error:
            what = table.name
            raise UnusableInput(
                f"{evidence.path} holds {what} that break the rules of our store, so no copy can be made: {error}"
            ) from None


def _as_stored(column: Column[Any], value: str) -> str:
    """SQL of the value as SQLite keeps it: moments and days are text."""
    if isinstance(column.type, UtcMoment):
        return f"strftime({value}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"CAST({value} AS VARCHAR)" if isinstance(column.type, Date) else value


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
    said = {each.name: claimed.get(each.name) or OF_THE_EVENT.get(each.name) or _empty(each) for each in table.columns}
    rows = (
        f"assertions AS a LEFT JOIN events AS e ON e.event_id = a.event_id {joined}"
        f"WHERE a.source = {quoted(model.projection)} AND a.kind = {quoted(model.kind)}"
    )
    _insert(evidence, connection, table, said, rows)


def _empty(column: Column[Any]) -> str:
    if column.nullable:
        return "NULL"
    return "0" if isinstance(column.type, Integer) else "''"


PLAIN = {None, "entry", False}
"""What the further columns say of a line of which our own columns say all there is."""


def _copy_statements(evidence: Evidence, folder: Path) -> None:
    files: dict[str, list[Sequence[Any]]] = {}
    query = (
        "SELECT file, account, currency, strftime(booked_at, '%Y-%m-%dT%H:%M:%S.%fZ'), reference, amount_minor, "
        f"balance_minor, {', '.join(MAY_FOLLOW)} FROM statements ORDER BY file, line"
    )
    for file, *line in evidence.connection().execute(query).fetchall():
        files.setdefault(file, []).append(line)
    for file, lines in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / Path(file).name).open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            # A file that tells no more than our own columns is written with no others.
            count = len(COLUMNS) + (len(MAY_FOLLOW) if any(set(line[len(COLUMNS) :]) - PLAIN for line in lines) else 0)
            writer.writerow([*COLUMNS, *MAY_FOLLOW][:count])
            writer.writerows([_text(value) for value in line[:count]] for line in lines)


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
