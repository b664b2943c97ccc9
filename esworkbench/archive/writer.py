"""Writing evidence: all of it, or none.

A folder is evidence only when it holds ``manifest.json``, and that is written last: the writer works in a folder of
another name beside the target, makes every file durable, and renames. Whoever finds the folder finds all of it.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esworkbench.archive.manifest import MANIFEST, Cut, Manifest, file_digest
from esworkbench.archive.paths import BUCKETED, MOST_BUCKETS, bucket_of, from_parquet, require_text, to_parquet
from esworkbench.archive.tables import SCHEMAS, table_of
from esworkbench.errors import UnusableInput


class ArchiveWriter:
    """Writes one archive, in batches, in memory that doesn't grow with the log. Use as a context manager.

    Leaving the block before ``finish``, for any reason, removes everything that was written.
    """

    def __init__(self, target: Path, buckets: int) -> None:
        if not 1 <= buckets <= MOST_BUCKETS:
            raise UnusableInput(f"an archive has from 1 to {MOST_BUCKETS:,} buckets, not {buckets:,}")
        require_text(target)
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise UnusableInput(f"{target} exists and evidence is never overwritten: name a new folder")
        self._target = target
        self._buckets = buckets
        self._partial = target.with_name(f"{target.name}.partial-{uuid.uuid4().hex[:8]}")
        self._spill = self._partial / "spill"
        self._writers: dict[tuple[str, int], pq.ParquetWriter] = {}
        self.rows = dict.fromkeys(SCHEMAS, 0)

    def __enter__(self) -> Self:
        with self._explained():
            self._spill.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for writer in self._writers.values():
            # A footer that can't be written on a full disk belongs to a file that is removed in the next line.
            with contextlib.suppress(OSError):
                writer.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def write(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, given as columns. A column that is left out is null; one that isn't in the schema is an error."""
        self.write_table(table, table_of(table, columns))

    def write_table(self, table: str, batch: pa.Table) -> None:
        """Like ``write``, for rows that have the table's schema already."""
        if not batch.num_rows:
            return
        self.rows[table] += batch.num_rows
        with self._explained():
            for bucket, part in self._split(table, batch):
                self._writer(table, bucket).write_table(part)

    def finish(
        self, *, ledger: bytes, source: str, layout: str, cut: Cut, previous: str | None = None, **more: Any
    ) -> Manifest:
        """Sort, hash, write the manifest and rename into place. ``more`` are further fields of the manifest."""
        with self._explained():
            for writer in self._writers.values():
                writer.close()
            self._sort_all()
            shutil.rmtree(self._spill)
            (self._partial / "ledger.toml").write_bytes(ledger)
            names = sorted(path for path in self._partial.rglob("*") if path.is_file())
            manifest = Manifest(
                source=source,
                layout=layout,
                cut=cut,
                buckets=self._buckets,
                rows=self.rows,
                files={path.relative_to(self._partial).as_posix(): file_digest(path) for path in names},
                previous=previous,
                **more,
            )
            (self._partial / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
            for path in [*names, self._partial / MANIFEST, *self._partial.rglob("*/"), self._partial]:
                _make_durable(path)
            if self._target.exists():
                self._target.rmdir()
            self._partial.rename(self._target)
            _make_durable(self._target.parent)
        return manifest

    def _split(self, table: str, batch: pa.Table) -> Iterator[tuple[int, pa.Table]]:
        if table not in BUCKETED:
            yield 0, batch
            return
        keys: Any = batch.column(BUCKETED[table].key).combine_chunks().dictionary_encode()
        of_key = np.array([bucket_of(key, self._buckets) for key in keys.dictionary.to_pylist()], np.int64)
        buckets = of_key[keys.indices.to_numpy()]
        order = np.argsort(buckets, kind="stable")
        ordered = batch.take(order)
        ends = np.searchsorted(buckets[order], np.arange(self._buckets + 1))
        for bucket, (first, last) in enumerate(pairwise(ends)):
            if first < last:
                yield bucket, ordered.slice(first, last - first)

    def _writer(self, table: str, bucket: int) -> pq.ParquetWriter:
        key = (table, bucket)
        if key not in self._writers:
            # Read once and removed, so nothing is spent on making it small or easy to search.
            self._writers[key] = pq.ParquetWriter(
                self._spill_file(table, bucket), SCHEMAS[table], compression="lz4", use_dictionary=False,
                write_statistics=False,
            )  # fmt: skip
        return self._writers[key]

    def _spill_file(self, table: str, bucket: int) -> Path:
        return self._spill / f"{table}-{bucket}.parquet"

    def _sort_all(self) -> None:
        """Each bucket by itself, in a database that may spill: a bucket needn't fit in memory."""
        settings = {"memory_limit": "1GB", "temp_directory": str(self._spill / "tmp"), "TimeZone": "UTC"}
        with duckdb.connect(config={**settings, "autoinstall_known_extensions": "false"}) as connection:
            for table in SCHEMAS:
                folders = [f"{table}/bucket={n}" for n in range(self._buckets)] if table in BUCKETED else [table]
                for bucket, folder in enumerate(folders):
                    target = self._partial / folder / "part-0.parquet"
                    target.parent.mkdir(parents=True)
                    if (table, bucket) in self._writers:
                        self._sort(connection, table, self._spill_file(table, bucket), target)
                    else:
                        pq.write_table(SCHEMAS[table].empty_table(), target)

    def _sort(self, connection: duckdb.DuckDBPyConnection, table: str, source: Path, target: Path) -> None:
        order = f"ORDER BY {', '.join(BUCKETED[table].order)}" if table in BUCKETED else ""
        connection.execute(to_parquet(f"SELECT * FROM {from_parquet([source])} {order}", target, "zstd"))
        source.unlink()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, duckdb.Error) as error:
            reason = str(error).replace(str(self._partial), str(self._target))
            raise UnusableInput(
                f"evidence could not be written to {self._target} and nothing was left there: {reason}"
            ) from error


def _make_durable(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
