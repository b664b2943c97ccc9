"""The order of each stream on PostgreSQL, where transactions become visible out of the order of their positions."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import psycopg
import pytest
from sqlalchemy import text

from esworkbench.event_store import ANY_VERSION, EventStore
from esworkbench.event_store.postgres.sql import ONE_ROW
from esworkbench.outbox import relay as outbox_relay
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import backlog, enable_outbox
from esworkbench.outbox.relay import RELAY_LOCK, OutboxRelay
from tests.event_store.workers import raw_row
from tests.outbox.outbox_support import Subscriber, assert_in_order, drain, write
from tests.support import new_event


@pytest.fixture
def store(postgres_url: str) -> Iterator[EventStore]:
    store = EventStore.open(postgres_url)
    enable_outbox(store.engine)
    yield store
    store.engine.dispose()


def test_a_transaction_held_open_delays_its_own_stream_and_is_not_lost(store: EventStore, postgres_url: str) -> None:
    """A relay that kept a checkpoint instead of asking what is unpublished would pass position 1 for good."""
    subscriber = Subscriber()
    with psycopg.connect(postgres_url) as slow:
        slow.execute(ONE_ROW, raw_row("slow"))
        assert write(store, "quick") == [2]
        drain(OutboxRelay(store.engine, subscriber))
        assert subscriber.got == [("quick", 1)]
        slow.commit()
    drain(OutboxRelay(store.engine, subscriber))
    assert subscriber.got == [("quick", 1), ("slow", 1)]


@pytest.mark.parametrize("expected", [0, 1, ANY_VERSION])
def test_nobody_commits_a_version_while_the_one_before_is_held_open(
    store: EventStore, postgres_url: str, expected: int
) -> None:
    """What the order rests on: whoever appends to the stream either waits or is told that it isn't there yet."""
    impatient = EventStore.open(postgres_url + "&options=-c%20lock_timeout%3D50ms")
    with psycopg.connect(postgres_url) as slow:
        slow.execute(ONE_ROW, raw_row("held"))
        with pytest.raises(Exception, match=r"lock timeout|is at version 0, not 1"):
            impatient.append("held", [new_event()], expected_version=expected)
        slow.commit()
    [written] = impatient.append("held", [new_event()], expected_version=1).events
    assert written.version == 2
    impatient.engine.dispose()


def test_relays_take_turns_and_a_dead_one_gives_its_turn_up(store: EventStore, postgres_url: str) -> None:
    other_store = EventStore.open(postgres_url)
    write(store, "a", "b")
    subscriber = Subscriber()
    other = OutboxRelay(other_store.engine, subscriber)
    others: list[int] = []

    def publish_while_another_tries(message: OutboxMessage) -> None:
        others.append(other.relay_once())
        subscriber(message)

    drain(OutboxRelay(store.engine, publish_while_another_tries))
    assert subscriber.got == [("a", 1), ("b", 1)]
    assert others == [0, 0]

    write(store, "a")
    dying = psycopg.connect(postgres_url)
    dying.execute("SELECT pg_advisory_xact_lock(%s)", (RELAY_LOCK,))
    assert drain(other) == 0
    with other_store.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": dying.info.backend_pid})
    assert drain(other) == 1
    dying.close()
    other_store.engine.dispose()


@pytest.mark.parametrize("take_turns", [True, False])
def test_the_order_holds_among_many_writers_and_relays(
    store: EventStore, postgres_url: str, take_turns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns or no turns: without them the same message goes out several times, and still never out of order."""
    if not take_turns:
        monkeypatch.setattr(outbox_relay, "_turn", lambda engine: nullcontext(True))
    subscriber, lock = Subscriber(), threading.Lock()

    def publish(message: OutboxMessage) -> None:
        with lock:
            subscriber(message)

    writing_is_over = threading.Event()
    streams = [f"s{number}" for number in range(3)]

    def relay() -> None:
        own = EventStore.open(postgres_url)
        each = OutboxRelay(own.engine, publish, batch_size=3)
        each.run(until=lambda: writing_is_over.is_set() and backlog(own.engine).queued == 0, pause=lambda: None)
        own.engine.dispose()

    def writer(number: int) -> None:
        own = EventStore.open(postgres_url)
        for turn in range(15):
            write(own, streams[(number + turn) % 3])
        own.engine.dispose()

    with ThreadPoolExecutor(7) as pool:
        relays = [pool.submit(relay) for _ in range(3)]
        try:
            list(pool.map(writer, range(4)))
        finally:
            writing_is_over.set()
        for each in relays:
            each.result(timeout=60)
    assert_in_order(subscriber.got)
    assert set(subscriber.got) == {(each.stream_id, each.version) for each in store.read_all()}
    assert len(subscriber.got) >= 60
    assert (len(subscriber.got) == 60) is take_turns
