"""Promise 4, never before commit, for other processes: what is queued is what was committed, whoever wrote it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from esworkbench.event_store import (
    ANY_VERSION,
    EventStore,
    Idempotency,
    StreamAppend,
    open_database,
    write_transaction,
)
from esworkbench.event_store.guards import grant_application
from esworkbench.event_store.postgres.sql import ONE_ROW
from esworkbench.event_store.schema import STORE_TABLES
from esworkbench.event_store.sqlite.log import INSERT
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import Backlog, backlog, disable_outbox, enable_outbox, prune, queue_again
from esworkbench.outbox.tables import OUTBOX_TABLES, outbox
from tests.event_store.workers import raw_row
from tests.support import START, StepClock, new_event


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url, clock=StepClock())
    yield store
    store.engine.dispose()


def queued(store: EventStore) -> list[int]:
    """Positions in the order in which they were queued."""
    with store.engine.connect() as connection:
        return list(connection.scalars(select(outbox.c.global_position).order_by(outbox.c.id)))


def append(store: EventStore, *event_types: str, stream: str = "s") -> list[int]:
    appended = store.append(stream, [new_event(name) for name in event_types], expected_version=ANY_VERSION)
    return [event.global_position for event in appended.events]


def insert_raw(store: EventStore, stream: str, *, keep: bool = True) -> None:
    """As a writer in another language would; on PostgreSQL and SQLite alike."""
    statement = INSERT if store.engine.dialect.name == "sqlite" else ONE_ROW
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql(statement, raw_row(stream))  # type: ignore[arg-type]
        if not keep:
            connection.rollback()


def test_every_way_of_writing_queues_the_event(store: EventStore) -> None:
    enable_outbox(store.engine)
    positions = append(store, "One") + append(store, "Two", "Three")
    two = [StreamAppend("a", 0, [new_event(), new_event()]), StreamAppend("b", 0, [new_event()])]
    positions += [event.global_position for event in store.append_many(two).events]
    once = Idempotency("key", "digest", b"{}")
    for _ in range(2):
        again = store.append("once", [new_event()], expected_version=ANY_VERSION, idempotency=once)
        positions += [event.global_position for event in again.events]
    insert_raw(store, "raw")
    positions.append(store.head_position())
    assert queued(store) == positions == [event.global_position for event in store.read_all()]


def test_what_is_rolled_back_is_not_queued(store: EventStore) -> None:
    enable_outbox(store.engine)
    insert_raw(store, "raw", keep=False)
    assert queued(store) == []
    insert_raw(store, "raw")
    assert queued(store) == [store.head_position()]


def test_it_is_queued_when_it_was_recorded(store: EventStore) -> None:
    enable_outbox(store.engine)
    recorded = store.append("s", [new_event(), new_event()], expected_version=0).events
    with store.engine.connect() as connection:
        rows = connection.execute(select(outbox.c.queued_at, outbox.c.published_at)).all()
    assert rows == [(event.recorded_at, None) for event in recorded]
    assert backlog(store.engine) == Backlog(2, START)


def test_enabling_twice_queues_once_and_disabling_ends_it(store: EventStore) -> None:
    before = append(store, "Before")
    enable_outbox(store.engine)
    enable_outbox(store.engine)
    during = append(store, "During", "During")
    disable_outbox(store.engine)
    disable_outbox(store.engine)
    append(store, "After")
    assert queued(store) == during
    assert before == [1]


AWKWARD = "it's 100%$$ :done"


def test_only_the_types_asked_for_are_queued(store: EventStore) -> None:
    enable_outbox(store.engine, ["MoneyDeposited", AWKWARD])
    first = append(store, "MoneyDeposited", "MoneyWithdrawn", AWKWARD)
    enable_outbox(store.engine, ["MoneyWithdrawn"])
    second = append(store, "MoneyDeposited", "MoneyWithdrawn", AWKWARD)
    enable_outbox(store.engine, [])
    append(store, "MoneyWithdrawn")
    assert queued(store) == [first[0], first[2], second[1]]


def test_events_from_before_are_queued_by_the_call_that_enables(store: EventStore) -> None:
    positions = append(store, "A", "B", "A", "A")
    enable_outbox(store.engine, ["A"], from_position=2)
    positions += append(store, "A")
    enable_outbox(store.engine, ["A"], from_position=1)
    assert queued(store) == [positions[2], positions[3], positions[4]]


def test_queueing_again_leaves_out_what_still_waits(store: EventStore) -> None:
    enable_outbox(store.engine)
    append(store, "A", "B", "A")
    with store.engine.begin() as connection:
        connection.execute(outbox.update().where(outbox.c.global_position != 2).values(published_at=START))
    assert queue_again(store.engine) == 2
    assert queue_again(store.engine) == 0
    assert queued(store) == [1, 2, 3, 1, 3]


def test_published_rows_can_be_pruned(store: EventStore) -> None:
    enable_outbox(store.engine)
    positions = append(store, "A", "B", "C")
    clock = StepClock()
    with store.engine.begin() as connection:
        for position in positions[:2]:
            connection.execute(outbox.update().where(outbox.c.global_position == position).values(published_at=clock()))
    assert prune(store.engine, published_before=START + clock.step) == 1
    assert queued(store) == positions[1:]
    assert len(store.read_all()) == 3


def test_a_message_is_json_on_one_line_and_comes_back_to_the_byte(store: EventStore) -> None:
    payload = '{"amount_minor": 100,\n "note":"Zürich  \\u00fc 😀"}'.encode()
    [recorded] = store.append("s", [new_event(payload=payload, valid_at=START)], expected_version=0).events
    text = OutboxMessage.of(recorded).to_json()
    assert b"\n" not in text
    assert OutboxMessage.from_json(text).recorded() == recorded
    assert set(json.loads(text)) == set(recorded.__struct_fields__)
    assert json.loads(text)["recorded_at"] == "2026-01-01T00:00:00Z"
    assert OutboxMessage.from_json(text[:-1] + b',"added_later":1}').recorded() == recorded


def test_posing_as_a_replica_or_hiding_the_table_forgets_nothing(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    enable_outbox(store.engine)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(ONE_ROW, raw_row("posing"))
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE outbox (global_position bigint, queued_at timestamptz)")
        connection.execute(ONE_ROW, raw_row("hiding"))
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SET search_path = ''")
        connection.execute(ONE_ROW.replace("INTO events", "INTO public.events"), raw_row("elsewhere"))  # type: ignore[arg-type]
    assert queued(store) == [event.global_position for event in store.read_all()] == [1, 2, 3]


def test_an_application_role_queues_and_cannot_take_the_trigger_away(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    enable_outbox(store.engine)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE relaying")
        try:
            with store.engine.begin() as granting:
                grant_application(granting, "relaying", append=STORE_TABLES, change=OUTBOX_TABLES)
            connection.execute("SET ROLE relaying")
            connection.execute(ONE_ROW, raw_row("s"))
            connection.execute("UPDATE outbox SET published_at = now()")
            connection.execute("DELETE FROM outbox_failures")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DROP TRIGGER events_to_outbox ON events")
        finally:
            connection.execute("RESET ROLE; DROP OWNED BY relaying; DROP ROLE relaying")
    assert queued(store) == [1]


def test_an_event_that_cannot_be_queued_is_not_written(store: EventStore) -> None:
    """One transaction: there is no event that nobody will be told of."""
    enable_outbox(store.engine)
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE outbox"))
    with pytest.raises(Exception, match="outbox"):
        append(store, "A")
    with pytest.raises(DBAPIError, match="outbox"):
        insert_raw(store, "raw")
    assert store.read_all() == []


def test_programs_that_start_at_once_may_all_enable_it_among_writers(postgres_url: str) -> None:
    store = EventStore.open(postgres_url)
    enable_outbox(store.engine)

    def enable_often(_number: int) -> None:
        own = open_database(postgres_url)
        for _ in range(10):
            enable_outbox(own)
        own.dispose()

    def write_often(number: int) -> None:
        own = EventStore.open(postgres_url)
        for _ in range(40):
            with own.engine.begin() as connection:
                connection.exec_driver_sql(ONE_ROW, raw_row(f"{number}-{uuid4()}"))  # type: ignore[arg-type]
        own.engine.dispose()

    with ThreadPoolExecutor(5) as pool:
        starting = [pool.submit(enable_often, number) for number in range(3)]
        writing = [pool.submit(write_often, number) for number in range(2)]
        for each in starting + writing:
            each.result(timeout=60)
    assert len(queued(store)) == len(store.read_all()) == 80
