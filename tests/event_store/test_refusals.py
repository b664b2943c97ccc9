"""Bad input: refused in one sentence, with nothing written; odd but good input: kept as it is."""

from datetime import datetime
from typing import Any

import pytest

from esworkbench.errors import IdempotencyConflict, InvalidEvent, UnusableInput
from esworkbench.event_store import EventStore, Idempotency, StreamAppend
from tests.support import new_event

BAD_PAYLOADS = {
    "not JSON": b"amount: 12",
    "cut off": b'{"amount_minor": 12',
    "nothing": b"",
    "two objects": b"{}{}",
    "not UTF-8": b'{"name": "\xff"}',
    "a list": b"[1]",
    "a number": b"1",
    "null": b"null",
    "a duplicate key": b'{"a": 1, "a": 2}',
    "a duplicate key within": b'{"x": [{"a": 1, "b": 1, "a": 1}]}',
    "a duplicate key by escape": b'{"a": 1, "\\u0061": 2}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [Infinity]}',
    "-Infinity": b'{"a": -Infinity}',
    "a float that is infinite": b'{"a": 1e999}',
    "2**53": b'{"a": 9007199254740992}',
    "-2**53": b'{"a": -9007199254740992}',
    "2**53 as a float": b'{"a": 9007199254740992.0}',
    "1e20": b'{"a": 1e20}',
    "ten thousand digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "a NUL": b'{"a": "x\\u0000y"}',
    "a NUL in a key": b'{"a\\u0000": 1}',
    "a raw NUL": b'{"a": "\0"}',
    "half a surrogate pair": b'{"a": ["\\ud83e"]}',
    "a hundred thousand lists": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}
BAD_FIELDS: dict[str, dict[str, Any]] = {
    "a naive valid_at": {"valid_at": datetime(2026, 1, 1)},  # noqa: DTZ001
    "schema version 0": {"schema_version": 0},
    "an empty type": {"event_type": ""},
    "a NUL in the type": {"event_type": "a\0b"},
    "an empty id": {"event_id": ""},
    "metadata that isn't JSON": {"metadata": {"actor": object()}},
    "a huge number in metadata": {"metadata": {"n": 2**60}},
    "a duplicate key in metadata": {"metadata": {1: "a", "1": "b"}},
}
ODD_STREAM_IDS = [
    "it's", 'say "hi"', "two\nlines", "tab\tand\r", "<script>alert(1)</script>", "%s %(x)s :x ? $1", "back\\slash",
    "; DROP TABLE events; --", "ünïcödé 🧾", " ", "-", "a" * 2000, "NULL",
]  # fmt: skip


@pytest.fixture
def store(store_url: str) -> EventStore:
    return EventStore.open(store_url)


def test_payloads_that_not_everybody_reads_the_same_are_refused(store: EventStore) -> None:
    """Promise 8: amounts beyond ±(2**53 - 1) and payloads with duplicate keys are refused on append."""
    for name, payload in BAD_PAYLOADS.items():
        with pytest.raises(InvalidEvent, match=r"event 2 \('Noted'\) for stream 's' is refused"):
            store.append("s", [new_event(), new_event(payload=payload)], expected_version=0)
        assert store.read_all() == [], name


def test_the_largest_exact_amount_is_kept(store: EventStore) -> None:
    payload = b'{"a": 9007199254740991, "b": -9007199254740991, "c": 90071992547409.93, "d": "\\ud83e\\uddfe"}'
    store.append("s", [new_event(payload=payload)], expected_version=0)
    assert store.read_all()[0].payload == payload


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_fields_that_cannot_be_kept_are_refused(sqlite_url: str, name: str) -> None:
    store = EventStore.open(sqlite_url)
    with pytest.raises(InvalidEvent):
        store.append("s", [new_event(**BAD_FIELDS[name])], expected_version=0)
    assert store.read_all() == []


def test_an_event_id_is_used_once(store: EventStore) -> None:
    store.append("s", [new_event(event_id="one")], expected_version=0)
    for batch in ([new_event(event_id="one")], [new_event(event_id="two"), new_event(event_id="two")]):
        with pytest.raises(InvalidEvent, match="event id was used before"):
            store.append("t", batch, expected_version=0)
    assert len(store.read_all()) == 1


def test_nothing_to_append_is_refused(store: EventStore) -> None:
    with pytest.raises(InvalidEvent, match="nothing to append"):
        store.append("s", [], expected_version=0)
    with pytest.raises(InvalidEvent, match="nothing to append"):
        store.append_many([])
    with pytest.raises(InvalidEvent, match="nothing to append"):
        store.append_many([StreamAppend("s", 0, [new_event()]), StreamAppend("t", 0, [])])
    assert store.read_all() == []


@pytest.mark.parametrize("stream_id", ["", "a\0b", "\ud800"])
def test_stream_ids_that_no_database_keeps_are_refused(sqlite_url: str, stream_id: str) -> None:
    with pytest.raises(InvalidEvent):
        EventStore.open(sqlite_url).append(stream_id, [new_event()], expected_version=0)


def test_any_other_stream_id_works(store: EventStore) -> None:
    for stream_id in ODD_STREAM_IDS:
        (event,) = store.append(stream_id, [new_event()], expected_version=0).events
        assert store.read_stream(stream_id) == [event]
        assert event.stream_id == stream_id
    assert [event.stream_id for event in store.read_all()] == ODD_STREAM_IDS


def test_one_key_for_two_commands_is_a_conflict(store: EventStore) -> None:
    """Promise 12: checked before the expected version, which a repeat can't meet any more."""
    once = Idempotency("key", "digest", b'{"n":1}')
    store.append("s", [new_event()], expected_version=0, idempotency=once)
    assert store.append("s", [new_event()], expected_version=0, idempotency=once).repeated
    with pytest.raises(IdempotencyConflict):
        store.append("s", [new_event()], expected_version=1, idempotency=once._replace(command_digest="other"))
    with pytest.raises(IdempotencyConflict):
        store.append_many(
            [StreamAppend("s", 1, [new_event()]), StreamAppend("t", 0, [new_event()])],
            idempotency=once._replace(command_digest="other"),
        )
    with pytest.raises(IdempotencyConflict):
        store.find_reply("key", "other")
    assert store.find_reply("key", "digest") == b'{"n":1}'
    assert store.find_reply("new", "digest") is None
    assert store.stream_version("s") == 1


def test_a_failed_command_leaves_no_key_behind(store: EventStore) -> None:
    """Promise 12: key and events share a transaction, so an append that is refused leaves neither."""
    store.append("other", [new_event(event_id="taken")], expected_version=0)
    once = Idempotency("key", "digest", b"{}")
    with pytest.raises(InvalidEvent, match="used before"):
        store.append("s", [new_event(), new_event(event_id="taken")], expected_version=0, idempotency=once)
    assert store.find_reply("key", "digest") is None
    assert store.stream_version("s") == 0
    assert not store.append("s", [new_event()], expected_version=0, idempotency=once).repeated


def test_a_naive_moment_is_refused_on_reading(store: EventStore) -> None:
    with pytest.raises(UnusableInput, match="no offset"):
        store.read_stream("s", known_at=datetime(2026, 1, 1))  # noqa: DTZ001
