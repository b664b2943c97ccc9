"""Sharded: several processes, each with the streams of its own, a staging area and a checkpoint of its own.

Events of one stream stay in order and streams don't wait for each other, which is right only where each row comes from
the streams of one key alone: of one account, say. (Kleppmann, *Designing Data-Intensive Applications*, chapter 6, on
partitioning by hash of the key.)
Every process reads the whole log and leaves what isn't its own: neither database can compute CRC-32 while reading.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from esworkbench.errors import EsworkbenchError, StoreBusy
from esworkbench.event_store import EventStore
from esworkbench.projections.rebuilding.build import Shard, build
from esworkbench.projections.rebuilding.job import Job, Recipe, Watch
from esworkbench.projections.rebuilding.staging import StagingFile, prepare


def shard_file(folder: Path, shard: Shard) -> Path:
    return folder / f"shard-{shard.number}-of-{shard.of}.db"


def build_shards(job: Job, folder: Path, count: int, up_to: int, watch: Watch) -> int:
    """Build every shard up to one position, each in a process. Returns the events handled or parked.

    Raises StoreBusy when a process was killed: what it had committed stands, and another call goes on from there.
    """
    # A spawned process shares nothing with this one: no connection, no lock, no half-held state of a thread.
    spawn = multiprocessing.get_context("spawn")
    url = job.store.engine.url.render_as_string(hide_password=False)
    shards = [Shard(number, count) for number in range(count)]
    for shard in shards:
        # Not by the processes: one that a killed rebuild left behind must not clear what the next one has begun.
        staging = StagingFile(shard_file(folder, shard))
        prepare(staging, job.store, job.recipe.projection())
        staging.engine.dispose()
    ends, processes = [], []
    try:
        for shard in shards:
            ours, theirs = spawn.Pipe(duplex=False)
            arguments = (theirs, url, job.recipe, job.run_id, job.batch_size, folder, shard, up_to)
            process = spawn.Process(target=build_shard, args=arguments, daemon=True)
            process.start()
            theirs.close()
            ends.append(ours)
            processes.append(process)
        return _gather(job, ends, watch)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def build_shard(
    end: Connection, url: str, recipe: Recipe, run_id: str, batch_size: int, folder: Path, shard: Shard, up_to: int
) -> None:
    """The life of one process. It ends with its parent: a process without one would go on unseen."""
    store = EventStore.open(url, create=False)
    watch = Watch()
    job = Job(store, recipe, run_id, store.clock, batch_size, _to_parent(end))
    staging = StagingFile(shard_file(folder, shard))
    try:
        build(job, staging, store, watch, shard=shard, up_to=up_to)
    except EsworkbenchError as error:
        end.send(error.args[0])
    else:
        end.send((watch.read, watch.fold, watch.write))
    finally:
        staging.engine.dispose()
        store.engine.dispose()


def _to_parent(end: Connection) -> Callable[[int], object]:
    """Tell how many events are done; raises BrokenPipeError, which ends the process, where nobody listens any more."""
    return end.send


def _gather(job: Job, ends: list[Connection], watch: Watch) -> int:
    total, open_ends = 0, list(ends)
    while open_ends:
        for end in wait(open_ends):
            assert isinstance(end, Connection)
            try:
                told: Any = end.recv()
            except EOFError:
                raise StoreBusy(
                    "a process that rebuilt one shard ended before its work did: rebuild again, which goes on from "
                    "what every shard has committed"
                ) from None
            if isinstance(told, int):
                total += told
                job.progress(told)
            elif isinstance(told, str):
                raise StoreBusy(told)
            else:
                watch.add(*told)
                open_ends.remove(end)
    return total
