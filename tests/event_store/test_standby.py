"""Promise 2 where the writers' locks can't be seen: on a hot standby, and in a subscriber of logical replication."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from esworkbench.errors import StoreBusy, UnusableInput
from esworkbench.event_store import EventStore, StreamAppend
from esworkbench.event_store.postgres.sql import ONE_ROW
from tests.event_store.workers import raw_row
from tests.replicated import Server, catch_up
from tests.support import new_event

Connection = psycopg.Connection[tuple[object, ...]]


@contextmanager
def an_open_gap(url: str) -> Iterator[Connection]:
    """Positions 1 and 3 are committed; 2 is drawn by a writer that hasn't decided yet."""
    store = EventStore.open(url)
    store.append("first", [new_event()], expected_version=0)
    with psycopg.connect(url) as slow:
        slow.execute(ONE_ROW, raw_row("slow"))
        store.append("quick", [new_event()], expected_version=0)
        yield slow


def follow(store: EventStore) -> list[int]:
    """Every position that a follower sees before it is refused or at the end."""
    seen: list[int] = []
    while batch := store.read_all(after=seen[-1] if seen else 0):
        seen += [event.global_position for event in batch]
    return seen


@pytest.mark.parametrize("decide", [Connection.commit, Connection.rollback])
def test_a_follower_on_a_standby_stops_before_a_gap(
    primary_server: Server, standby_server: Server, primary_database: str, decide: Callable[[Connection], None]
) -> None:
    """Whether the missing position can still fill is known on the primary alone."""
    url = primary_server.url(primary_database)
    with an_open_gap(url) as slow:
        catch_up(primary_server, standby_server)
        store = EventStore.open(standby_server.url(primary_database), create=False)
        assert [event.global_position for event in store.read_all()] == [1]
        for read in (lambda: store.read_all(after=1), lambda: follow(store), store.settled_head):
            with pytest.raises(UnusableInput, match="follow the log on the primary") as caught:
                read()
            assert "\n" not in str(caught.value)
        decide(slow)
    catch_up(primary_server, standby_server)
    if decide is Connection.commit:
        assert follow(store) == [1, 2, 3], "and what has filled is read on"
    else:
        with pytest.raises(UnusableInput, match="position 2"):
            follow(store)
    assert [event.stream_id for event in store.read_stream("quick")] == ["quick"], "a stream is no place to skip in"


def test_a_standby_is_not_opened_to_make_tables_in(
    primary_server: Server, standby_server: Server, primary_database: str
) -> None:
    EventStore.open(primary_server.url(primary_database))
    catch_up(primary_server, standby_server)
    with pytest.raises(StoreBusy, match="takes no writes"):
        EventStore.open(standby_server.url(primary_database))
    store = EventStore.open(standby_server.url(primary_database), create=False)
    with pytest.raises(StoreBusy, match="takes no writes"):
        store.append("s", [new_event()], expected_version=0)


def test_a_follower_in_a_subscribing_database_stops_before_a_gap(primary_server: Server, primary_database: str) -> None:
    """Rows arrive there in the order of their commits, and without their writers' locks."""
    url = primary_server.url(primary_database)
    copied = f"{primary_database}_copy"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{copied}"')
    there = primary_server.url(copied)
    store = EventStore.open(there)
    EventStore.open(url)
    with psycopg.connect(url, autocommit=True) as source, psycopg.connect(there, autocommit=True) as target:
        source.execute("CREATE PUBLICATION of_events FOR TABLE events")
        # Of one server, so that the slot must be there before the subscription.
        source.execute(f"SELECT pg_create_logical_replication_slot('{copied}', 'pgoutput')")
        target.execute(
            f"CREATE SUBSCRIPTION {copied} CONNECTION 'host={primary_server.folder} port={primary_server.port} "
            f"user=postgres dbname={primary_database}' PUBLICATION of_events "
            f"WITH (create_slot = false, slot_name = '{copied}', copy_data = false)"
        )
        try:
            with an_open_gap(url) as slow:
                while target.execute("SELECT count(*) FROM events").fetchone() != (2,):
                    target.execute("SELECT pg_sleep(0.02)")
                assert [event.global_position for event in store.read_all()] == [1]
                with pytest.raises(UnusableInput, match="position 2"):
                    follow(store)
                slow.commit()
            while target.execute("SELECT count(*) FROM events").fetchone() != (3,):
                target.execute("SELECT pg_sleep(0.02)")
            assert follow(store) == [1, 2, 3]
        finally:
            target.execute(f"DROP SUBSCRIPTION {copied}")


@pytest.mark.parametrize("what", ["append", "append to two", "transaction"])
def test_a_role_that_may_only_read_is_told_so(postgres_url: str, what: str) -> None:
    """A DBA may make reading the default, for a role or a database."""
    EventStore.open(postgres_url).append("s", [new_event()], expected_version=0)
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    store = EventStore.open(postgres_url, create=False)
    assert len(store.read_all()) == 1
    writes: dict[str, Callable[[], object]] = {
        "append": lambda: store.append("s", [new_event()], expected_version=1),
        "append to two": lambda: store.append_many(
            [StreamAppend("s", 1, [new_event()]), StreamAppend("t", 0, [new_event()])]
        ),
        "transaction": store.create_tables,
    }
    with pytest.raises(StoreBusy, match="takes no writes") as caught:
        writes[what]()
    assert "\n" not in str(caught.value)
