"""The rows of one bucket, collected in any order and written in the order of their table.

They are held in memory until somebody needs it back. Then they are spilled by ranges of their key, so that each range
can be sorted by itself and the ranges follow each other in the file: memory doesn't grow with the log.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.archive.paths import BUCKETED
from esworkbench.archive.tables import SCHEMAS

compute: Any = pc
"""Its stubs know no chunked columns."""

ROW_GROUP = 122_880
ALL_UNLIKE = {"position", "event_id", "payload", "metadata", "prev_hash", "hash"}
"""Columns with hardly a value twice, which a dictionary would only slow down."""


def parquet_writer(table: str, target: Path) -> pq.ParquetWriter:
    """Of a file of evidence."""
    alike: Any = [name for name in SCHEMAS[table].names if name not in ALL_UNLIKE]
    return pq.ParquetWriter(target, SCHEMAS[table], compression="zstd", use_dictionary=alike)


def divided(rows: pa.Table, numbers: "np.ndarray[Any, Any]", count: int) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each number from 0 to ``count`` - 1 that has any, in the order they came in."""
    order = np.argsort(numbers, kind="stable")
    ordered = rows.take(order)
    ends = np.searchsorted(numbers[order], np.arange(count + 1))
    for number, (first, last) in enumerate(pairwise(ends)):
        if first < last:
            yield number, ordered.slice(first, last - first)


class BucketRows:
    """Rows of one bucket of a bucketed table.

    ``spill`` names files, of up to ``ranges`` ranges, in a folder that exists; no sort is done in memory of more than
    ``most_bytes`` of rows.
    """

    def __init__(self, table: str, spill: Path, ranges: int, most_bytes: int) -> None:
        self._table = table
        self._order = BUCKETED[table].order
        self._spill = spill
        self._ranges = ranges
        self._most_bytes = most_bytes
        self._held: list[pa.Table] = []
        self._bounds: list[str] | None = None
        self._files: dict[int, pa.RecordBatchFileWriter] = {}
        self._sizes: dict[int, int] = {}

    def add(self, rows: pa.Table) -> None:
        self._held.append(rows)

    def spill(self) -> None:
        """Move what is held in memory to files."""
        if not self._held:
            return
        rows = pa.concat_tables(self._held)
        self._held = []
        keys: Any = rows[self._order[0]].combine_chunks().dictionary_encode()
        names = keys.dictionary.to_pylist()
        if self._bounds is None:
            known = sorted(names)
            self._bounds = [known[len(known) * part // self._ranges] for part in range(1, self._ranges)]
        of_key = np.array([bisect_right(self._bounds, name) for name in names], np.int64)
        for number, part in divided(rows, of_key[keys.indices.to_numpy()], self._ranges):
            if number not in self._files:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._files[number] = pa.ipc.new_file(str(self._path(number)), part.schema, options=options)
            self._files[number].write_table(part)
            self._sizes[number] = self._sizes.get(number, 0) + part.nbytes

    def close(self) -> None:
        """Nothing can be added any more."""
        for file in self._files.values():
            file.close()

    def write(self, target: Path) -> None:
        """All rows in order, to one Parquet file; the spilled ones' files are removed."""
        if self._files or sum(rows.nbytes for rows in self._held) > self._most_bytes:
            self.spill()
        self.close()
        with parquet_writer(self._table, target) as writer:
            if self._held:
                writer.write_table(_ordered(pa.concat_tables(self._held), self._order), ROW_GROUP)
            for number in sorted(self._files):
                for part in self._range(number):
                    writer.write_table(part, ROW_GROUP)
                self._path(number).unlink()
        self._held = []

    def _range(self, number: int) -> Iterator[pa.Table]:
        with pa.ipc.open_file(str(self._path(number))) as file:
            if self._sizes[number] <= self._most_bytes:
                yield _ordered(file.read_all(), self._order)
            else:
                batches = (file.get_batch(index) for index in range(file.num_record_batches))
                yield from self._by_database(pa.RecordBatchReader.from_batches(file.schema, batches))

    def _by_database(self, rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
        """One key may have more rows than fit in memory: DuckDB sorts them on disk."""
        settings = {"memory_limit": "512MB", "temp_directory": str(self._path(-1)), "TimeZone": "UTC"}
        with connect_duckdb(**settings) as connection:
            connection.register("spilled", rows)
            found = connection.sql(f"SELECT * FROM spilled ORDER BY {', '.join(self._order)}")
            for batch in found.to_arrow_reader(ROW_GROUP):
                yield pa.Table.from_batches([batch]).cast(SCHEMAS[self._table])

    def _path(self, number: int) -> Path:
        return self._spill.with_name(f"{self._spill.name}-{number}.arrow")


def _ordered(rows: pa.Table, order: Sequence[str]) -> pa.Table:
    """Sorted by these columns, nulls last. Texts are compared once each, not once a row."""
    keys = pa.table({name: _comparable(rows[name].combine_chunks()) for name in order})
    return rows.take(compute.sort_indices(keys, sort_keys=[(name, "ascending") for name in order]))


def _comparable(column: Any) -> Any:
    if not pa.types.is_string(column.type):
        return column
    encoded = column.dictionary_encode()
    return compute.take(compute.rank(encoded.dictionary), encoded.indices)
