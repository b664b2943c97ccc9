"""The log as Parquet files, for DuckDB to take at once: archives, and a copy of what only the store has."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from esworkbench.event_store import EventStore

ROWS_AT_ONCE = 50_000
MEMORY_LIMIT = "2GB"
TIME = pa.timestamp("us", tz="UTC")
COLUMNS: dict[str, tuple[str, pa.DataType]] = {
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

SCHEMA = pa.schema([(name, kind) for name, (_, kind) in COLUMNS.items()])


def open_duckdb(spill: Path, memory: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """DuckDB within a bound of memory; what doesn't fit goes to the folder ``spill``."""
    connection = duckdb.connect(
        config={
            "memory_limit": memory,
            "temp_directory": str(spill),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "TimeZone": "UTC",
        }
    )
    connection.execute("SET enable_progress_bar = false")
    return connection


def copy_events(store: EventStore, after: int, up_to: int, into: Path) -> None:
    """Write the events after one position up to another (inclusive) to a Parquet file, in bounded memory."""
    query = f"SELECT {', '.join(column for column, _ in COLUMNS.values())} FROM events"
    query += f" WHERE global_position > {after} AND global_position <= {up_to}"
    batches = _from_sqlite if store.engine.dialect.name == "sqlite" else _from_postgres
    with pq.ParquetWriter(into, SCHEMA, compression="lz4") as writer:
        for batch in batches(store, query):
            writer.write_table(batch)


def _from_sqlite(store: EventStore, query: str) -> Iterator[pa.Table]:
    # Through the store's own library: a second SQLite in one process would drop the first one's locks on closing.
    with store.engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            columns = [
                _array(values, field.type) for values, field in zip(zip(*rows, strict=True), SCHEMA, strict=True)
            ]
            yield pa.Table.from_arrays(columns, schema=SCHEMA)
        cursor.close()


def _from_postgres(store: EventStore, query: str) -> Iterator[pa.Table]:
    # Here, because it brings pandas along, and every process of a sharded rebuild would wait a second for nothing.
    import adbc_driver_postgresql.dbapi

    url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with adbc_driver_postgresql.dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        for batch in cursor.fetch_record_batch():
            yield pa.Table.from_batches([batch]).rename_columns(SCHEMA.names).cast(SCHEMA)


def _array(values: tuple[Any, ...], kind: pa.DataType) -> "pa.Array[Any]":
    if kind == TIME:
        return pa.array([datetime.fromisoformat(value) for value in values], TIME)
    return pa.array(values, kind)
