"""Snapshots taken in the background, off the write path: saving never waits for one.

It follows the log as a projection does, by a checkpoint of its own in ``checkpoints``, and may be killed at any moment.
Snapshots come first and the checkpoint after them, the other way round than it would need for rows: a batch done twice
keeps the same snapshots twice, which changes nothing, while a checkpoint ahead of them would lose some for good. So
the snapshots may lie in another database or in files, where no transaction could hold both.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.errors import StoreBusy, UnreadableEvent
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.database import gave_up, retried
from esworkbench.events import RecordedEvent
from esworkbench.projections import checkpoints, tables
from esworkbench.projections.dead_letters import park, reset

A = TypeVar("A", bound=Aggregate)


class Snapshotter(Generic[A]):
    """Takes a snapshot of each stream of one category that passes a multiple of ``every`` events.

    ``repository`` has no ``snapshot_every``. A snapshot is of the stream's head, so a stream
    with several multiples in one batch gets one. Several snapshotters of one category may run at once and do no harm.
    A stream that can't be loaded is parked as a dead letter, and is tried again at its next multiple; an error of a
    database (StoreBusy, or the driver's own) stops the run, with the batch to be done again. ``run_id`` names this run
    in the checkpoint log.
    """

    def __init__(
        self,
        store: EventStore,
        repository: SnapshottingRepository[A],
        *,
        every: int,
        run_id: str,
        batch_size: int = 1000,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be 1 or more, not {every}")
        aggregate_class = repository.aggregate_class
        self._store = store
        self._repository = repository
        self._every = every
        self._batch_size = batch_size
        self._clock = clock or store.clock
        self._prefix = f"{aggregate_class.category}-"
        self.run = checkpoints.Run(
            f"snapshots of {aggregate_class.category}", run_id, f"state version {aggregate_class.state_version}"
        )

    def checkpoint(self) -> int:
        """The position up to which every snapshot that was due has been taken."""
        with self._store.engine.connect() as connection:
            return checkpoints.position_of(connection, self.run.projection)

    @retried
    def begin_again(self) -> None:
        """Back to position 0, to take snapshots of a new ``state_version`` before there is traffic that needs them."""
        with write_transaction(self._store.engine) as connection:
            checkpoints.begin(connection, self.run.projection, self._clock())
            reset(connection, self.run, self._clock())

    def catch_up(self) -> int:
        """Run to the head of the log. Returns the events seen."""
        total = 0
        while seen := self.run_once():
            total += seen
        return total

    def run_once(self) -> int:
        """One batch. Returns the events seen; 0 when there was nothing left to see."""
        after = self.checkpoint()
        try:
            batch = self._store.read_all(after=after, limit=self._batch_size)
        except UnreadableEvent as unreadable:
            self._save(after, unreadable.global_position, parked=[(unreadable, unreadable)])
            return 1
        if batch:
            self._save(after, batch[-1].global_position, parked=self._take_due(batch))
        return len(batch)

    def _take_due(self, batch: Sequence[RecordedEvent]) -> list[tuple[RecordedEvent, Exception]]:
        """Outside any transaction, so that no writer waits. Returns what could not be loaded, and why."""
        due = {
            recorded.stream_id: recorded
            for recorded in batch
            if recorded.version % self._every == 0 and recorded.stream_id.startswith(self._prefix)
        }
        parked = []
        for stream_id, recorded in due.items():
            try:
                aggregate = self._repository.load(stream_id.removeprefix(self._prefix))
            except Exception as error:
                if isinstance(error, StoreBusy) or gave_up(error) is not None:
                    raise
                parked.append((recorded, error))
            else:
                self._repository.take_snapshot(aggregate)
        return parked

    @retried
    def _save(self, after: int, to: int, parked: Sequence[tuple[RecordedEvent | UnreadableEvent, Exception]]) -> None:
        """Unless another snapshotter has moved the checkpoint meanwhile, having taken the same snapshots."""
        with write_transaction(self._store.engine) as connection:
            now = self._clock()
            if checkpoints.begin(connection, self.run.projection, now) != after:
                return
            if parked:
                tables.make_missing(connection)
            for recorded, error in parked:
                park(connection, self.run, recorded, error, now)
            checkpoints.advance(connection, self.run, after=after, to=to, now=now)
