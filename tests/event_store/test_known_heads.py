"""A store that remembers a stream's head saves a round trip, and is never misled by what it remembers (1, 12)."""

import psycopg
import pytest
from sqlalchemy import text

from esworkbench.errors import ConcurrencyError, IdempotencyConflict
from esworkbench.event_store import EventStore, Idempotency, write_transaction
from esworkbench.event_store.guards import drop_guards
from esworkbench.event_store.postgres.append import WORTH_COPYING
from tests.support import new_event

KEY = Idempotency("key-1", "digest", b"{}")


def test_a_head_that_moved_on_elsewhere_is_a_conflict_with_both_versions(store_url: str) -> None:
    here, elsewhere = EventStore.open(store_url), EventStore.open(store_url)
    here.append("stream", [new_event()], expected_version=0)
    elsewhere.append("stream", [new_event(), new_event()], expected_version=1)
    with pytest.raises(ConcurrencyError) as refused:
        here.append("stream", [new_event()], expected_version=1, idempotency=KEY)
    assert (refused.value.expected, refused.value.actual) == (1, 3)
    assert here.find_reply(KEY.key, KEY.command_digest) is None
    assert here.append("stream", [new_event()], expected_version=3).events[0].version == 4


def test_a_key_is_found_before_the_version_is_judged(store_url: str) -> None:
    store = EventStore.open(store_url)
    store.append("stream", [new_event()], expected_version=0, idempotency=KEY)
    assert store.append("stream", [new_event()], expected_version=1, idempotency=KEY).repeated
    with pytest.raises(IdempotencyConflict):
        store.append("stream", [new_event()], expected_version=1, idempotency=KEY._replace(command_digest="other"))
    assert store.stream_version("stream") == 1


@pytest.mark.parametrize("count", [1, 3, WORTH_COPYING])
def test_a_head_that_was_taken_away_leaves_no_gap_behind(store_url: str, count: int) -> None:
    store = EventStore.open(store_url)
    store.append("stream", [new_event(), new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        connection.execute(text("DELETE FROM events WHERE version = 2"))
    with pytest.raises(ConcurrencyError) as refused:
        store.append("stream", [new_event() for _ in range(count)], expected_version=2)
    assert (refused.value.expected, refused.value.actual) == (2, 1)
    assert store.stream_version("stream") == 1


def test_the_chain_goes_on_from_what_another_store_wrote(store_url: str) -> None:
    here, elsewhere = EventStore.open(store_url), EventStore.open(store_url)
    here.append("stream", [new_event()], expected_version=0)
    elsewhere.append("stream", [new_event()], expected_version=1)
    recorded = here.read_stream("stream")
    added = here.append("stream", [new_event(), new_event()], expected_version=2, idempotency=KEY).events
    assert [event.prev_hash for event in added] == [recorded[-1].hash, added[0].hash]
    assert here.read_stream("stream") == recorded + added


@pytest.mark.parametrize("count", [1, 3])
def test_whoever_has_read_the_stream_appends_with_one_statement(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    EventStore.open(postgres_url).append("stream", [new_event()], expected_version=0)
    store = EventStore.open(postgres_url)
    store.read_stream("stream")
    statements = []
    execute = psycopg.Cursor.execute

    def counting(self: object, query: object, *rest: object, **named: object) -> object:
        statements.append(query)
        return execute(self, query, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    store.append("stream", [new_event() for _ in range(count)], expected_version=1, idempotency=KEY)
    assert len(statements) == 1
