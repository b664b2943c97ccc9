"""What every contender writes: the same deposits, with times that are the same in every run."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from esworkbench.event_store import Idempotency, StreamAppend
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.drafts import draft_append, place
from esworkbench.event_store.store import time_ordered_id
from esworkbench.events import NewEvent, RecordedEvent

START = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT_MINOR = 1250
CURRENCY = "USD"
METADATA = {"actor": "teller-7", "correlation_id": "5d0c7f3e-3f0b-4a5c-9a59-0d6c1f0b7a11"}
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
REPLY = b'{"balance_minor":1250,"currency":"USD","version":1}'


class Ticks:
    """A clock that moves on by a millisecond at each reading."""

    def __init__(self) -> None:
        self._next = START

    def __call__(self) -> datetime:
        moment = self._next
        self._next += timedelta(milliseconds=1)
        return moment


class SeededIds:
    """Random UUIDs, as clients draw them for their keys; but the same in each run."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def __call__(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


def reference(number: int) -> str:
    return f"ORDER-{number:08d}"


def deposits(count: int, *, after: int = 0) -> list[NewEvent]:
    """Encoded deposits, numbered on from ``after``."""
    return [
        NewEvent(
            event_type="MoneyDeposited",
            schema_version=3,
            payload=msgspec.json.encode(
                {"amount_minor": AMOUNT_MINOR, "currency": CURRENCY, "reference": reference(number)}
            ),
            metadata={**METADATA, "decided_on_version": number},
        )
        for number in range(after, after + count)
    ]


def commits_of(count: int, per_commit: int) -> list[list[NewEvent]]:
    """``count`` deposits in groups of ``per_commit``."""
    return [deposits(per_commit, after=after) for after in range(0, count, per_commit)]


def once(stream_id: str, number: int) -> Idempotency:
    return Idempotency(f"{stream_id}:{number}", DIGEST, REPLY)


def rows_of(stream_id: str, events: Sequence[NewEvent], *, engine: str) -> list[tuple[Any, ...]]:
    """The very values our store would write for these events, ready for a bare insert."""
    clock = Ticks()
    placed = place([draft_append(StreamAppend(stream_id, 0, events), clock(), time_ordered_id)], {})
    return [_row(event, engine) for event in placed]


def _row(event: RecordedEvent, engine: str) -> tuple[Any, ...]:
    moment = moment_text if engine == "sqlite" else _unchanged
    return (
        event.stream_id,
        event.version,
        event.event_id,
        event.event_type,
        event.schema_version,
        event.payload.decode(),
        event.metadata.decode(),
        moment(event.recorded_at),
        moment(event.valid_at),
        event.prev_hash,
        event.hash,
    )


def _unchanged(moment: datetime) -> Any:
    return moment
