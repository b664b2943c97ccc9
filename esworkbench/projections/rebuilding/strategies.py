"""Rebuilding a read model while it is read and the log is written: many strategies, the same rows, one swap at the end.

Each strategy builds the next rows where no reader sees them, out of the same log by the same definition. They differ in
where events are read, where handlers write, and how rows get into the database:

- plain: batch by batch into PostgreSQL as the live runner does; into a file for SQLite.
- bulk: the handlers work on a local file, in large batches; rows are then loaded at once, indexes made last.
- sharded: bulk, in several processes with some of the streams each.
- snapshot: bulk, from a copy of the read model at an earlier position.
- cold: bulk, old events from Parquet, the rest from the store.
- set-based: the projection's definition as one DuckDB query, in place of its handlers.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from esworkbench.errors import StoreBusy, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.sidecar import user_folder
from esworkbench.projections.rebuilding.build import EventSource, Shard, build, built
from esworkbench.projections.rebuilding.cold import Archives, ColdThenHot
from esworkbench.projections.rebuilding.in_duckdb import fold_in_duckdb
from esworkbench.projections.rebuilding.job import Job, RebuildResult, Recipe, Watch
from esworkbench.projections.rebuilding.lock import one_at_a_time
from esworkbench.projections.rebuilding.read_model_snapshots import restore_snapshot
from esworkbench.projections.rebuilding.shadow_tables import NextTables, PostgresNext, next_tables, schema_name
from esworkbench.projections.rebuilding.shards import build_shards, shard_file
from esworkbench.projections.rebuilding.staging import Built, StagingFile, StagingSchema, fits, prepare, put
from esworkbench.projections.rebuilding.swap import swap

PLAIN_BATCH, LARGE_BATCH = 1_000, 20_000


class Options(NamedTuple):
    """What only some strategies need: processes of the sharded, archives of the cold and set-based, a snapshot's file.

    ``anew`` gives up what a killed rebuild left, for instance because upcasters have changed since.
    """

    workers: int = 2
    cold: Sequence[Path] = ()
    snapshot: Path | None = None
    anew: bool = False


NONE_NEEDED = Options()

Done = tuple[Built, NextTables, int]
"""How the next rows were built, the tables they are in, and the events handled or parked."""


def rebuild(
    store: EventStore,
    recipe: Recipe,
    *,
    strategy: str = "bulk",
    run_id: str = "rebuild",
    options: Options = NONE_NEEDED,
    batch_size: int | None = None,
    clock: Callable[[], datetime] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> RebuildResult:
    """Rebuild a read model; until the swap at the end the old one serves.

    Killed at any moment, call it again: it goes on from what was committed, if log and ``code_version`` are the same.
    ``progress`` is told how many more events are done. Raises UnusableInput for a strategy that isn't there or
    doesn't suit the projection, StoreBusy when another rebuild of it is under way or readers never let the swap in.
    """
    if strategy not in STRATEGIES:
        raise UnusableInput(f"there is no strategy {strategy!r} for a rebuild; there are {', '.join(STRATEGIES)}")
    size = batch_size or (PLAIN_BATCH if strategy == "plain" else LARGE_BATCH)
    job = Job(store, recipe, run_id, clock or store.clock, size, progress)
    projection, watch = recipe.projection(), Watch()
    folder = work_folder(store) / projection.name
    began = perf_counter()
    with one_at_a_time(store, projection.name, folder):
        if options.anew:
            shutil.rmtree(folder, ignore_errors=True)
        done, tables, events = STRATEGIES[strategy](job, folder, watch, options)
        position, handled = swap(job, done, tables, watch)
        progress(handled)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()
    return RebuildResult(
        events + handled, perf_counter() - began, watch.read, watch.fold, watch.write, strategy, position
    )


def work_folder(store: EventStore) -> Path:
    """Where staging areas stand: beside a SQLite file, whatever it was opened as; for PostgreSQL in the user's own
    folder.

    Not in the folder for temporary files: there anybody might have laid one ready, and its rows would go live.
    """
    url = store.engine.url
    if url.drivername == "sqlite":
        path = Path(str(url.database)).resolve()
        return path.with_name(f"{path.name}.rebuild")
    where = hashlib.sha256(repr((url.host, url.port, url.database, sorted(url.query.items()))).encode()).hexdigest()
    return user_folder() / "rebuilding" / where[:16]


def _plain(job: Job, folder: Path, watch: Watch, options: Options) -> Done:
    if job.store.engine.dialect.name == "sqlite":
        return _in_a_file(job, folder / "plain.db", job.store, watch)
    projection = job.recipe.projection()
    staging = StagingSchema(job.store, schema_name(projection))
    if options.anew:
        staging.clear()
    prepare(staging, job.store, projection)
    events = build(job, staging, job.store, watch)
    return built(job, staging), PostgresNext(job.store, projection, staging), events


def _bulk(job: Job, folder: Path, watch: Watch, _options: Options) -> Done:
    return _in_a_file(job, folder / "bulk.db", job.store, watch)


def _cold(job: Job, folder: Path, watch: Watch, options: Options) -> Done:
    if not options.cold:
        raise UnusableInput("a cold rebuild needs archives of the old events: name their folders")
    with watch.reading():
        archives = Archives(options.cold, job.store, folder / "spill")
    return _in_a_file(job, folder / "cold.db", ColdThenHot(archives, job.store), watch)


def _snapshot(job: Job, folder: Path, watch: Watch, options: Options) -> Done:
    if options.snapshot is None:
        raise UnusableInput("a rebuild from a snapshot needs one: name its file")
    projection = job.recipe.projection()
    staging = StagingFile(folder / "snapshot.db")
    if not fits(staging, job.store, projection):
        with watch.reading():
            restore_snapshot(job.store, projection, options.snapshot, staging)
    return _in_a_file(job, staging.path, job.store, watch)


def _sharded(job: Job, folder: Path, watch: Watch, options: Options) -> Done:
    projection = job.recipe.projection()
    if not projection.shardable:
        raise UnusableInput(
            f"{projection.name} isn't said to be shardable, so its rows may depend on several streams: rebuild in bulk"
        )
    if options.workers < 1:
        raise UnusableInput(f"{options.workers} workers would rebuild nothing: give 1 or more")
    with watch.reading():
        up_to = job.store.settled_head()
    events = build_shards(job, folder, options.workers, up_to, watch)
    shards = [Shard(number, options.workers) for number in range(options.workers)]
    stagings = [StagingFile(shard_file(folder, shard)) for shard in shards]
    done = [built(job, staging) for staging in stagings]
    if any(each.position != up_to for each in done):
        raise StoreBusy(f"a shard didn't get to position {up_to}, and the old read model stands: rebuild again")
    # Shard 0 of the log is the whole log, which the runner goes on with after the swap.
    batches = [row | {"shard": number} for number, each in enumerate(done, start=1) for row in each.batches]
    parked = sorted((row for each in done for row in each.parked), key=lambda row: row["position"])
    try:
        return _loaded(job, stagings, Built(up_to, parked, batches), events, watch)
    except IntegrityError as error:
        raise UnusableInput(
            f"two shards of {projection.name} have a row of the same key, so it isn't shardable by its shard_key, and "
            "the old read model stands: rebuild in bulk"
        ) from error


def _set_based(job: Job, folder: Path, watch: Watch, options: Options) -> Done:
    projection = job.recipe.projection()
    if job.recipe.query is None:
        raise UnusableInput(f"{projection.name} has no set-based definition: rebuild in bulk")
    with watch.reading():
        archives = Archives(options.cold, job.store, folder / "spill")
    tables = next_tables(job.store, projection)
    done, events = fold_in_duckdb(job, job.recipe.query(projection), archives, tables, folder, watch)
    return _caught_up(job, done, tables, events, watch)


STRATEGIES: dict[str, Callable[[Job, Path, Watch, Options], Done]] = {
    "plain": _plain,
    "bulk": _bulk,
    "sharded": _sharded,
    "snapshot": _snapshot,
    "cold": _cold,
    "set-based": _set_based,
}


def _in_a_file(job: Job, path: Path, source: EventSource, watch: Watch) -> Done:
    staging = StagingFile(path)
    prepare(staging, job.store, job.recipe.projection())
    events = build(job, staging, source, watch)
    return _loaded(job, [staging], built(job, staging), events, watch)


def _loaded(job: Job, stagings: Sequence[StagingFile], done: Built, events: int, watch: Watch) -> Done:
    projection = job.recipe.projection()
    tables = next_tables(job.store, projection)
    with watch.writing():
        tables.create()
        for table in projection.tables:
            for staging in stagings:
                tables.load(table, staging.rows(table))
        tables.index()
    for staging in stagings:
        staging.engine.dispose()
    return _caught_up(job, done, tables, events, watch)


def _caught_up(job: Job, done: Built, tables: NextTables, events: int, watch: Watch) -> Done:
    """On PostgreSQL the swap locks readers out, so what was appended during the load is handled before it."""
    if not isinstance(tables, PostgresNext):
        return done, tables, events
    put(tables.staging, done, job.recipe.projection().name, job.clock())
    events += build(job, tables.staging, job.store, watch)
    done = built(job, tables.staging)
    tables.staging.engine.dispose()
    return done, tables, events
