"""The repository: aggregates in, aggregates out; nobody above it sees a stream.

(Evans, *Domain-Driven Design*, chapter 6.)
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.errors import AggregateNotFound, UnusableInput
from esworkbench.event_store.drafts import StreamAppend
from esworkbench.event_store.engine import Idempotency
from esworkbench.event_store.store import AppendResult, EventStore
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.decoder import EventDecoder

A = TypeVar("A", bound=Aggregate)


class Repository(Generic[A]):
    """Loads and saves one class of aggregates, each folded from its first event on.

    Where that takes too long there is ``snapshots.SnapshottingRepository``, which takes this one's place.
    """

    def __init__(self, store: EventStore, aggregate_class: type[A], decoder: EventDecoder) -> None:
        self.aggregate_class = aggregate_class
        self._store = store
        self._decoder = decoder

    def load(self, aggregate_id: str) -> A:
        """The aggregate at its head. Raises AggregateNotFound when nothing was ever written to its stream."""
        aggregate = self.load_or_new(aggregate_id)
        if aggregate.version == 0:
            raise AggregateNotFound(f"there is no {aggregate.category} {aggregate_id!r}")
        return aggregate

    def load_or_new(self, aggregate_id: str) -> A:
        """The aggregate at its head, or a new one at version 0."""
        aggregate = self.aggregate_class(aggregate_id)
        self._fold(aggregate, self._store.read_stream(aggregate.stream_id))
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

        All bounds are inclusive, an absent one excludes nothing, and the chosen events fold in version order, from the
        first event on. ``version`` of the result is that of the last event chosen.
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
            aggregate.mark_saved()

    def _fold(self, aggregate: A, events: Sequence[RecordedEvent]) -> None:
        """Take the version from the last record, not from a count: a chosen past, or a damaged stream, has gaps."""
        for event in self._decoder.decode_all(events):
            aggregate.apply(event.data)
        if events:
            aggregate.version = events[-1].version
