"""Promise 4, never before commit: subscribers see only what is durable."""

import logging

import pytest

from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import EventStore, Idempotency
from esworkbench.events import RecordedEvent
from tests.support import new_event


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url)


def test_subscribers_see_what_another_connection_sees(store: EventStore, store_url: str) -> None:
    other = EventStore.open(store_url)
    seen: list[tuple[list[RecordedEvent], list[RecordedEvent]]] = []
    store.subscribe(lambda events: seen.append((events, other.read_all())))
    result = store.append("s", [new_event(), new_event()], expected_version=0)
    assert seen == [(result.events, result.events)]


def test_what_was_not_appended_is_not_published(store: EventStore) -> None:
    once = Idempotency("key", "digest", b"{}")
    store.append("s", [new_event()], expected_version=0, idempotency=once)
    seen: list[object] = []
    store.subscribe(seen.append)
    with pytest.raises(ConcurrencyError):
        store.append("s", [new_event()], expected_version=0)
    store.append("s", [new_event()], expected_version=0, idempotency=once)
    assert seen == []


def test_a_failing_subscriber_hides_neither_the_commit_nor_itself(
    store: EventStore, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[object] = []

    def fail(_events: object) -> None:
        raise ZeroDivisionError("in the subscriber")

    store.subscribe(fail)
    store.subscribe(seen.append)
    with caplog.at_level(logging.ERROR):
        result = store.append("s", [new_event()], expected_version=0)
    assert store.read_all() == result.events
    assert seen == [result.events]
    assert "in the subscriber" in caplog.text


def test_a_subscriber_may_append(store: EventStore) -> None:
    """The transaction it hears of is over, so nothing is held that it would wait for."""

    def answer(events: list[RecordedEvent]) -> None:
        if events[0].stream_id == "question":
            store.append("answer", [new_event()], expected_version=0)

    store.subscribe(answer)
    store.append("question", [new_event()], expected_version=0)
    assert [event.stream_id for event in store.read_all()] == ["question", "answer"]
