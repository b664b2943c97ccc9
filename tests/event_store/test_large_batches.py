"""A large batch takes another way into PostgreSQL than a small one, COPY, and keeps every promise on it (1, 2, 12)."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from esworkbench.errors import ConcurrencyError, IdempotencyConflict, InvalidEvent
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, StreamAppend
from esworkbench.event_store.postgres import log as postgres_log
from esworkbench.event_store.postgres.append import WORTH_COPYING
from esworkbench.event_store.postgres.sql import COPIED
from tests.event_store.test_races import assert_unforked
from tests.support import new_event, replace_sleep

KEY = Idempotency("key-1", "digest", b'{"n":1}')
ODD = {"text": 'tab\t, newline\n, backslash \\N \\. and "quotes", ünïcödé 🧾', "null": None, "empty": ""}


def many(**fields: Any) -> list[Any]:
    return [new_event(payload={"number": number, **ODD}, **fields) for number in range(WORTH_COPYING)]


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    yield store
    store.engine.dispose()


def test_what_is_returned_is_what_is_stored(store: EventStore) -> None:
    first = store.append("stream", many(), expected_version=0).events
    store.append("other", [new_event()], expected_version=0)
    second = store.append("stream", many(), expected_version=WORTH_COPYING, idempotency=KEY).events
    third = store.append("stream", many(), expected_version=ANY_VERSION).events
    assert store.read_stream("stream") == first + second + third
    assert_unforked(first + second + third)
    assert [event.global_position for event in store.read_all(after=0)] == sorted(
        event.global_position for event in [*first, *store.read_stream("other"), *second, *third]
    )


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_stale_version_is_a_conflict_with_nothing_written(
    store_url: str, store: EventStore, seen_before: bool
) -> None:
    elsewhere = EventStore.open(store_url)
    (store if seen_before else elsewhere).append("stream", [new_event()], expected_version=0)
    elsewhere.append("stream", [new_event()], expected_version=1)
    with pytest.raises(ConcurrencyError) as refused:
        store.append("stream", many(), expected_version=1, idempotency=KEY)
    assert (refused.value.expected, refused.value.actual) == (1, 2)
    assert store.find_reply(KEY.key, KEY.command_digest) is None
    assert store.stream_version("stream") == 2
    elsewhere.engine.dispose()


def test_a_repeated_command_is_answered_and_not_written_again(store: EventStore) -> None:
    store.append("stream", many(), expected_version=0, idempotency=KEY)
    again = store.append("stream", many(), expected_version=WORTH_COPYING, idempotency=KEY)
    assert (again.repeated, again.reply) == (True, KEY.reply)
    with pytest.raises(IdempotencyConflict):
        store.append("stream", many(), expected_version=0, idempotency=KEY._replace(command_digest="other"))
    assert store.stream_version("stream") == WORTH_COPYING


def test_an_id_used_before_undoes_the_whole_batch(store: EventStore) -> None:
    store.append("stream", [new_event(event_id="one")], expected_version=0)
    with pytest.raises(InvalidEvent, match="event id was used before"):
        store.append("stream", [*many(), new_event(event_id="one")], expected_version=1, idempotency=KEY)
    assert store.stream_version("stream") == 1
    assert store.find_reply(KEY.key, KEY.command_digest) is None


def test_several_streams_and_a_reply_share_one_transaction(store: EventStore) -> None:
    result = store.append_many([StreamAppend("a", 0, many()), StreamAppend("b", 0, many())], idempotency=KEY)
    assert store.find_reply(KEY.key, KEY.command_digest) == result.reply == KEY.reply
    assert [event.version for event in store.read_stream("b")] == list(range(1, WORTH_COPYING + 1))


def test_a_reader_waits_for_a_copy_under_way(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writers' lock is held before COPY draws its first position."""
    store, reader, quick = (EventStore.open(postgres_url) for _ in range(3))
    waits: list[float] = []
    execute = psycopg.Cursor.execute

    def before_the_positions_are_read(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        if query == COPIED:
            quick.append("quick", [new_event()], expected_version=0)
            replace_sleep(monkeypatch, postgres_log, waits.append)
            monkeypatch.setattr(postgres_log, "_holders", _held_until_waited_for(postgres_log._holders, waits))
            assert [event.stream_id for event in reader.read_all()] == ["quick"]
        return execute(self, query, *rest, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", before_the_positions_are_read)
    store.append("stream", many(), expected_version=0)
    assert waits, "it passed the gap without waiting"


def _held_until_waited_for(look: Any, waits: list[float]) -> Any:
    """Who holds the lock, until the reader has waited once; then nobody, so that the test can go on."""
    return lambda connection: {} if waits else look(connection)
