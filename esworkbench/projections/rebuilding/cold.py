"""Cold and hot: old events from Parquet archives, one folder per range of positions, and the rest from the store.

An archive is the format of evidence with events in it and nothing else; its manifest says which positions it covers and
pins every byte. The store keeps its events too: an archive is a faster copy, never the only one.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import func, select

from esworkbench.archive import ArchiveWriter, Cut, Manifest, from_parquet, to_parquet
from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.chain import EPOCH
from esworkbench.event_store.database import PLAIN_NAMES, libpq_arguments
from esworkbench.event_store.schema import events
from esworkbench.events import RecordedEvent

LAYOUT = "esworkbench-cold"
READ_AT_ONCE = 10_000
SORT_MEMORY = "1GB"
FROM_METADATA = ("correlation_id", "causation_id", "idempotency_key", "actor")
SORTED = """
    SELECT position, stream_id, version, event_id, type, schema_version, payload, metadata,
        epoch_us(recorded_at), epoch_us(valid_at), prev_hash, hash
    FROM {files} WHERE position > {after} ORDER BY position
"""

ROWS_AT_ONCE = 50_000
MEMORY_LIMIT = "2GB"
TIME = pa.timestamp("us", tz="UTC")
EVENT_COLUMNS: dict[str, tuple[str, pa.DataType]] = {
    "position": ("global_position", pa.int64()),
    "stream_id": ("stream_id", pa.string()),
    "version": ("version", pa.int64()),
    "event_id": ("event_id", pa.string()),
    "type": ("event_type", pa.string()),
    "schema_version": ("schema_version", pa.int32()),
    "recorded_at": ("recorded_at", TIME),
    "payload": ("payload", pa.string()),
}
"""What a fold may need of an event, by the archive's names: the store's column and the Arrow type."""

EVENT_SCHEMA = pa.schema([(name, kind) for name, (_, kind) in EVENT_COLUMNS.items()])


class Range(NamedTuple):
    """One archive: the last position it holds, and its files."""

    high_water: int
    files: list[Path]


class Archives:
    """Archives that follow each other without a gap from the first position on, and belong to the store.

    Raises UnusableInput where they leave a gap, overlap or are of another log; EvidenceDamaged where a file isn't
    what its manifest says.
    """

    def __init__(self, folders: Sequence[Path], store: EventStore, spill: Path) -> None:
        self._spill = spill
        self._ranges: list[Range] = []
        self._events = 0
        self.high_water = 0
        found = sorted(((Manifest.load(folder), folder) for folder in folders), key=lambda each: each[0].cut.after)
        for manifest, folder in found:
            if manifest.cut.after != self.high_water:
                raise UnusableInput(
                    f"{folder} begins after position {manifest.cut.after}, but the archives before it end at "
                    f"{self.high_water}: name every archive from the first position on, each once"
                )
            manifest.verify(folder)
            self._events += manifest.rows["events"]
            self.high_water = manifest.cut.high_water or self.high_water
            self._ranges.append(Range(self.high_water, [folder / name for name in manifest.files_of("events")]))
        self._require_same_log(store)

    @property
    def files(self) -> list[Path]:
        return [path for each in self._ranges for path in each.files]

    def in_order(self, after: int, size: int) -> Iterator[list[RecordedEvent]]:
        """Batches by position. Archives are sorted one by one, on disk, so memory stays within a bound."""
        self._spill.mkdir(parents=True, exist_ok=True)
        for each in self._ranges:
            if each.high_water > after:
                yield from self._sorted(each, after, size)

    def _sorted(self, archive: Range, after: int, size: int) -> Iterator[list[RecordedEvent]]:
        target = self._spill / f"up-to-{archive.high_water}.parquet"
        with open_duckdb(self._spill, SORT_MEMORY) as connection:
            connection.execute("SET preserve_insertion_order = true")
            sorted_events = SORTED.format(files=from_parquet(archive.files), after=after)
            try:
                connection.execute(to_parquet(sorted_events, target, "lz4"))
            except duckdb.Error as error:
                raise UnusableInput(
                    f"the archive up to position {archive.high_water} can't be put in order: archive shorter ranges, "
                    f"or make room ({error})"
                ) from error
        with pq.ParquetFile(target) as file:
            for batch in file.iter_batches(size):
                columns: list[list[Any]] = [column.to_pylist() for column in batch.columns]
                yield [_recorded(row) for row in zip(*columns, strict=True)]
        target.unlink()

    def _require_same_log(self, store: EventStore) -> None:
        if not self.high_water:
            return
        [last] = next(self.in_order(self.high_water - 1, 1))
        stored = store.read_all(after=self.high_water - 1, limit=1)
        if not stored or stored[0].hash != last.hash:
            raise UnusableInput(
                f"the archives end with event {last.event_id!r} at position {self.high_water}, which the store doesn't "
                "hold there: they are of another log"
            )
        with store.engine.connect() as connection:
            there = connection.execute(
                select(func.count()).select_from(events).where(events.c.global_position <= self.high_water)
            ).scalar_one()
        if there != self._events:
            raise UnusableInput(
                f"the archives hold {self._events:,} events up to position {self.high_water}, and the store {there:,}: "
                "one of them lacks some; archive that range again, as a role that sees all rows"
            )


class ColdThenHot:
    """Reads on like a store: archives as far as they go, then the store itself."""

    def __init__(self, archives: Archives, store: EventStore) -> None:
        self._archives = archives
        self._store = store
        self._reached = -1
        self._batches: Iterator[list[RecordedEvent]] = iter(())

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        if after >= self._archives.high_water:
            return self._store.read_all(after=after, limit=limit)
        if after != self._reached:
            self._batches = self._archives.in_order(after, limit)
        batch = next(self._batches)
        self._reached = batch[-1].global_position
        return batch


def archive_events(
    store: EventStore,
    up_to: int,
    into: Path,
    *,
    after: int = 0,
    buckets: int = 8,
    progress: Callable[[int], object] = lambda _: None,
) -> Manifest:
    """Copy the events after one position, up to another (inclusive), into the new folder ``into``.

    Raises UnusableInput when ``into`` exists, or when the store holds no event at ``up_to``, where the next archive
    would have to join.
    """
    gaps, last = [], after
    with ArchiveWriter(into, buckets) as writer:
        while last < up_to and (read := store.read_all(after=last, limit=READ_AT_ONCE)):
            batch = [event for event in read if event.global_position <= up_to]
            if not batch:
                break
            for event in batch:
                if event.global_position > last + 1:
                    gaps.append((last + 1, event.global_position - 1))
                last = event.global_position
            writer.write("events", _columns(batch))
            progress(len(batch))
        if last != up_to or up_to <= after:
            raise UnusableInput(f"no event after position {after} stands at {up_to}: archive up to one that does")
        cut = Cut(high_water=up_to, checkpoints={}, server_time=store.clock(), gaps=gaps[:1000], after=after,
                  gaps_left_out=max(0, len(gaps) - 1000))  # fmt: skip
        source = store.engine.dialect.name
        return writer.finish(ledger=b"# Events only: nothing is claimed here.\n", source=source, layout=LAYOUT, cut=cut)


def _columns(batch: Sequence[RecordedEvent]) -> dict[str, list[Any]]:
    columns = {
        name: [getattr(event, name) for event in batch]
        for name in (
            "stream_id",
            "version",
            "event_id",
            "schema_version",
            "recorded_at",
            "valid_at",
            "prev_hash",
            "hash",
        )
    }
    columns["position"] = [event.global_position for event in batch]
    columns["type"] = [event.event_type for event in batch]
    columns["payload"] = [event.payload.decode() for event in batch]
    columns["metadata"] = [event.metadata.decode() for event in batch]
    found = [event.metadata_dict() for event in batch]
    for name in FROM_METADATA:
        columns[name] = [None if (value := each.get(name)) is None else str(value) for each in found]
    versions = [each.get("decided_on_version") for each in found]
    columns["decided_on_version"] = [version if isinstance(version, int) else None for version in versions]
    return columns


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    position, stream_id, version, event_id, kind, shape, payload, metadata, recorded_at, valid_at, prev_hash, own = row
    return RecordedEvent(
        global_position=position,
        stream_id=stream_id,
        version=version,
        event_id=event_id,
        event_type=kind,
        schema_version=shape,
        payload=payload.encode(),
        metadata=metadata.encode(),
        recorded_at=EPOCH + timedelta(microseconds=recorded_at),
        valid_at=EPOCH + timedelta(microseconds=valid_at),
        prev_hash=prev_hash,
        hash=own,
    )


def open_duckdb(spill: Path, memory: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """DuckDB within a bound of memory; what doesn't fit goes to the folder ``spill``."""
    connection = connect_duckdb(
        memory_limit=memory, temp_directory=str(spill), preserve_insertion_order="false", TimeZone="UTC"
    )
    connection.execute("SET enable_progress_bar = false")
    return connection


def copy_events(store: EventStore, after: int, up_to: int, into: Path) -> None:
    """Write the events after one position up to another (inclusive) to a Parquet file, in bounded memory."""
    query = f"SELECT {', '.join(column for column, _ in EVENT_COLUMNS.values())} FROM events"
    query += f" WHERE global_position > {after} AND global_position <= {up_to}"
    batches = _from_sqlite if store.engine.dialect.name == "sqlite" else _from_postgres
    with pq.ParquetWriter(into, EVENT_SCHEMA, compression="lz4") as writer:
        for batch in batches(store, query):
            writer.write_table(batch)


def _from_sqlite(store: EventStore, query: str) -> Iterator[pa.Table]:
    # Through the store's own library: a second SQLite in one process would drop the first one's locks on closing.
    with store.engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            columns = [
                _array(values, field.type) for values, field in zip(zip(*rows, strict=True), EVENT_SCHEMA, strict=True)
            ]
            yield pa.Table.from_arrays(columns, schema=EVENT_SCHEMA)
        cursor.close()


def _from_postgres(store: EventStore, query: str) -> Iterator[pa.Table]:
    # Here, because it brings pandas along, and every process of a sharded rebuild would wait a second for nothing.
    import adbc_driver_postgresql.dbapi
    from psycopg.conninfo import make_conninfo

    address = make_conninfo(**libpq_arguments(store.engine.url, PLAIN_NAMES))
    with adbc_driver_postgresql.dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        for batch in cursor.fetch_record_batch():
            yield pa.Table.from_batches([batch]).rename_columns(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)


def _array(values: tuple[Any, ...], kind: pa.DataType) -> "pa.Array[Any]":
    if kind == TIME:
        return pa.array([datetime.fromisoformat(value) for value in values], TIME)
    return pa.array(values, kind)
