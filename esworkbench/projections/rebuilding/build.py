"""Building: the projection runner, fed from anywhere, writing to a staging area."""

from typing import NamedTuple, Protocol

from esworkbench.archive import bucket_of
from esworkbench.event_store import write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints
from esworkbench.projections.projection_runner import ProjectionRunner
from esworkbench.projections.rebuilding.job import Job, Watch
from esworkbench.projections.rebuilding.staging import Built, Staging, built_at, saw


class EventSource(Protocol):
    """Where events come from: a store, or archives and then a store."""

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        """As ``EventStore.read_all``."""


class Shard(NamedTuple):
    """The streams the CRC-32 of whose key modulo ``of`` is ``number``: by stream id, the archive's buckets."""

    number: int
    of: int

    def holds(self, key: str) -> bool:
        return bucket_of(key, self.of) == self.number


WHOLE = Shard(0, 1)


class StagingSource:
    """What the runner follows here: events come from a source, one shard of them; rows go to a staging area."""

    def __init__(self, staging: Staging, source: EventSource, shard: Shard, job: Job, watch: Watch) -> None:
        self.engine = staging.engine
        self.clock = job.clock
        self._staging = staging
        self._source = source
        self._shard = shard
        self._key = job.recipe.projection().shard_key
        self._watch = watch

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        with self._watch.reading():
            mine: list[RecordedEvent] = []
            while not mine and (batch := self._source.read_all(after=after, limit=limit)):
                mine = batch if self._shard.of == 1 else [event for event in batch if self._mine(event)]
                after = batch[-1].global_position
        if mine:
            saw(self._staging, mine[-1])
        return mine

    def _mine(self, event: RecordedEvent) -> bool:
        return self._shard.holds(self._key(event.stream_id))


def build(
    job: Job, staging: Staging, source: EventSource, watch: Watch, *, shard: Shard = WHOLE, up_to: int | None = None
) -> int:
    """Run on from the staging area's checkpoint to ``up_to``, or to the head. Returns the events handled or parked."""
    watch.time_writes(staging.engine)
    store = StagingSource(staging, source, shard, job, watch)
    runner = ProjectionRunner(
        store, job.recipe.projection(), job.recipe.decoder(), run_id=job.run_id, batch_size=job.batch_size,
        clock=job.clock,
    )  # fmt: skip
    total = 0
    with watch.folding():
        while handled := runner.run_once(up_to=up_to):
            total += handled
            job.progress(handled)
    if up_to is not None:
        _seen_to(job, staging, runner.run, up_to)
    return total


def built(job: Job, staging: Staging) -> Built:
    with staging.engine.connect() as connection:
        return built_at(connection, job.recipe.projection().name)


def _seen_to(job: Job, staging: Staging, run: checkpoints.Run, position: int) -> None:
    """Nothing for this shard stands between its last event and the position: say so, that all shards end there."""
    with write_transaction(staging.engine) as connection:
        after = checkpoints.begin(connection, run.projection, job.clock())
        if after < position:
            checkpoints.advance(connection, run, after=after, to=position, now=job.clock())
