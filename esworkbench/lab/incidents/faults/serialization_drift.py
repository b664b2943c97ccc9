"""A release of the store that hashes other bytes than it writes down. Nothing that it writes is wrong."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec

from esworkbench.event_store.chain import event_hash
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.engine import Idempotency, Log, LogTransaction
from esworkbench.events import RecordedEvent
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.sealed import PlantedFault

Spelling = Callable[[bytes], bytes]


def with_spaces(encoded: bytes) -> bytes:
    """As Python's json spells it unless told otherwise."""
    return json.dumps(json.loads(encoded)).encode()


def sorted_with_spaces(encoded: bytes) -> bytes:
    return json.dumps(json.loads(encoded), sort_keys=True).encode()


def indented(encoded: bytes) -> bytes:
    return json.dumps(json.loads(encoded), indent=2).encode()


SPELLINGS: tuple[Spelling, ...] = (with_spaces, sorted_with_spaces, indented)


class DriftingTransaction:
    """Hashes each payload as ``spelled``, and hands on what it was given to be stored."""

    def __init__(self, inner: LogTransaction, spelled: Spelling) -> None:
        self.inner = inner
        self.spelled = spelled

    def look_up(
        self, key: str | None, expected_versions: Mapping[str, int]
    ) -> tuple[Idempotency | None, Mapping[str, Head]]:
        return self.inner.look_up(key, expected_versions)

    def insert(self, events: Sequence[RecordedEvent], idempotency: Idempotency | None) -> list[int]:
        """Links hold: each event follows the hash that was really kept of the one before it."""
        kept: dict[str, str] = {}
        drifted = []
        for event in events:
            previous = kept.get(event.stream_id, event.prev_hash)
            own = event_hash(
                previous, event.stream_id, event.version, event.event_id, event.event_type, event.schema_version,
                event.recorded_at, event.valid_at, self.spelled(event.payload), event.metadata,
            )  # fmt: skip
            kept[event.stream_id] = own
            drifted.append(msgspec.structs.replace(event, prev_hash=previous, hash=own))
        return self.inner.insert(drifted, idempotency)


class DriftingLog:
    """The log as it was; only appends go through ``DriftingTransaction``."""

    def __init__(self, inner: Log, spelled: Spelling) -> None:
        self.inner = inner
        self.spelled = spelled
        self.recall = inner.recall
        self.stream_version = inner.stream_version
        self.after = inner.after
        self.head_position = inner.head_position
        self.settled_head = inner.settled_head

    @contextmanager
    def transaction(self, *, one_insert: bool) -> Iterator[LogTransaction]:
        with self.inner.transaction(one_insert=one_insert) as transaction:
            yield DriftingTransaction(transaction, self.spelled)

    def stream(
        self, stream_id: str, after_version: int, up_to_version: int, known_at: datetime | None
    ) -> list[RecordedEvent]:
        return self.inner.stream(stream_id, after_version, up_to_version, known_at)


class SerializationDrift(PlantableFault):
    """From a deploy on, every content fails its hash: in the whole store, and to the end."""

    name = "serialization_drift"
    shows_in = ()

    def __init__(self) -> None:
        self.deployed_at = 0

    def before(self, scene: Scene) -> None:
        self.spelled = scene.rng.choice(SPELLINGS)
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: self.deploy(scene))

    def deploy(self, scene: Scene) -> None:
        self.deployed_at = scene.store.head_position()
        scene.life.operations.note("core", scene.life.agenda.now)
        scene.store._log = DriftingLog(scene.store._log, self.spelled)

    def after(self, scene: Scene) -> list[PlantedFault]:
        since = [event for event in scene.all_events(after=self.deployed_at) if not hashed_as_stored(event)]
        ids, positions = [each.event_id for each in since], [each.global_position for each in since]
        return [PlantedFault(self.name, None, ids, positions, 0, None)]


def hashed_as_stored(event: RecordedEvent) -> bool:
    """Whether the hash is that of the bytes that are there: so it is where another program wrote the event."""
    return event.hash == event_hash(
        event.prev_hash, event.stream_id, event.version, event.event_id, event.event_type, event.schema_version,
        event.recorded_at, event.valid_at, event.payload, event.metadata,
    )  # fmt: skip
