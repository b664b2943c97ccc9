"""A repository that loads from snapshots: the same aggregates, found sooner."""

import logging
from collections.abc import Sequence
from typing import TypeVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots.aggregate_snapshots import AggregateSnapshots
from esworkbench.aggregates.snapshots.proof import SnapshotProof
from esworkbench.aggregates.snapshots.snapshot import Snapshots
from esworkbench.event_store import EventStore
from esworkbench.upcasters import EventDecoder

A = TypeVar("A", bound=Aggregate)

logger = logging.getLogger(__name__)


class SnapshottingRepository(Repository[A]):
    """Loading starts from the newest usable snapshot.

    With ``snapshot_every``, saving takes a new one whenever the stream passes a multiple of that many events. ``proof``
    decides which of the loads from a snapshot are held against the fold of every event.
    """

    def __init__(
        self,
        store: EventStore,
        aggregate_class: type[A],
        decoder: EventDecoder,
        *,
        snapshots: Snapshots,
        snapshot_every: int | None = None,
        proof: SnapshotProof | None = None,
    ) -> None:
        if snapshot_every is not None and snapshot_every < 1:
            raise ValueError(f"snapshot_every must be 1 or more, not {snapshot_every}")
        super().__init__(store, aggregate_class, decoder)
        self._snapshots = AggregateSnapshots(snapshots, aggregate_class, decoder.event_types)
        self._snapshot_every = snapshot_every
        self._proof = proof

    def load_or_new(self, aggregate_id: str) -> A:
        """The aggregate at its head, or a new one at version 0.

        Raises SnapshotDisagrees when the proof was due, failed, and is to raise.
        """
        aggregate = self._load_from_snapshot(aggregate_id)
        if aggregate is None:
            return super().load_or_new(aggregate_id)
        if self._proof is not None and self._proof.is_due():
            return self._proved(aggregate, self._proof)
        return aggregate

    def saved(self, aggregates: Sequence[A]) -> None:
        before = [aggregate.saved_version for aggregate in aggregates]
        super().saved(aggregates)
        for aggregate, version_before in zip(aggregates, before, strict=True):
            self._snapshot_if_due(aggregate, version_before)

    def take_snapshot(self, aggregate: A) -> None:
        """Keep the state of a loaded or saved aggregate now."""
        version = aggregate.version
        [last] = self._store.read_stream(aggregate.stream_id, after_version=version - 1, up_to_version=version)
        self._snapshots.take(aggregate, last.hash)

    def _load_from_snapshot(self, aggregate_id: str) -> A | None:
        """The newest usable snapshot and the events after it; None where there is none.

        The event that a snapshot ends with is read again: in a store restored from a backup it may be gone, or be
        another one, while the snapshots lay elsewhere. Its hash stands for all events before it.
        """
        for aggregate, event_hash in self._snapshots.usable(aggregate_id):
            version = aggregate.version
            events = self._store.read_stream(aggregate.stream_id, after_version=version - 1)
            if events and (events[0].version, events[0].hash) == (version, event_hash):
                self._fold(aggregate, events[1:])
                return aggregate
            logger.error(
                "the snapshot of %s at version %d is passed over: it is of a history that isn't this stream's",
                aggregate.stream_id,
                version,
            )
        return None

    def _proved(self, aggregate: A, proof: SnapshotProof) -> A:
        """What was loaded, or the fold of every event where that is different.

        The latter is kept as the newest snapshot, so that other loads are right from now on; it can't be kept if the
        wrong one is of this very version.
        """
        whole = self.aggregate_class(aggregate.id)
        self._fold(whole, self._store.read_stream(whole.stream_id, up_to_version=aggregate.version))
        if proof.holds(aggregate, whole):
            return aggregate
        self._take_or_log(whole)
        return whole

    def _snapshot_if_due(self, aggregate: A, version_before: int) -> None:
        every = self._snapshot_every
        if every is not None and aggregate.version // every > version_before // every:
            self._take_or_log(aggregate)

    def _take_or_log(self, aggregate: A) -> None:
        """The events are committed by now: a snapshot that fails costs time at the next load, and nothing else."""
        try:
            self.take_snapshot(aggregate)
        except Exception:
            logger.exception("no snapshot of %s at version %s", aggregate.stream_id, aggregate.version)
