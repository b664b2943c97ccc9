"""A store in memory answers as one in a file does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from esworkbench.course.grader.observe import reply
from esworkbench.course.store_in_memory import StoreInMemory
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, StreamAppend
from esworkbench.events import NewEvent

START = datetime(2024, 1, 1, tzinfo=UTC)


def options() -> dict[str, Any]:
    minutes, ids = count(), count()
    return {"clock": lambda: START + timedelta(minutes=next(minutes)), "new_id": lambda: f"event-{next(ids)}"}


@pytest.fixture
def both(tmp_path: Path) -> Iterator[list[EventStore]]:
    in_a_file = EventStore.open(str(tmp_path / "bank.db"), **options())
    yield [StoreInMemory(**options()), in_a_file]
    in_a_file.engine.dispose()


def events(*amounts: int) -> list[NewEvent]:
    return [NewEvent(event_type="Deposited", payload=b'{"amount":%d}' % amount) for amount in amounts]


def told(store: EventStore) -> list[Any]:
    """What a store says of some appends, refused ones among them, and of its streams afterwards."""

    def append(stream: str, expected: int, *amounts: int, key: str | None = None, digest: str = "d") -> Any:
        once = Idempotency(key, digest, b'{"done":true}') if key else None
        return reply(lambda: store.append(stream, events(*amounts), expected_version=expected, idempotency=once))

    return [
        append("A", 0, 1, 2),
        append("B", 0, 3),
        append("A", 0, 4),
        append("A", 3, 5),
        append("A", 2, 6, key="monday"),
        append("A", 2, 6, key="monday"),
        append("A", ANY_VERSION, 7, key="monday", digest="another"),
        append("A", ANY_VERSION, 8),
        append("A", 4),
        reply(store.append_many, [StreamAppend("A", 4, events(9)), StreamAppend("B", 0, events(9))]),
        reply(store.append_many, [StreamAppend("B", 1, events(9)), StreamAppend("C", 0, events(9))]),
        store.find_reply("monday", "d"),
        store.find_reply("tuesday", "d"),
        reply(store.find_reply, "monday", "another"),
        store.read_stream("A", after_version=1, up_to_version=3),
        store.read_stream("A", known_at=START + timedelta(minutes=4)),
        store.read_stream("Z"),
        store.read_all(after=2, limit=3),
        [store.stream_version(stream) for stream in "ABCZ"],
        store.head_position(),
        store.settled_head(),
    ]


def test_a_store_in_memory_answers_as_one_in_a_file_does(both: list[EventStore]) -> None:
    in_memory, in_a_file = map(told, both)
    assert in_memory == in_a_file
