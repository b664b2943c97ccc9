"""The format of evidence on disk: Parquet in hash buckets, and a manifest that pins every byte.

A folder is evidence only when it holds ``manifest.json``, and that is written last: a writer works in a folder of
another name beside the target, makes every file durable, and renames. Whoever finds the folder finds all of it.

The large tables are bucketed by the key they are asked for (stream or account), so that one account's rows lie in one
file and a cluster can take a bucket a task. The bucket is CRC-32 of the UTF-8 key modulo their number: a function with
a standard, where a database's own hash may change with its next release.
"""

import contextlib
import hashlib
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esworkbench import __version__
from esworkbench.errors import EvidenceDamaged, UnusableInput

MANIFEST = "manifest.json"
TIME = pa.timestamp("us", tz="UTC")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


_TEXT, _WHOLE, _SMALL = pa.string(), pa.int64(), pa.int32()

SCHEMAS: dict[str, pa.Schema] = {
    "events": _schema(
        position=_WHOLE, stream_id=_TEXT, version=_WHOLE, event_id=_TEXT, type=_TEXT, schema_version=_SMALL,
        recorded_at=TIME, valid_at=TIME, correlation_id=_TEXT, causation_id=_TEXT, idempotency_key=_TEXT, actor=_TEXT,
        decided_on_version=_WHOLE, payload=_TEXT, metadata=_TEXT, prev_hash=_TEXT, hash=_TEXT,
    ),
    "postings": _schema(
        position=_WHOLE, ordinal=_SMALL, stream_id=_TEXT, version=_WHOLE, event_id=_TEXT, account=_TEXT,
        currency=_TEXT, amount_minor=_WHOLE, kind=_TEXT, recorded_at=TIME, valid_at=TIME, correlation_id=_TEXT,
    ),
    "assertions": _schema(
        source=_TEXT, kind=_TEXT, account=_TEXT, currency=_TEXT, claimed_minor=_WHOLE, step_minor=_WHOLE,
        position=_WHOLE, version=_WHOLE, event_id=_TEXT, order_key=_WHOLE, day=pa.date32(), recorded_at=TIME,
        valid_at=TIME,
    ),
    "checkpoints": _schema(projection=_TEXT, position=_WHOLE, updated_at=TIME),
    "checkpoint_log": _schema(
        id=_WHOLE, projection=_TEXT, shard=_TEXT, from_position=_WHOLE, to_position=_WHOLE, run_id=_TEXT,
        code_version=_TEXT, saved_at=TIME,
    ),
    "snapshots": _schema(
        stream_id=_TEXT, version=_WHOLE, state_version=_WHOLE, state=_TEXT, based_on_version=_WHOLE, taken_at=TIME,
    ),
    "dead_letters": _schema(
        projection=_TEXT, position=_WHOLE, event_id=_TEXT, event_type=_TEXT, schema_version=_SMALL, error=_TEXT,
        run_id=_TEXT, parked_at=TIME,
    ),
    "statements": _schema(
        file=_TEXT, line=_WHOLE, account=_TEXT, currency=_TEXT, booked_at=TIME, reference=_TEXT, amount_minor=_WHOLE,
        balance_minor=_WHOLE,
    ),
    "order_days": _schema(
        account=_TEXT, currency=_TEXT, day=pa.date32(), rows=_WHOLE, verdict=_TEXT, rounded_steps=_WHOLE,
        largest_residual_minor=_WHOLE,
    ),
}  # fmt: skip
"""The columns of every table. Amounts are integers in minor units; times are UTC, to the microsecond."""


class Bucketing(NamedTuple):
    """The column a large table is bucketed by, and the columns each bucket is sorted by."""

    key: str
    order: tuple[str, ...]


BUCKETED = {
    "events": Bucketing("stream_id", ("stream_id", "version", "position")),
    "postings": Bucketing("account", ("account", "currency", "position", "ordinal")),
    "assertions": Bucketing("account", ("account", "currency", "position", "source", "kind", "order_key")),
}


def bucket_of(key: str, buckets: int) -> int:
    """The bucket of a stream or account, 0 … buckets - 1."""
    return zlib.crc32(key.encode("utf-8")) % buckets


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """The one moment that everything in the evidence is from.

    ``high_water`` is the last position taken, None without events. ``gaps`` are ranges of positions, both ends
    included, that no event holds; ``gaps_left_out`` counts those past the first thousand.
    """

    high_water: int | None
    checkpoints: dict[str, int]
    server_time: datetime | None
    gaps: list[tuple[int, int]] = []
    gaps_left_out: int = 0


class Problem(msgspec.Struct, frozen=True):
    """Something in the source that couldn't be read as the ledger says. The event itself is kept as it was."""

    what: str
    stream_id: str
    version: int | None
    event_id: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence holds and where it came from. ``files`` maps each path to its SHA-256 in hex.

    ``unposted`` counts events that no rule of the ledger knows, by type and schema version. ``problems`` lists the
    first hundred events that couldn't be posted as the ledger says, of ``problem_count``. ``order`` counts account-days
    by how their order was found, for files only. ``previous`` is the SHA-256 of the manifest this one replaces.
    """

    source: str
    layout: str
    cut: Cut
    buckets: int
    rows: dict[str, int]
    files: dict[str, str]
    unposted: dict[str, int] = {}
    problems: list[Problem] = []
    problem_count: int = 0
    order: dict[str, int] | None = None
    previous: str | None = None
    tool_version: str = __version__
    format: int = 1

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The manifest of a folder. Raises EvidenceDamaged where there is none or it can't be read."""
        path = folder / MANIFEST
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (FileNotFoundError, NotADirectoryError):
            raise EvidenceDamaged(f"{folder} is not evidence: it has no {MANIFEST}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EvidenceDamaged(f"{path} can't be read as a manifest ({error}): capture again") from None

    def verify(self, folder: Path) -> None:
        """Raises EvidenceDamaged, naming the file, where one is missing or its bytes have changed."""
        for name, expected in self.files.items():
            path = folder / name
            if not path.is_file():
                raise EvidenceDamaged(f"{path} is named in the manifest but missing: the evidence is not whole")
            actual = file_digest(path)
            if actual != expected:
                raise EvidenceDamaged(
                    f"{path} has changed since capture: SHA-256 {actual[:16]}… where the manifest says {expected[:16]}…"
                )

    def files_of(self, table: str) -> list[str]:
        """The paths of a table's Parquet files, in order of bucket."""
        return sorted(name for name in self.files if name.startswith(f"{table}/"))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ArchiveWriter:
    """Writes one archive, in batches, in memory that doesn't grow with the log. Use as a context manager.

    Leaving the block before ``finish``, for any reason, removes everything that was written.
    """

    def __init__(self, target: Path, buckets: int) -> None:
        if buckets < 1:
            raise UnusableInput(f"{buckets} buckets can't hold anything: give 1 or more")
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

    def write(self, table: str, columns: Mapping[str, Sequence[Any]] | pa.Table) -> None:
        """Add rows, given as columns. A column that is left out is null; one that isn't in the schema is an error."""
        batch = columns if isinstance(columns, pa.Table) else table_of(table, columns)
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
        keys: list[Any] = batch.column(BUCKETED[table].key).to_pylist()
        buckets = np.array([bucket_of(key, self._buckets) for key in keys])
        for bucket in np.unique(buckets):
            yield int(bucket), batch.take(np.flatnonzero(buckets == bucket))

    def _writer(self, table: str, bucket: int) -> pq.ParquetWriter:
        key = (table, bucket)
        if key not in self._writers:
            self._writers[key] = pq.ParquetWriter(self._spill_file(table, bucket), SCHEMAS[table], compression="lz4")
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
        connection.execute(
            f"COPY (SELECT * FROM read_parquet({quoted(source)}) {order}) "
            f"TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd)"
        )
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


def table_of(name: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """An Arrow table with the schema of that name; columns left out are null. Raises KeyError for unknown columns."""
    schema = SCHEMAS[name]
    unknown = sorted(set(columns) - set(schema.names))
    if unknown:
        raise KeyError(f"{name} has no columns {unknown}")
    count = max((len(values) for values in columns.values()), default=0)
    arrays = [pa.array(columns.get(field.name, [None] * count), type=field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def quoted(value: object) -> str:
    """A SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def _make_durable(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
