"""Set-based: the projection's definition as one query, over all events at once, in DuckDB.

Events that SQL can't read for certain go to the decoder, one by one: what it reads joins the relation in today's shape,
what it refuses is parked with the very error that the runner would have parked it with. Such events are looked for
beforehand among types that the query doesn't read; among those it does, reading stops at the first, and then they are
all sought out and the query begins again. So a log without any is read once.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from sqlalchemy import BigInteger, Date, Table

from esworkbench.archive import quoted
from esworkbench.errors import UnusableInput
from esworkbench.event_store.chain import EPOCH
from esworkbench.event_store.schema import UtcMoment
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints
from esworkbench.projections.definition import SetBased, Shape, pattern_of
from esworkbench.projections.rebuilding.cold import Archives
from esworkbench.projections.rebuilding.event_files import copy_events, open_duckdb
from esworkbench.projections.rebuilding.next_tables import NextTables
from esworkbench.projections.rebuilding.rebuilt import Job, Watch
from esworkbench.projections.rebuilding.site import Built

ROWS_AT_ONCE = 20_000
UNREAD = "not read for certain"


def fold_in_duckdb(
    job: Job, definition: SetBased, archives: Archives, tables: NextTables, folder: Path, watch: Watch
) -> tuple[Built, int]:
    """Fill the next tables by query. Returns how they were built, and the events folded or parked."""
    projection = job.recipe.projection()
    [table] = projection.tables
    with watch.reading():
        up_to = job.store.settled_head()
        hot = folder / "hot.parquet"
        copy_events(job.store, archives.high_water, up_to, hot)
    with watch.folding(), EventQuery(definition, [*archives.files, hot], folder / "spill") as query:
        parked = query.leave_to_decoder(job, query.unknown)
        try:
            if not _load(tables, table, query, watch):
                parked += query.leave_to_decoder(job, query.unread)
                _load(tables, table, query, watch)
        except duckdb.Error as error:
            raise UnusableInput(
                f"the query of {projection.name} failed and the old read model stands, so rebuild in bulk: {error}"
            ) from error
        events = query.count()
    with watch.writing():
        tables.index()
    hot.unlink()
    parked.sort(key=lambda letter: letter["position"])
    batch = {
        "projection": projection.name, "shard": checkpoints.WHOLE_LOG, "from_position": 1, "to_position": up_to,
        "run_id": job.run_id, "code_version": projection.code_version, "saved_at": job.clock(),
    }  # fmt: skip
    job.progress(events)
    return Built(up_to, parked, [batch] if up_to else []), events


class EventQuery:
    """DuckDB over Parquet files with the archive's columns; ``rows`` are the definition's."""

    def __init__(self, definition: SetBased, files: Sequence[Path], spill: Path) -> None:
        self._definition = definition
        self._names = list(definition.columns)
        self._files = f"read_parquet([{', '.join(quoted(path) for path in files)}], hive_partitioning = false)"
        self._connection = open_duckdb(spill)
        columns = ", ".join(f"{name} {kind}" for name, kind in definition.columns.items())
        self._connection.execute("CREATE TABLE left_out (position BIGINT)")
        self._connection.execute(
            "CREATE TABLE decoded (position BIGINT, stream_id VARCHAR, version BIGINT, event_id VARCHAR,"
            f" event_type VARCHAR, recorded_at TIMESTAMPTZ, {columns})"
        )

    def __enter__(self) -> "EventQuery":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def unknown(self) -> str:
        """Which events' types, shapes, or payloads of types that the query doesn't read, only the decoder can judge."""
        known = " OR ".join(_is(shape) for shape in self._definition.shapes)
        others = [shape for shape in self._definition.shapes if shape.event_type not in self._definition.reads]
        return f"NOT ({known}) OR {self._misread(others)}"

    @property
    def unread(self) -> str:
        """Which events of the types that the query reads have a payload that only the decoder can judge."""
        return self._misread([shape for shape in self._definition.shapes if shape.event_type in self._definition.reads])

    def count(self) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {self._files}").fetchall()[0][0])

    def rows(self, table: Table) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of the table in the order of its key, in batches; moments and days as text."""
        columns = ", ".join(_as_loaded(column.name, column.type) for column in table.columns)
        order = ", ".join(column.name for column in table.primary_key.columns)
        result = self._connection.execute(
            f"WITH {self._events()}, folded AS ({self._definition.query}) SELECT {columns} FROM folded ORDER BY {order}"
        )
        while rows := result.fetchmany(ROWS_AT_ONCE):
            yield rows

    def leave_to_decoder(self, job: Job, which: str) -> list[dict[str, Any]]:
        """Decode these events one by one; the dead letters of those that the decoder refuses."""
        decoder, parked = job.recipe.decoder(), []
        run = checkpoints.Run(job.recipe.projection().name, job.run_id, job.recipe.projection().code_version)
        found = self._connection.cursor().execute(
            "SELECT position, stream_id, version, event_id, type, schema_version, payload, epoch_us(recorded_at)"
            f" FROM {self._files} WHERE {which} ORDER BY position"
        )
        while rows := found.fetchmany(ROWS_AT_ONCE):
            decoded = []
            for recorded in map(_recorded, rows):
                try:
                    event = decoder.decode(recorded)
                except Exception as error:  # noqa: BLE001 - parked with its error, as the runner would have
                    parked.append(checkpoints.dead_letter(run, recorded, error, job.clock()))
                    continue
                if recorded.event_type in self._definition.reads:
                    fields = msgspec.to_builtins(event.data)
                    decoded.append((*_place(recorded), *(fields.get(name) for name in self._names)))
            self._connection.executemany("INSERT INTO left_out VALUES (?)", [(row[0],) for row in rows])
            if decoded:
                marks = ", ".join("?" * len(decoded[0]))
                self._connection.executemany(f"INSERT INTO decoded VALUES ({marks})", decoded)
        return parked

    def _events(self) -> str:
        """The relation ``events``: what SQL reads, and what the decoder read."""
        shapes = [shape for shape in self._definition.shapes if shape.event_type in self._definition.reads]
        read = " ".join(f"WHEN {_is(shape)} THEN {self._extract(shape)}" for shape in shapes)
        columns = "".join(f", {self._column(name, shapes)} AS {name}" for name in self._names)
        known = " OR ".join(_is(shape) for shape in shapes)
        return f"""
            matched AS (
                SELECT position, stream_id, version, event_id, type, schema_version, recorded_at,
                       CASE {read} END AS found
                FROM {self._files}
                WHERE ({known}) AND position NOT IN (SELECT position FROM left_out)
            ), events AS (
                SELECT position, stream_id, version, event_id, type AS event_type, recorded_at{columns}
                FROM matched
                WHERE CASE WHEN found.whole = '{{' THEN true
                           ELSE error('{UNREAD}: the event at position ' || position)::BOOLEAN END
                UNION ALL SELECT * FROM decoded
            )
        """

    def _column(self, name: str, shapes: Sequence[Shape]) -> str:
        """How each shape says one column; shapes that say it alike share a branch."""
        by_sql: dict[str, list[Shape]] = {}
        for shape in shapes:
            said = [field.sql.format(f"found.{name}") for field in shape.fields if field.column == name]
            by_sql.setdefault(said[0] if said else shape.constants.get(name, "NULL"), []).append(shape)
        branches = (f"WHEN {' OR '.join(map(_is, alike))} THEN {sql}" for sql, alike in by_sql.items())
        return f"CASE {' '.join(branches)} END"

    def _extract(self, shape: Shape) -> str:
        names = ", ".join(quoted(name) for name in ("whole", *self._names))
        return f"regexp_extract(payload, {quoted(pattern_of(shape, self._names))}, [{names}])"

    def _misread(self, shapes: Sequence[Shape]) -> str:
        tests = (
            f"({_is(each)}) AND NOT regexp_matches(payload, {quoted(pattern_of(each, self._names))})" for each in shapes
        )
        return f"({' OR '.join(tests) or 'false'})"


def _load(tables: NextTables, table: Table, query: EventQuery, watch: Watch) -> bool:
    """False where reading met an event that SQL can't read for certain."""
    with watch.writing():
        tables.create()
    try:
        tables.load(table, _timed(query.rows(table), watch))
    except duckdb.InvalidInputException as error:
        if UNREAD not in str(error):
            raise
        return False
    return True


def _timed(rows: Iterator[list[tuple[Any, ...]]], watch: Watch) -> Iterator[list[tuple[Any, ...]]]:
    """The same batches; whatever happens between two of them is the database's writing."""
    for batch in rows:
        with watch.writing():
            yield batch


def _is(shape: Shape) -> str:
    return f"type = {quoted(shape.event_type)} AND schema_version = {shape.schema_version}"


def _as_loaded(name: str, kind: Any) -> str:
    """A sum is HUGEINT in DuckDB; one past 64 bits is an error here, never a rounded number."""
    if isinstance(kind, UtcMoment):
        return f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')"
    if isinstance(kind, Date):
        return f"CAST({name} AS VARCHAR)"
    return f"CAST({name} AS BIGINT)" if isinstance(kind, BigInteger) else name


def _place(event: RecordedEvent) -> tuple[Any, ...]:
    return event.global_position, event.stream_id, event.version, event.event_id, event.event_type, event.recorded_at


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    """As much of the record as decoding and parking take."""
    position, stream_id, version, event_id, kind, schema_version, payload, microseconds = row
    moment = EPOCH + timedelta(microseconds=microseconds)
    return RecordedEvent(
        global_position=position,
        stream_id=stream_id,
        version=version,
        event_id=event_id,
        event_type=kind,
        schema_version=schema_version,
        payload=payload.encode(),
        metadata=b"{}",
        recorded_at=moment,
        valid_at=moment,
        prev_hash="",
        hash="",
    )
