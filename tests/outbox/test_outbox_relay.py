"""At least once, and in the order of each stream: what a relay holds to, whatever fails, dies or comes in between."""

import logging
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from esworkbench.errors import MessageRefused, SubscriberUnavailable, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import Backlog, backlog, enable_outbox, queue_again
from esworkbench.outbox.parked import let_stream_go_on, parked_messages, retry
from esworkbench.outbox.relay import OutboxRelay, doubling
from esworkbench.outbox.tables import outbox
from tests.outbox.outbox_support import SetClock, Subscriber, assert_in_order, drain, write
from tests.support import START, StepClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url, clock=StepClock())
    enable_outbox(store.engine)
    yield store
    store.engine.dispose()


@pytest.fixture
def subscriber() -> Subscriber:
    return Subscriber()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def test_messages_go_out_once_each_by_position_and_are_marked(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    write(store, "a", "b", "a", "c", "b")
    relay = OutboxRelay(store.engine, subscriber, batch_size=2, clock=clock)
    assert [relay.relay_once() for _ in range(4)] == [2, 2, 1, 0]
    assert subscriber.got == [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("b", 2)]
    with store.engine.connect() as connection:
        assert set(connection.scalars(select(outbox.c.published_at))) == {clock.now}
    assert backlog(store.engine) == Backlog(0, None)


class Died(BaseException):
    """Stands for a SIGKILL; real ones are in ``tests/projections/test_killed_relay.py``."""


def test_what_was_published_and_not_marked_comes_again(store: EventStore, subscriber: Subscriber) -> None:
    write(store, "a", "a", "b")

    def die(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE outbox"):
            raise Died

    event.listen(store.engine, "before_cursor_execute", die)
    with pytest.raises(Died):
        OutboxRelay(store.engine, subscriber).relay_once()
    event.remove(store.engine, "before_cursor_execute", die)
    write(store, "a")
    drain(OutboxRelay(store.engine, subscriber))
    assert subscriber.got == [("a", 1), ("a", 2), ("b", 1), ("a", 1), ("a", 2), ("b", 1), ("a", 3)]


def test_a_failure_holds_back_its_own_stream_only(store: EventStore, subscriber: Subscriber, clock: SetClock) -> None:
    write(store, "a", "a", "b", "a", "c")
    subscriber.refuses = {("a", 2)}
    relay = OutboxRelay(store.engine, subscriber, clock=clock)
    drain(relay)
    write(store, "a", "b")
    drain(relay)
    assert subscriber.got == [("a", 1), ("b", 1), ("c", 1), ("b", 2)]

    subscriber.refuses = set()
    clock.now += SECOND - timedelta(microseconds=1)
    assert drain(relay) == 0, "it waits for as long as the backoff says"
    clock.now += timedelta(microseconds=1)
    drain(relay)
    assert subscriber.got[4:] == [("a", 2), ("a", 3), ("a", 4)]
    assert parked_messages(store.engine) == []


def test_the_wait_doubles_up_to_five_minutes() -> None:
    assert [doubling(attempts).total_seconds() for attempts in (1, 2, 3, 9, 10, 60)] == [1, 2, 4, 256, 300, 300]


def fail_until_parked(store: EventStore, subscriber: Subscriber, clock: SetClock, **options: Any) -> int:
    """Three attempts, each by a relay that has just been started. Returns the attempts made."""
    before = subscriber.asked
    for _ in range(5):
        drain(OutboxRelay(store.engine, subscriber, attempts=3, clock=clock, **options))
        clock.now += timedelta(hours=1)
    return subscriber.asked - before


def test_a_message_is_parked_after_its_attempts_and_its_stream_waits(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    [position, *_] = write(store, "a", "a", "b", "b")
    subscriber.refuses = {("a", 1)}
    assert fail_until_parked(store, subscriber, clock) == 3 + 2
    [parked] = parked_messages(store.engine)
    assert parked == (position, "a", 3, "MessageRefused: not this one", START + timedelta(hours=2), True)
    assert subscriber.got == [("b", 1), ("b", 2)]
    assert backlog(store.engine).queued == 1, "what waits behind the parked one"


def test_a_parked_message_that_was_mended_goes_out_first(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    [position, *_] = write(store, "a", "a")
    subscriber.refuses = {("a", 1)}
    fail_until_parked(store, subscriber, clock)
    subscriber.refuses = set()
    retry(store.engine, position)
    drain(OutboxRelay(store.engine, subscriber, clock=clock))
    assert subscriber.got == [("a", 1), ("a", 2)]
    assert parked_messages(store.engine) == []


def test_a_stream_goes_on_without_its_parked_message_where_somebody_says_so(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    [position, *_] = write(store, "a", "a")
    subscriber.refuses = {("a", 1)}
    fail_until_parked(store, subscriber, clock)
    let_stream_go_on(store.engine, position)
    write(store, "a")
    drain(OutboxRelay(store.engine, subscriber, clock=clock))
    assert subscriber.got == [("a", 2), ("a", 3)]
    [record] = parked_messages(store.engine)
    assert (record.global_position, record.holds_stream) == (position, False)
    assert backlog(store.engine).queued == 0


def test_streams_go_on_by_themselves_where_each_message_stands_alone(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    write(store, "a", "a", "b")
    subscriber.refuses = {("a", 1)}
    fail_until_parked(store, subscriber, clock, hold_parked_streams=False)
    assert subscriber.got == [("b", 1), ("a", 2)]
    assert len(parked_messages(store.engine)) == 1


def test_an_error_with_words_that_no_database_holds_stops_nobody(store: EventStore, subscriber: Subscriber) -> None:
    write(store, "a", "b")

    def publish(message: OutboxMessage) -> None:
        if message.stream_id == "a":
            raise ValueError("NUL \0 and half a pair \ud800")
        subscriber(message)

    OutboxRelay(store.engine, publish, attempts=1).relay_once()
    assert subscriber.got == [("b", 1)]
    assert parked_messages(store.engine)[0].error == "ValueError: NUL \\0 and half a pair \\ud800"


def test_only_what_is_parked_can_be_retried_or_left_out(store: EventStore) -> None:
    [position] = write(store, "a")
    for operation in (retry, let_stream_go_on):
        with pytest.raises(UnusableInput, match="no parked message"):
            operation(store.engine, position)


def test_streams_that_wait_fill_no_batch(store: EventStore, subscriber: Subscriber, clock: SetClock) -> None:
    write(store, *["stuck"] * 9, "free")
    subscriber.refuses = {("stuck", 1)}
    relay = OutboxRelay(store.engine, subscriber, batch_size=3, clock=clock)
    relay.relay_once()
    relay.relay_once()
    assert subscriber.got == [("free", 1)]


def test_a_subscriber_that_is_away_costs_no_message_an_attempt(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    write(store, "a", "b", "c")
    relay = OutboxRelay(store.engine, subscriber, attempts=1, clock=clock)

    def leave_after_the_first(message: OutboxMessage) -> None:
        subscriber(message)
        subscriber.is_away = True

    relay.publish = leave_after_the_first
    for _ in range(5):
        with pytest.raises(SubscriberUnavailable):
            relay.relay_once()
    assert subscriber.asked == 6, "it isn't asked for the third while it is away for the second"
    subscriber.is_away, relay.publish = False, subscriber
    drain(relay)
    assert subscriber.got == [("a", 1), ("b", 1), ("c", 1)], "and what it had was marked"
    assert parked_messages(store.engine) == []


def test_a_running_relay_pauses_only_when_there_is_nothing_to_do(
    store: EventStore, subscriber: Subscriber, caplog: pytest.LogCaptureFixture
) -> None:
    write(store, "a", "b", "c")
    pauses: list[int] = []

    def pause() -> None:
        pauses.append(len(subscriber.got))
        subscriber.is_away = len(pauses) == 1
        if len(pauses) == 1:
            write(store, "a")

    relay = OutboxRelay(store.engine, subscriber, batch_size=2)
    with caplog.at_level(logging.WARNING):
        relay.run(until=lambda: len(pauses) == 3, pause=pause)
    assert pauses == [3, 3, 4]
    assert caplog.messages == ["the outbox waits: away"]


def test_events_queued_again_pass_a_parked_message_that_waits_for_them(
    store: EventStore, subscriber: Subscriber, clock: SetClock
) -> None:
    """The subscriber lost what it had confirmed, and refuses what comes next until it has that again."""
    write(store, "a")
    relay = OutboxRelay(store.engine, subscriber, clock=clock)
    drain(relay)
    [later] = write(store, "a")
    subscriber.refuses = {("a", 2)}
    fail_until_parked(store, subscriber, clock)
    queue_again(store.engine)
    subscriber.refuses = set()
    drain(relay)
    assert subscriber.got == [("a", 1), ("a", 1)]
    retry(store.engine, later)
    drain(relay)
    assert subscriber.got == [("a", 1), ("a", 1), ("a", 2)]


def test_relays_inside_each_other_do_no_worse_than_duplicates(sqlite_url: str) -> None:
    """On SQLite nothing makes relays take turns. In the middle of each publish another one does a whole batch."""
    store = EventStore.open(sqlite_url)
    enable_outbox(store.engine)
    write(store, "a", "a", "b", "a", "b", "a")
    subscriber = Subscriber()
    inner = OutboxRelay(store.engine, subscriber, batch_size=2)

    def publish_amid_another(message: OutboxMessage) -> None:
        inner.relay_once()
        subscriber(message)

    drain(OutboxRelay(store.engine, publish_amid_another, batch_size=4))
    assert_in_order(subscriber.got)
    assert set(subscriber.got) == {("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1), ("b", 2)}
    assert len(subscriber.got) > 6


def assert_order_survives(store: EventStore, seed: int) -> None:
    """Writers, failures, absences, deaths before the mark and new relays, all at random."""
    rng, clock, subscriber = random.Random(seed), SetClock(), Subscriber()
    streams = [f"s{number}" for number in range(4)]

    def publish(message: OutboxMessage) -> None:
        trouble = rng.random()
        if trouble < 0.1:
            raise SubscriberUnavailable("for a moment")
        if trouble < 0.3:
            raise MessageRefused("for now")
        subscriber(message)
        if trouble > 0.9:
            raise MessageRefused("it had it, but the answer was lost")

    for _ in range(40):
        write(store, *rng.choices(streams, k=rng.randint(0, 3)))
        relay = OutboxRelay(store.engine, publish, batch_size=rng.randint(1, 8), attempts=10**6, clock=clock)
        try:
            relay.relay_once()
        except SubscriberUnavailable:
            clock.now += SECOND * rng.randint(0, 5)
    clock.now += timedelta(days=1)
    drain(OutboxRelay(store.engine, subscriber, clock=clock))
    assert_in_order(subscriber.got)
    assert set(subscriber.got) == {(each.stream_id, each.version) for each in store.read_all()}


def test_order_survives_failures_at_random(store: EventStore) -> None:
    assert_order_survives(store, seed=5)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100))
def test_order_survives_many_failures_at_random(store: EventStore, seed: int) -> None:
    assert_order_survives(store, seed)
