"""Promise 2 on PostgreSQL, moment by moment: where the naive reader skips an event, ours doesn't.

Nothing here is left to luck: the reader's pause is replaced by a step of the story.
"""

import logging
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy.engine import make_url

from esworkbench.event_store import EventStore
from esworkbench.event_store.postgres import log as postgres_log
from esworkbench.event_store.postgres import sql as postgres_sql
from tests.event_store.workers import raw_row
from tests.support import new_event, replace_sleep

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def store(postgres_url: str) -> EventStore:
    """Fails, rather than hangs, where a writer would wait for another."""
    url = make_url(postgres_url).update_query_dict({"options": "-c lock_timeout=5s"})
    return EventStore.open(url.render_as_string(hide_password=False))


@pytest.fixture
def connect(store: EventStore, postgres_url: str) -> Iterator[Callable[[], Connection]]:
    """Opens connections of other writers; each closes without commit when the test ends."""
    opened: list[Connection] = []

    def connect() -> Connection:
        opened.append(psycopg.connect(postgres_url))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def while_reader_waits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Callable[[], object]]]:
    """Steps to take instead of the reader's pauses, one per pause; a pause without a step fails the test."""

    def set_steps(*steps: Callable[[], object]) -> list[Callable[[], object]]:
        left = list(steps)

        def next_step(_seconds: float) -> None:
            assert left, "the reader waits for somebody it should not wait for"
            left.pop(0)()

        replace_sleep(monkeypatch, postgres_log, next_step)
        return left

    return set_steps


def begin_writing(connection: Connection, stream_id: str) -> None:
    """Draw a position and leave the transaction open."""
    connection.execute(postgres_sql.ONE_ROW, raw_row(stream_id))


def naive_read_all(connection: Connection, after: int) -> list[int]:
    rows = connection.execute("SELECT global_position FROM events WHERE global_position > %s ORDER BY 1", (after,))
    return [int(str(position)) for (position,) in rows]


def positions(store: EventStore, after: int = 0) -> list[int]:
    return [event.global_position for event in store.read_all(after=after)]


def test_the_naive_reader_skips_an_event_for_good(
    store: EventStore, connect: Callable[[], Connection], while_reader_waits: Callable[..., list[object]]
) -> None:
    slow, naive = connect(), connect()
    naive.autocommit = True
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)

    assert naive_read_all(naive, after=0) == [2]
    left = while_reader_waits(slow.commit)
    assert positions(store) == [1, 2]
    assert left == []
    assert naive_read_all(naive, after=2) == [], "its checkpoint is past event 1, which it never saw"


def test_a_gap_left_by_a_rollback_is_passed(
    store: EventStore, connect: Callable[[], Connection], while_reader_waits: Callable[..., list[object]]
) -> None:
    slow = connect()
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)
    left = while_reader_waits(slow.rollback)
    assert positions(store) == [2]
    assert left == []
    assert positions(store) == [2], "and passed again without a pause, now that nobody writes"


def test_a_settled_head_waits_for_whoever_may_still_fill_a_gap_below_it(
    store: EventStore, connect: Callable[[], Connection], while_reader_waits: Callable[..., list[object]]
) -> None:
    slow, later = connect(), connect()
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)
    left = while_reader_waits(lambda: begin_writing(later, "later"), slow.commit)
    assert store.settled_head() == 2
    assert left == []


def test_writers_that_came_later_are_not_waited_for(
    store: EventStore, connect: Callable[[], Connection], while_reader_waits: Callable[..., list[object]]
) -> None:
    slow, later = connect(), connect()
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)
    left = while_reader_waits(lambda: begin_writing(later, "later"), slow.commit)
    assert positions(store) == [1, 2]
    assert left == []


def test_a_commit_between_the_two_looks_is_seen(
    store: EventStore, connect: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder is gone when the reader looks for holders, but its event wasn't there in the first read."""
    slow = connect()
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)
    look = postgres_log._holders

    def commit_then_look(connection: Connection) -> dict[str, int]:
        slow.commit()
        return look(connection)

    monkeypatch.setattr(postgres_log, "_holders", commit_then_look)
    assert positions(store) == [1, 2]


def test_an_event_that_appears_during_the_wait_may_have_gaps_of_its_own(
    store: EventStore, connect: Callable[[], Connection], while_reader_waits: Callable[..., list[object]]
) -> None:
    slow, second = connect(), connect()
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)

    def meanwhile() -> None:
        begin_writing(second, "second")
        store.append("quick", [new_event()], expected_version=1)
        slow.commit()

    while_reader_waits(meanwhile, second.commit)
    assert positions(store) == [1, 2], "4 is there by now, but 3 is still being written"
    assert positions(store, after=2) == [3, 4]


def test_writers_to_different_streams_never_wait_for_each_other(
    store: EventStore, connect: Callable[[], Connection]
) -> None:
    slow = connect()
    begin_writing(slow, "slow")
    other = connect()
    other.execute("SET lock_timeout = '1ms'")
    begin_writing(other, "other")
    other.commit()


def test_a_long_wait_says_whom_it_waits_for(
    store: EventStore,
    connect: Callable[[], Connection],
    while_reader_waits: Callable[..., list[object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow = connect()
    begin_writing(slow, "slow")
    store.append("quick", [new_event()], expected_version=0)
    while_reader_waits(*[lambda: None] * 150, slow.commit)
    with caplog.at_level(logging.WARNING):
        assert positions(store) == [1, 2]
    assert [str(slow.info.backend_pid) in message for message in caplog.messages] == [True]
