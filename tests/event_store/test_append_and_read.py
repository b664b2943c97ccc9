"""Append and read, the same on both engines."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import ANY_VERSION, AppendResult, EventStore, Idempotency, StreamAppend
from esworkbench.event_store.chain import GENESIS, event_hash
from tests.support import START, SequentialIds, StepClock, new_event


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("event"))


def test_what_is_appended_is_what_is_read(store: EventStore) -> None:
    """Promise 6: the bytes that were hashed are the bytes that are stored, to the last space."""
    payload = b'{ "b": 1.10,\t"a":"\xc3\xbc \\u00fc" , "aa":-0.0}'
    zurich = timezone(timedelta(hours=1))
    result = store.append(
        "Account-1",
        [
            new_event("Opened", payload, metadata={"actor": "ann"}),
            new_event("Paid", schema_version=3, valid_at=datetime(2025, 12, 31, 12, 0, 0, 7, tzinfo=zurich)),
        ],
        expected_version=0,
    )
    assert store.read_stream("Account-1") == result.events == store.read_all()
    opened, paid = result.events
    assert opened.payload == payload
    assert opened.metadata == b'{"actor":"ann"}'
    assert opened.recorded_at == opened.valid_at == START
    assert (opened.version, opened.prev_hash, opened.event_id) == (1, GENESIS, "event-1")
    assert paid.valid_at == datetime(2025, 12, 31, 11, 0, 0, 7, tzinfo=UTC)
    assert (paid.version, paid.schema_version, paid.prev_hash) == (2, 3, opened.hash)
    assert paid.valid_at.tzinfo is UTC


def test_stale_writer_gets_both_versions(store: EventStore) -> None:
    """Promise 1: a stale writer gets ConcurrencyError with both versions in it."""
    store.append("s", [new_event(), new_event()], expected_version=0)
    for stale in (0, 1, 3):
        with pytest.raises(ConcurrencyError) as caught:
            store.append("s", [new_event()], expected_version=stale)
        assert (caught.value.stream_id, caught.value.expected, caught.value.actual) == ("s", stale, 2)
    assert store.stream_version("s") == 2


def test_any_version_appends_after_whatever_is_there(store: EventStore) -> None:
    store.append("s", [new_event()], expected_version=ANY_VERSION)
    result = store.append("s", [new_event()], expected_version=ANY_VERSION)
    assert [event.version for event in result.events] == [2]


def test_several_streams_are_all_or_nothing(store: EventStore) -> None:
    """Promise 12: a transfer is two events in two streams, in one transaction."""
    store.append("b", [new_event()], expected_version=0)
    sent = StreamAppend("a", 0, [new_event("TransferSent")])
    with pytest.raises(ConcurrencyError):
        store.append_many([sent, StreamAppend("b", 0, [new_event("TransferReceived")])])
    assert store.read_stream("a") == []
    result = store.append_many([sent, StreamAppend("b", 1, [new_event("TransferReceived")])])
    assert [(event.stream_id, event.version) for event in result.events] == [("a", 1), ("b", 2)]
    assert store.read_all()[1:] == result.events


def test_one_stream_twice_in_one_append_continues_itself(store: EventStore) -> None:
    result = store.append_many([StreamAppend("a", 0, [new_event()]), StreamAppend("a", 1, [new_event()])])
    first, second = result.events
    assert (second.version, second.prev_hash) == (2, first.hash)


def test_a_thousand_in_one_batch_keep_their_order(store: EventStore) -> None:
    result = store.append("s", [new_event(payload={"n": n}) for n in range(1000)], expected_version=0)
    assert store.read_all(limit=2000) == result.events
    assert [event.version for event in result.events] == list(range(1, 1001))
    for event in result.events:
        assert event.hash == event_hash(
            event.prev_hash, event.stream_id, event.version, event.event_id, event.event_type, event.schema_version,
            event.recorded_at, event.valid_at, event.payload, event.metadata,
        )  # fmt: skip


def test_reads_by_range_and_as_of_a_moment(store: EventStore) -> None:
    for version in range(5):
        store.append("s", [new_event()], expected_version=version)

    def versions(**wanted: object) -> list[int]:
        return [event.version for event in store.read_stream("s", **wanted)]  # type: ignore[arg-type]

    assert versions(after_version=2) == [3, 4, 5]
    assert versions(after_version=1, up_to_version=3) == [2, 3]
    assert versions(known_at=START + timedelta(seconds=2)) == [1, 2, 3]
    assert versions(known_at=START + timedelta(seconds=2) - timedelta(microseconds=1)) == [1, 2]
    assert versions(known_at=START - timedelta(days=1)) == []


def test_reading_all_in_pages(store: EventStore) -> None:
    for stream in ("a", "b", "c"):
        store.append(stream, [new_event(), new_event()], expected_version=0)
    first = store.read_all(limit=4)
    rest = store.read_all(after=first[-1].global_position, limit=4)
    assert [event.stream_id for event in first + rest] == ["a", "a", "b", "b", "c", "c"]
    assert store.read_all(after=rest[-1].global_position) == []
    assert store.head_position() == rest[-1].global_position


def test_empty_store(store: EventStore) -> None:
    assert (store.read_all(), store.read_stream("none"), store.stream_version("none"), store.head_position()) == (
        [], [], 0, 0,
    )  # fmt: skip


def test_a_repeat_gets_the_reply_that_was_kept_with_the_events(store: EventStore) -> None:
    """Promise 12: the repeat appends nothing and gets the first reply, whatever it brought along itself."""
    first = store.append("s", [new_event()], expected_version=0, idempotency=Idempotency("k", "d", b'{"ok":true}'))
    assert first.reply == b'{"ok":true}'
    again = store.append("s", [new_event()], expected_version=0, idempotency=Idempotency("k", "d", b"{}"))
    assert again == AppendResult([], b'{"ok":true}', True)
    assert store.stream_version("s") == 1


def test_ids_that_a_store_draws_sort_in_the_order_of_drawing(store_url: str) -> None:
    """So the index on them grows at its end; with random ones each append would touch a page of its own."""
    appended = EventStore.open(store_url).append("s", [new_event() for _ in range(200)], expected_version=0)
    drawn = [event.event_id for event in appended.events]
    assert drawn == sorted(set(drawn))
