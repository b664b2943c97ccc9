"""The repository: aggregates in, aggregates out; nobody above it sees a stream.

(Evans, *Domain-Driven Design*, chapter 6.)
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.snapshots import AggregateSnapshots, SnapshotProof, Snapshots
from esworkbench.errors import AggregateNotFound, UnusableInput
from esworkbench.event_store import AppendResult, EventStore, Idempotency, StreamAppend
from esworkbench.events import RecordedEvent
from esworkbench.upcasters import EventDecoder

A = TypeVar("A", bound=Aggregate)

logger = logging.getLogger(__name__)


class Repository(Generic[A]):
    """Loads and saves one class of aggregates.

    With ``snapshots`` loading starts from the newest usable snapshot; with ``snapshot_every`` as well, saving takes a
    new one whenever the stream passes a multiple of that many events. ``proof`` decides which of these loads are held
    against the fold of every event.
    """

    def __init__(
        self,
        store: EventStore,
        aggregate_class: type[A],
        decoder: EventDecoder,
        *,
        snapshots: Snapshots | None = None,
        snapshot_every: int | None = None,
        proof: SnapshotProof | None = None,
    ) -> None:
        if snapshot_every is not None and snapshots is None:
            raise ValueError("snapshot_every says how often, and snapshots must say where")
        if snapshot_every is not None and snapshot_every < 1:
            raise ValueError(f"snapshot_every must be 1 or more, not {snapshot_every}")
        self.aggregate_class = aggregate_class
        self._store = store
        self._decoder = decoder
        self._snapshots = (
            None if snapshots is None else AggregateSnapshots(snapshots, aggregate_class, decoder.event_types)
        )
        self._snapshot_every = snapshot_every
        self._proof = proof

    def load(self, aggregate_id: str) -> A:
        """The aggregate at its head. Raises AggregateNotFound when nothing was ever written to its stream."""
        aggregate = self.load_or_new(aggregate_id)
        if aggregate.version == 0:
            raise AggregateNotFound(f"there is no {aggregate.category} {aggregate_id!r}")
        return aggregate

    def load_or_new(self, aggregate_id: str) -> A:
        """The aggregate at its head, or a new one at version 0.

        Raises SnapshotDisagrees when the proof was due, failed, and is to raise.
        """
        aggregate = self._load_from_snapshot(aggregate_id)
        if aggregate is None:
            return self._load_from_first_event(aggregate_id)
        if self._proof is not None and self._proof.is_due():
            return self._proved(aggregate, self._proof)
        return aggregate

    def load_as_of(
        self,
        aggregate_id: str,
        *,
        version: int | None = None,
        known_at: datetime | None = None,
        valid_at: datetime | None = None,
    ) -> A:
        """A past state, to look at and not to decide on: what was known at ``known_at`` to be true at ``valid_at``.

        All bounds are inclusive, an absent one excludes nothing, and the chosen events fold in version order. The fold
        starts at the first event, never at a snapshot. ``version`` of the result is that of the last event chosen.
        Raises AggregateNotFound when no event is chosen, UnusableInput for a naive moment or a version never written.
        """
        for name, moment in (("known_at", known_at), ("valid_at", valid_at)):
            if moment is not None and moment.utcoffset() is None:
                raise UnusableInput(
                    f"{name} {moment.isoformat()} says no time zone: give it an offset (2024-10-15T15:00:00+02:00) "
                    "or a zone (zoneinfo.ZoneInfo('Europe/Zurich'))"
                )
        aggregate = self.aggregate_class(aggregate_id)
        chosen = self._store.read_stream(aggregate.stream_id, up_to_version=version, known_at=known_at)
        if version is not None and (not chosen or chosen[-1].version != version) and known_at is None:
            raise UnusableInput(f"{aggregate.stream_id} has no version {version}")
        if valid_at is not None:
            chosen = [recorded for recorded in chosen if recorded.valid_at <= valid_at]
        if not chosen:
            raise AggregateNotFound(f"{aggregate.stream_id} has no event as of that moment")
        self._fold(aggregate, chosen)
        aggregate.read_only = True
        return aggregate

    def exists(self, aggregate_id: str) -> bool:
        return self._store.stream_version(self.aggregate_class(aggregate_id).stream_id) > 0

    def append_of(self, aggregate: Aggregate, metadata: Mapping[str, Any]) -> StreamAppend:
        """The unsaved events as ``append`` takes them. ``decided_on_version`` is the version the decision had seen."""
        decided_on = aggregate.saved_version
        full = {**metadata, "decided_on_version": decided_on}
        encode = self._decoder.event_types.encode
        events = [encode(event, metadata=full, valid_at=valid_at) for event, valid_at in aggregate.uncommitted]
        return StreamAppend(aggregate.stream_id, decided_on, events)

    def save(
        self,
        *aggregates: A,
        metadata: Mapping[str, Any] | None = None,
        idempotency: Idempotency | None = None,
    ) -> AppendResult:
        """Everything unsaved of all the aggregates, in one transaction.

        Raises ConcurrencyError when any of their streams moved on. When the idempotency key was seen before, nothing is
        written, and the aggregates keep their unsaved events: what they decided did not happen.
        """
        changed = [aggregate for aggregate in aggregates if aggregate.uncommitted]
        appends = [self.append_of(aggregate, metadata or {}) for aggregate in changed]
        result = self._store.append_many(appends, idempotency=idempotency)
        if not result.repeated:
            self.saved(changed)
        return result

    def saved(self, aggregates: Sequence[A]) -> None:
        """To be called after the commit: the events of these aggregates are now the stream's."""
        for aggregate in aggregates:
            before = aggregate.saved_version
            aggregate.mark_saved()
            self._snapshot_if_due(aggregate, before)

    def take_snapshot(self, aggregate: A) -> None:
        """Keep the state of a loaded or saved aggregate now. Raises ValueError without a place for snapshots."""
        if self._snapshots is None:
            raise ValueError("this repository was given no snapshots to keep any in")
        version = aggregate.version
        [last] = self._store.read_stream(aggregate.stream_id, after_version=version - 1, up_to_version=version)
        self._snapshots.take(aggregate, last.hash)

    def _load_from_snapshot(self, aggregate_id: str) -> A | None:
        """The newest usable snapshot and the events after it; None where there is none.

        The event that a snapshot ends with is read again: in a store restored from a backup it may be gone, or be
        another one, while the snapshots lay elsewhere. Its hash stands for all events before it.
        """
        if self._snapshots is None:
            return None
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

    def _load_from_first_event(self, aggregate_id: str, *, up_to_version: int | None = None) -> A:
        aggregate = self.aggregate_class(aggregate_id)
        self._fold(aggregate, self._store.read_stream(aggregate.stream_id, up_to_version=up_to_version))
        return aggregate

    def _fold(self, aggregate: A, events: Sequence[RecordedEvent]) -> None:
        """Take the version from the last record, not from a count: a chosen past, or a damaged stream, has gaps."""
        for event in self._decoder.decode_all(events):
            aggregate.apply(event.data)
        if events:
            aggregate.version = events[-1].version

    def _proved(self, aggregate: A, proof: SnapshotProof) -> A:
        """What was loaded, or the fold of every event where that is different.

        The latter is kept as the newest snapshot, so that other loads are right from now on; it can't be kept if the
        wrong one is of this very version.
        """
        whole = self._load_from_first_event(aggregate.id, up_to_version=aggregate.version)
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
