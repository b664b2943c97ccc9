"""An event store for exercises: the real one, with lists where a database would be.

A file takes a twentieth of a second to make, and an exercise is tried on hundreds of stores.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec

from esworkbench.event_store.drafts import Head
from esworkbench.event_store.engine import Idempotency
from esworkbench.event_store.store import Clock, EventStore, NewId, Subscriber, time_ordered_id
from esworkbench.events import RecordedEvent, utc_now


class LogInMemory:
    """As a ``Log`` does it, for one process and one thread. No transaction of it fails half-way: each inserts once."""

    def __init__(self) -> None:
        self._events: list[RecordedEvent] = []
        self._remembered: dict[str, Idempotency] = {}

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator["LogInMemory"]:
        yield self

    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Idempotency | None, Mapping[str, Head]]:
        heads = {each.stream_id: Head(each.version, each.hash) for each in self._events}
        return self.recall(key) if key is not None else None, heads

    def insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[int]:
        positions = [len(self._events) + number for number in range(1, len(events) + 1)]
        for event, position in zip(events, positions, strict=True):
            self._events.append(msgspec.structs.replace(event, global_position=position))
        if idempotency is not None:
            self._remembered[idempotency.key] = idempotency
        return positions

    def recall(self, key: str) -> Idempotency | None:
        return self._remembered.get(key)

    def stream_version(self, stream_id: str) -> int:
        return max((each.version for each in self._events if each.stream_id == stream_id), default=0)

    def stream(
        self, stream_id: str, after_version: int, up_to_version: int, known_at: datetime | None
    ) -> list[RecordedEvent]:
        versions = [
            each
            for each in self._events
            if each.stream_id == stream_id and after_version < each.version <= up_to_version
        ]
        return [each for each in versions if known_at is None or each.recorded_at <= known_at]

    def after(self, position: int, limit: int) -> list[RecordedEvent]:
        return self._events[position : position + limit]

    def head_position(self) -> int:
        return len(self._events)

    def settled_head(self) -> int:
        return len(self._events)


class StoreInMemory(EventStore):
    """A new, empty event store; it has no ``engine``."""

    def __init__(self, *, clock: Clock = utc_now, new_id: NewId = time_ordered_id) -> None:
        self.clock = clock
        self.new_id = new_id
        self._log = LogInMemory()
        self._subscribers: list[Subscriber] = []
