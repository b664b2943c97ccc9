"""Positions begin at 1 and are drawn by the database alone: what stands elsewhere, no reader would ever see."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import InvalidEvent, UnusableInput
from esworkbench.event_store import ANY_VERSION, EventStore, open_database, write_transaction
from esworkbench.event_store.guards import drop_guards, grant_application
from esworkbench.event_store.schema import STORE_TABLES
from esworkbench.evidence import capture
from esworkbench.evidence.capturing.shipped_ledgers import NO_LEDGER
from tests.event_store.workers import raw_row
from tests.support import make_every_table, new_event

COLUMNS = (
    "global_position, stream_id, version, event_id, event_type, schema_version, payload, metadata, recorded_at,"
    " valid_at, prev_hash, hash"
)


def insert_at(connection: Connection, position: int, stream_id: str = "low") -> None:
    by_hand = "OVERRIDING SYSTEM VALUE " if connection.dialect.name == "postgresql" else ""
    values = ", ".join(f"'{value}'" for value in raw_row(stream_id)).replace("Noted", "MoneyDeposited")
    connection.exec_driver_sql(f"INSERT INTO events ({COLUMNS}) {by_hand}VALUES ({position}, {values})")


def as_an_earlier_release_made_it(url: str) -> EventStore:
    """The tables without what keeps positions from falling below 1."""
    store = EventStore.open(url)
    with write_transaction(store.engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE events DROP CONSTRAINT IF EXISTS events_position_range")
        else:
            drop_guards(connection)
            connection.exec_driver_sql("DROP TABLE events")
            connection.exec_driver_sql(
                "CREATE TABLE events (global_position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, stream_id TEXT NOT"
                " NULL, version INTEGER NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL, schema_version"
                " INTEGER NOT NULL, payload TEXT NOT NULL, metadata TEXT NOT NULL, recorded_at TEXT NOT NULL, valid_at"
                " TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL, CONSTRAINT events_stream_version UNIQUE"
                " (stream_id, version), CONSTRAINT events_event_id UNIQUE (event_id))"
            )
            for guard, moment, condition in OLD_SQLITE_GUARDS:
                connection.exec_driver_sql(
                    f"CREATE TRIGGER events_{guard} BEFORE {moment} ON events{condition}"
                    f" BEGIN SELECT RAISE(ABORT, 'events is append-only: {guard}'); END"
                )
    return store


OLD_SQLITE_GUARDS = (
    ("no_update", "UPDATE", ""),
    ("no_delete", "DELETE", ""),
    ("no_replace", "INSERT", " WHEN EXISTS (SELECT 1 FROM events WHERE global_position = NEW.global_position)"
     " OR EXISTS (SELECT 1 FROM events WHERE stream_id = NEW.stream_id AND version = NEW.version)"
     " OR EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id)"),
)  # fmt: skip


PAST_THE_LAST = [2**53, 2**63 - 2, 2**63 - 1]


@pytest.mark.parametrize("position", [0, -1, -7, -(2**63), *PAST_THE_LAST])
def test_no_event_stands_where_no_position_is_drawn(store_url: str, position: int) -> None:
    store = EventStore.open(store_url)
    with pytest.raises(DBAPIError, match="position"), write_transaction(store.engine) as connection:
        insert_at(connection, position)
    assert store.append("s", [new_event()], expected_version=0).events[0].global_position >= 1


@pytest.mark.parametrize("position", [0, -1, -7, *PAST_THE_LAST])
def test_a_store_of_an_earlier_release_refuses_them_once_it_was_opened(store_url: str, position: int) -> None:
    as_an_earlier_release_made_it(store_url).append("s", [new_event()], expected_version=0)
    store = EventStore.open(store_url)
    with pytest.raises(DBAPIError, match="position"), write_transaction(store.engine) as connection:
        insert_at(connection, position)
    store.append("s", [new_event()], expected_version=1)
    assert [event.stream_id for event in store.read_all()] == ["s", "s"]


@pytest.mark.parametrize("word", ["OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK"])
def test_no_way_to_write_on_sqlite_gets_past(sqlite_url: str, word: str) -> None:
    """OR IGNORE may leave the row out without a word; what counts is what stands there."""
    store = as_an_earlier_release_made_it(sqlite_url)
    with write_transaction(store.engine) as connection:
        insert_at(connection, -1)
    EventStore.open(sqlite_url)
    path = sqlite_url.removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    before = connection.execute("SELECT * FROM events").fetchall()
    for position in (0, -1, -2):
        values = ", ".join(f"'{value}'" for value in raw_row(f"low{position}"))
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"INSERT {word} INTO events ({COLUMNS}) VALUES ({position}, {values})")
    assert connection.execute("SELECT * FROM events").fetchall() == before
    connection.close()


@pytest.mark.parametrize("position", [0, -1])
def test_a_store_that_holds_such_a_row_goes_on(
    store_url: str, position: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite shows -1 as the position of every row that is yet to draw one, and so took each for that row."""
    old = as_an_earlier_release_made_it(store_url)
    with write_transaction(old.engine) as connection:
        insert_at(connection, position)
    store = EventStore.open(store_url)
    deposit = new_event("MoneyDeposited", {"amount_minor": 100, "currency": "CHF", "reference": "r"}, schema_version=3)
    store.append("s", [deposit, deposit], expected_version=0)
    store.append("s", [deposit], expected_version=2)
    assert [event.version for event in store.read_all()] == [1, 2, 3]
    assert store.stream_version("low") == 1
    for forbidden in ("UPDATE events SET payload = '{}'", "DELETE FROM events"):
        with pytest.raises(DBAPIError, match="append-only"), write_transaction(store.engine) as connection:
            connection.exec_driver_sql(forbidden)
    capture(store_url, tmp_path_factory.mktemp("evidence") / "taken", progress=False)


@pytest.mark.parametrize("position", [2**53 - 1, *PAST_THE_LAST])
def test_where_no_position_is_left_the_row_is_named_with_the_way_out(
    store_url: str, position: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite draws one more than the largest, so the row stops every writer; PostgreSQL's readers would pass it."""
    old = as_an_earlier_release_made_it(store_url)
    old.append("s", [new_event()], expected_version=0)
    with write_transaction(old.engine) as connection:
        insert_at(connection, position)
    with pytest.raises(UnusableInput, match=f"'id-low' of stream 'low' stands at position {position}") as caught:
        EventStore.open(store_url).append("s", [new_event()], expected_version=1)
    taken = capture(store_url, tmp_path_factory.mktemp("evidence") / "taken", ledger=NO_LEDGER, progress=False)
    assert taken.manifest.rows["events"] == 2
    assert taken.manifest.problem_count == (position >= 2**53)
    for statement in str(caught.value).partition("row away (")[2].partition(")")[0].split("; "):
        with write_transaction(old.engine) as connection:
            connection.exec_driver_sql(statement)
    store = EventStore.open(store_url)
    store.append("s", [new_event()], expected_version=1)
    assert [event.global_position for event in store.read_all()] == [1, 2]
    with pytest.raises(DBAPIError, match="append-only"), write_transaction(store.engine) as connection:
        connection.exec_driver_sql("DELETE FROM events")


def test_a_counter_that_was_set_to_its_end_is_told_from_a_full_disk(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    store.append("s", [new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql(f"UPDATE sqlite_sequence SET seq = {2**63 - 1}")
    with pytest.raises(UnusableInput, match="somebody set the counter of positions"):
        store.append("s", [new_event()], expected_version=1)


def test_a_row_below_1_in_the_checkpoint_log_stops_no_runner(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    row = "INSERT INTO checkpoint_log ({}projection, from_position, to_position, run_id, code_version, saved_at) VALUES"
    with write_transaction(store.engine) as connection:
        make_every_table(connection)
    with pytest.raises(DBAPIError, match="id"), write_transaction(store.engine) as connection:
        connection.exec_driver_sql(row.format("id, ") + " (-1, 'p', 1, 1, 'r', 'c', 't')")
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql(row.format("") + " ('p', 1, 1, 'r', 'c', 't')")


def test_what_is_refused_is_called_by_its_name(sqlite_url: str) -> None:
    """Only an id that was used before is told to be one."""
    store = EventStore.open(sqlite_url)
    store.append("s", [new_event(event_id="one")], expected_version=0)
    with pytest.raises(InvalidEvent, match="event id was used before, 'one'"):
        store.append("t", [new_event(event_id="two"), new_event(event_id="one")], expected_version=0)
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER theirs BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'closed for the audit'); END"
        )
    with pytest.raises(InvalidEvent, match="closed for the audit") as caught:
        store.append("s", [new_event()], expected_version=1)
    assert "used before" not in str(caught.value)


def test_opening_an_old_store_waits_for_no_reader_and_the_next_opening_makes_up_for_it(postgres_url: str) -> None:
    as_an_earlier_release_made_it(postgres_url).append("s", [new_event()], expected_version=0)
    impatient = make_url(postgres_url).update_query_dict({"options": "-c lock_timeout=200ms"})
    with open_database(postgres_url).begin() as reader:
        reader.exec_driver_sql("SELECT * FROM events").all()
        store = EventStore.open(impatient.render_as_string(hide_password=False))
        store.append("s", [new_event()], expected_version=1)
    store = EventStore.open(postgres_url)
    with pytest.raises(DBAPIError, match="position"), write_transaction(store.engine) as connection:
        insert_at(connection, 0)


@pytest.fixture
def application(postgres_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that is the least role, in a store with a dead gap at position 2; granted by an earlier release."""
    store = EventStore.open(postgres_url)
    store.append("s", [new_event()], expected_version=0)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("SELECT nextval('events_global_position_seq')")
    store.append("s", [new_event()], expected_version=1)
    role = f"app_{make_url(postgres_url).database}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT SELECT, INSERT ON events TO {}").format(sql.Identifier(role)))
        with store.engine.begin() as granting:
            grant_application(granting, role, append=STORE_TABLES)
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        yield connection
        connection.execute("RESET ROLE")
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


VALUES = ", ".join(f"'{value}'" for value in raw_row("late"))
NAMES_A_POSITION = {
    "overriding": f"INSERT INTO events ({COLUMNS}) OVERRIDING SYSTEM VALUE VALUES (2, {VALUES})",
    "all columns": f"INSERT INTO events OVERRIDING SYSTEM VALUE VALUES (2, {VALUES})",
    "merge": f"MERGE INTO events e USING (SELECT 1) AS n ON false WHEN NOT MATCHED THEN INSERT ({COLUMNS})"
    f" OVERRIDING SYSTEM VALUE VALUES (2, {VALUES})",
    "copy": f"COPY events ({COLUMNS}) FROM STDIN",
    "set the sequence back": "SELECT setval('events_global_position_seq', 1)",
    "draw a position": "SELECT nextval('events_global_position_seq')",
}


@pytest.mark.parametrize("way", NAMES_A_POSITION)
def test_the_application_role_fills_no_dead_gap(
    application: psycopg.Connection[tuple[object, ...]], postgres_url: str, way: str
) -> None:
    """Promise 2: a row put there would stand below every checkpoint, where no reader looks again."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute(NAMES_A_POSITION[way])
    assert [event.global_position for event in EventStore.open(postgres_url, create=False).read_all()] == [1, 3]


def test_the_application_role_appends_as_ever(
    application: psycopg.Connection[tuple[object, ...]], postgres_url: str
) -> None:
    """One event, a batch in one parameter, a batch that is copied, and several streams: each statement of ours."""
    name = application.execute("SELECT current_user").fetchall()[0][0]
    url = make_url(postgres_url).update_query_dict({"options": f"-c role={name}"}).render_as_string(hide_password=False)
    store = EventStore.open(url, create=False)
    for size in (1, 5, 150):
        store.append("t", [new_event() for _ in range(size)], expected_version=ANY_VERSION)
    assert store.stream_version("t") == 156


CACHES = {
    "a cache": "ALTER TABLE events ALTER COLUMN global_position SET CACHE 20",
    "a cache of two": "ALTER SEQUENCE events_global_position_seq CACHE 2",
    "counting down": "ALTER SEQUENCE events_global_position_seq INCREMENT BY -1 MINVALUE -100",
    "beginning again": "ALTER SEQUENCE events_global_position_seq CYCLE",
    "set back": "SELECT setval('events_global_position_seq', 1)",
}


@pytest.mark.parametrize("what", CACHES)
@pytest.mark.parametrize("create", [True, False])
def test_positions_that_would_be_drawn_out_of_order_are_refused_on_opening(
    postgres_url: str, what: str, create: bool
) -> None:
    """Promise 2: each connection would hand out positions of its own store, below what others have committed."""
    store = EventStore.open(postgres_url)
    store.append("s", [new_event(), new_event(), new_event()], expected_version=0)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(CACHES[what])
    with pytest.raises(UnusableInput, match="events_global_position_seq") as caught:
        EventStore.open(postgres_url, create=create)
    remedy = str(caught.value).rpartition("run ")[2].partition(";")[0].strip()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(remedy)
    store = EventStore.open(postgres_url, create=create)
    assert store.append("s", [new_event()], expected_version=3).events[0].global_position == 4


def test_a_sequence_set_back_behind_an_open_store_ends_in_a_sentence(postgres_url: str) -> None:
    """Trying again until the sequence has passed what is there would fill the old gaps on the way."""
    store = EventStore.open(postgres_url)
    store.append("s", [new_event(), new_event()], expected_version=0)
    for expected_version in (ANY_VERSION, 2):
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SELECT setval('events_global_position_seq', 1)")
        with pytest.raises(UnusableInput, match="was set back"):
            store.append("s", [new_event()], expected_version=expected_version)
    assert len(store.read_all()) == 2


def test_a_sequence_that_no_role_may_look_at_is_no_reason_to_refuse(
    application: psycopg.Connection[tuple[object, ...]], postgres_url: str
) -> None:
    name = application.execute("SELECT current_user").fetchall()[0][0]
    url = make_url(postgres_url).update_query_dict({"options": f"-c role={name}"}).render_as_string(hide_password=False)
    assert EventStore.open(url, create=False).head_position() == 3
