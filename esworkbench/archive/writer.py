"""Writing evidence: all of it, or none.

A folder is evidence only when it holds ``manifest.json``, and that is written last: the writer works in a folder of
another name beside the target, makes every file durable, and renames. Whoever finds the folder finds all of it.
"""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esworkbench.archive.manifest import MANIFEST, Cut, Manifest, file_digest
from esworkbench.archive.paths import BUCKETED, MOST_BUCKETS, bucket_of, files_of_table, require_text
from esworkbench.archive.sorting import BucketRows, divided, parquet_writer
from esworkbench.archive.tables import SCHEMAS, table_of
from esworkbench.errors import UnusableInput

HELD_BYTES = 256 * 2**20
RANGES = 128
"""Into which a table's rows are divided, over all its buckets, when they are spilled."""


class ArchiveWriter:
    """Writes one archive, in batches, in memory that doesn't grow with the log. Use as a context manager.

    ``memory`` is how many bytes of rows are held before they are spilled to files beside the archive.
    Leaving the block before ``finish``, for any reason, removes everything that was written.
    """

    def __init__(self, target: Path, buckets: int, memory: int = HELD_BYTES) -> None:
        if not 1 <= buckets <= MOST_BUCKETS:
            raise UnusableInput(f"an archive has from 1 to {MOST_BUCKETS:,} buckets, not {buckets:,}")
        require_text(target)
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise UnusableInput(f"{target} exists and evidence is never overwritten: name a new folder")
        self._target = target
        self._buckets = buckets
        self._partial = target.with_name(f"{target.name}.partial-{uuid.uuid4().hex[:8]}")
        self._spill = self._partial / "spill"
        self._memory = memory
        self._held = 0
        self._rows: dict[tuple[str, int], BucketRows] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._closed: set[str] = set()
        self.rows = dict.fromkeys(SCHEMAS, 0)

    def __enter__(self) -> Self:
        with self._explained():
            self._spill.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        open_files: list[pq.ParquetWriter | BucketRows] = [*self._writers.values(), *self._rows.values()]
        for writer in open_files:
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
        if table in self._closed:
            raise ValueError(f"the table {table} is written already")
        self.rows[table] += batch.num_rows
        with self._explained():
            if table in BUCKETED:
                for bucket, part in self._split(table, batch):
                    self._hold(table, bucket, part)
                return
            if table not in self._writers:
                [name] = files_of_table(table, self._buckets)
                self._writers[table] = parquet_writer(table, self._target_of(name))
            self._writers[table].write_table(batch)

    def close_table(self, table: str) -> list[Path]:
        """Write a large table's files now, and say where they lie until ``finish``: no row can be added to it."""
        with self._explained():
            names = files_of_table(table, self._buckets)
            self._write_files([table])
            self._closed.add(table)
            return [self._partial / name for name in names]

    def finish(
        self, *, ledger: bytes, source: str, layout: str, cut: Cut, previous: str | None = None, **more: Any
    ) -> Manifest:
        """Sort, hash, write the manifest and rename into place. ``more`` are further fields of the manifest."""
        with self._explained():
            self._write_files([table for table in SCHEMAS if table not in self._closed])
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
                make_durable(path)
            try:
                if self._target.exists():
                    self._target.rmdir()
                self._partial.rename(self._target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                raise UnusableInput(
                    f"somebody else put something into {self._target} while this evidence was being written: that "
                    "stays, and this is discarded: capture again into a new folder"
                ) from None
            make_durable(self._target.parent)
        return manifest

    def _split(self, table: str, batch: pa.Table) -> Iterator[tuple[int, pa.Table]]:
        keys: Any = batch.column(BUCKETED[table].key).combine_chunks().dictionary_encode()
        of_key = np.array([bucket_of(key, self._buckets) for key in keys.dictionary.to_pylist()], np.int64)
        return divided(batch, of_key[keys.indices.to_numpy()], self._buckets)

    def _hold(self, table: str, bucket: int, rows: pa.Table) -> None:
        if (table, bucket) not in self._rows:
            self._rows[table, bucket] = BucketRows(
                table, self._spill / f"{table}-{bucket}", max(1, RANGES // self._buckets), self._memory // 4
            )
        self._rows[table, bucket].add(rows)
        self._held += rows.nbytes
        if self._held > self._memory:
            for held in self._rows.values():
                held.spill()
            self._held = 0

    def _target_of(self, name: str) -> Path:
        target = self._partial / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _write_files(self, tables: Sequence[str]) -> None:
        """Each bucket by itself, two at once: a bucket needn't fit in memory."""
        writing = []
        with ThreadPoolExecutor(2) as pool:
            for table in tables:
                for bucket, name in enumerate(files_of_table(table, self._buckets)):
                    target = self._target_of(name)
                    if (table, bucket) in self._rows:
                        writing.append(pool.submit(self._rows[table, bucket].write, target))
                    elif table in self._writers:
                        self._writers[table].close()
                    else:
                        pq.write_table(SCHEMAS[table].empty_table(), target)
            for written in writing:
                written.result()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, duckdb.Error) as error:
            reason = str(error).replace(str(self._partial), str(self._target))
            raise UnusableInput(
                f"evidence could not be written to {self._target} and nothing was left there: {reason}"
            ) from error


def make_durable(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
