"""Set-based: the projection's definition as one query, over all events at once, in DuckDB.

Events that SQL can't read for certain go to the decoder, one by one: what it reads joins the relation in today's shape,
what it refuses is parked with the very error that the runner would have parked it with. Among the types that the query
reads, it stops at the first such event; then they are all sought out, and it begins again. So a log without any is read
once.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import Any

import duckdb
import msgspec
from sqlalchemy import BigInteger, Date, Table

from esworkbench.archive import from_parquet, quoted
from esworkbench.errors import UnusableInput
from esworkbench.event_store.chain import EPOCH
from esworkbench.event_store.columns import UtcMoment
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints
from esworkbench.projections.dead_letters import dead_letter
from esworkbench.projections.rebuilding.cold import Archives, copy_events, open_duckdb
from esworkbench.projections.rebuilding.job import Job, Watch
from esworkbench.projections.rebuilding.shadow_tables import NextTables
from esworkbench.projections.rebuilding.staging import Built
from esworkbench.projections.set_based import SetBased, StoredShape

ROWS_AT_ONCE = 20_000


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
        parked = [letter for which in query.aside for letter in query.leave_to_decoder(job, which)]
        try:
            try:
                _load(tables, table, query, watch)
            except duckdb.InvalidInputException:
                parked += query.leave_to_decoder(job, query.misread)
                _load(tables, table, query, watch)
        except duckdb.Error as error:
            raise UnusableInput(
                f"the query of {projection.name} failed and the old read model stands, so rebuild in bulk: {error}"
            ) from error
        events = query.events
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
    """DuckDB over Parquet files with the archive's columns; ``rows`` are the definition's, of ``events`` events."""

    def __init__(self, definition: SetBased, files: Sequence[Path], spill: Path) -> None:
        self._definition = definition
        self._any_left_out = False
        self._files = from_parquet(files)
        self._connection = open_duckdb(spill)
        columns = ", ".join(f"{name} {kind}" for name, kind in definition.columns.items())
        self._connection.execute("CREATE TABLE left_out (position BIGINT)")
        self._connection.execute(
            "CREATE TABLE decoded (position BIGINT, stream_id VARCHAR, version BIGINT, event_id VARCHAR,"
            f" event_type VARCHAR, recorded_at TIMESTAMPTZ, {columns})"
        )
        # Asking first which shapes there are is quick, and then nothing is asked of each event about all the others.
        present = self._connection.execute(f"SELECT type, schema_version, count(*) FROM {self._files} GROUP BY ALL")
        counts = {(event_type, version): count for event_type, version, count in present.fetchall()}
        self.events = sum(counts.values())
        known = [shape for shape in definition.shapes if counts.pop((shape.event_type, shape.schema_version), 0)]
        self._unknown = sorted(counts)
        self._read = [shape for shape in known if shape.event_type in definition.reads]
        self._elsewhere = [shape for shape in known if shape not in self._read]

    def __enter__(self) -> "EventQuery":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def aside(self) -> list[str]:
        """What the decoder must see, though the query reads none of it: shapes that it may know, or nobody, and the
        events of other types whose payloads don't come back as they were.
        """
        unknown = [
            f"SELECT * FROM {self._files} WHERE type = {quoted(event_type)} AND schema_version = {version}"
            for event_type, version in self._unknown
        ]
        return [*unknown, *map(self._misread, self._elsewhere)]

    @property
    def misread(self) -> str:
        """The events of types that the query reads whose payloads don't come back as they were."""
        return " UNION ALL BY NAME ".join(map(self._misread, self._read))

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
        decoder, projection, parked = job.recipe.decoder(), job.recipe.projection(), []
        run = checkpoints.Run(projection.name, job.run_id, projection.code_version)
        found = self._connection.cursor().execute(
            "SELECT position, stream_id, version, event_id, type, schema_version, payload, epoch_us(recorded_at)"
            f" FROM ({which}) ORDER BY position"
        )
        while rows := found.fetchmany(ROWS_AT_ONCE):
            decoded = []
            for recorded in map(_recorded, rows):
                if not projection.subscribes_to(recorded.event_type):
                    continue
                try:
                    events = decoder.events_in(recorded)
                except Exception as error:  # noqa: BLE001 - parked with its error, as the runner would have
                    parked.append(dead_letter(run, recorded, error, job.clock()))
                    continue
                for event in events:
                    if type(event.data).__name__ in self._definition.reads:
                        fields = msgspec.to_builtins(event.data)
                        decoded.append((*_place(recorded), *(fields.get(name) for name in self._definition.columns)))
            self._any_left_out = True
            self._connection.executemany("INSERT INTO left_out VALUES (?)", [(row[0],) for row in rows])
            if decoded:
                marks = ", ".join("?" * len(decoded[0]))
                self._connection.executemany(f"INSERT INTO decoded VALUES ({marks})", decoded)
        return parked

    def _events(self) -> str:
        """The relation ``events``: what SQL reads, and what the decoder read."""
        read = [self._read_by_sql(list(_by_form(self._read)))] if self._read else []
        return f"events AS ({' UNION ALL '.join([*read, 'SELECT * FROM decoded'])})"

    def _read_by_sql(self, forms: Sequence[Sequence[StoredShape]]) -> str:
        """All shapes in one scan; ``form`` is the number of an event's among the ``forms``."""
        numbers = " ".join(f"WHEN {' OR '.join(map(_is, alike))} THEN {form}" for form, alike in enumerate(forms))
        found = "".join(
            f", CASE WHEN form = {form} THEN {_found(alike[0])} END AS found_{form}" for form, alike in enumerate(forms)
        )
        came_back = _by_number(_came_back(alike[0], f"found_{form}") for form, alike in enumerate(forms))
        columns = "".join(
            f", {_by_number(_column(name, alike[0], f'found_{form}') for form, alike in enumerate(forms))} AS {name}"
            for name in self._definition.columns
        )
        left_out = "AND position NOT IN (SELECT position FROM left_out)" if self._any_left_out else ""
        return f"""
            SELECT position, stream_id, version, event_id, type AS event_type, recorded_at{columns}
            FROM (SELECT *{found}
                  FROM (SELECT *, CASE {numbers} END AS form FROM {self._files})
                  WHERE form IS NOT NULL {left_out})
            WHERE CASE WHEN {came_back} THEN true
                       ELSE error('the event at position ' || position || ' is left to the decoder')::BOOLEAN END
        """

    def _misread(self, shape: StoredShape) -> str:
        """What can't be read at all doesn't come back either."""
        return f"""
            SELECT * EXCLUDE found
            FROM (SELECT *, TRY({_found(shape)}) AS found FROM {self._files} WHERE {_is(shape)})
            WHERE NOT coalesce(TRY({_came_back(shape, "found")}), false)
        """


def _by_form(shapes: Sequence[StoredShape]) -> Iterator[list[StoredShape]]:
    """Shapes that differ in nothing but their names, together: SQL reads them alike."""
    rest = list(shapes)
    while rest:
        yield [shape for shape in rest if shape.same_but_for_its_name(rest[0])]
        rest = [shape for shape in rest if not shape.same_but_for_its_name(rest[0])]


def _by_number(expressions: Iterable[str]) -> str:
    return f"CASE form {' '.join(f'WHEN {form} THEN {said}' for form, said in enumerate(expressions))} END"


def _is(shape: StoredShape) -> str:
    return f"type = {quoted(shape.event_type)} AND schema_version = {shape.schema_version}"


def _found(shape: StoredShape) -> str:
    fields = ",".join(f'"{name}":"{kind}"' for name, kind in shape.fields.items())
    return f"from_json(payload, '{{{fields}}}')"


def _came_back(shape: StoredShape, found: str) -> str:
    return f"CAST(to_json({found}) AS VARCHAR) = payload AND {Template(shape.check).substitute(found=found)}"


def _column(name: str, shape: StoredShape, found: str) -> str:
    if name in shape.columns:
        return Template(shape.columns[name]).substitute(found=found)
    return f"{found}.{name}" if name in shape.fields else "NULL"


def _load(tables: NextTables, table: Table, query: EventQuery, watch: Watch) -> None:
    with watch.writing():
        tables.create()
    tables.load(table, _timed(query.rows(table), watch))


def _timed(rows: Iterator[list[tuple[Any, ...]]], watch: Watch) -> Iterator[list[tuple[Any, ...]]]:
    """The same batches; whatever happens between two of them is the database's writing."""
    for batch in rows:
        with watch.writing():
            yield batch


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
