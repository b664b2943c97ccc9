"""Promise 5, never rewritten: every statement that could rewrite history is refused by the database itself."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.guards import create_guards, drop_guards, grant_application
from esworkbench.event_store.schema import STORE_TABLES
from esworkbench.projections import tables
from tests.support import SequentialIds, StepClock, make_every_table, new_event

COLUMNS = (
    "stream_id, version, event_id, event_type, schema_version, payload, metadata,"
    " recorded_at, valid_at, prev_hash, hash"
)
FORGED = "'s', 1, 'event-1', 'Forged', 1, '{}', '{}', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'x', 'x'"
FRESH_ID = FORGED.replace("event-1", "event-9")
FRESH_PLACE = FORGED.replace("'s', 1", "'s', 9")

ON_BOTH = {
    "update": "UPDATE events SET payload = '{}' WHERE version = 1",
    "update all": "UPDATE events SET hash = 'x'",
    "update to the same": "UPDATE events SET payload = payload",
    "move": "UPDATE events SET stream_id = 'elsewhere'",
    "delete": "DELETE FROM events WHERE version = 1",
    "delete all": "DELETE FROM events",
    "insert the same version": f"INSERT INTO events ({COLUMNS}) VALUES ({FRESH_ID})",
    "insert the same id": f"INSERT INTO events ({COLUMNS}) VALUES ({FRESH_PLACE})",
    "upsert on version": f"INSERT INTO events ({COLUMNS}) VALUES ({FRESH_ID})"
    " ON CONFLICT (stream_id, version) DO UPDATE SET payload = '{}'",
    "upsert on id": f"INSERT INTO events ({COLUMNS}) VALUES ({FRESH_PLACE})"
    " ON CONFLICT (event_id) DO UPDATE SET payload = '{}'",
    "delete from log": "DELETE FROM checkpoint_log",
    "update log": "UPDATE checkpoint_log SET to_position = 99",
}
ON_SQLITE = {
    "replace by version": f"INSERT OR REPLACE INTO events ({COLUMNS}) VALUES ({FRESH_ID})",
    "replace by id": f"REPLACE INTO events ({COLUMNS}) VALUES ({FRESH_PLACE})",
    "replace by position": f"REPLACE INTO events (global_position, {COLUMNS}) VALUES (1, {FRESH_PLACE})".replace(
        "event-1", "event-9"
    ),
    "replace by rowid": f"REPLACE INTO events (rowid, {COLUMNS}) VALUES (1, {FRESH_PLACE})".replace(
        "event-1", "event-9"
    ),
    "replace from a select": "INSERT OR REPLACE INTO events SELECT * FROM events WHERE version = 1",
    "update or replace": "UPDATE OR REPLACE events SET version = 1 WHERE version = 2",
    "update or ignore": "UPDATE OR IGNORE events SET payload = '{}'",
    "update with a join": "UPDATE events SET payload = e.payload FROM events AS e",
    "replace in log": "REPLACE INTO checkpoint_log (id, projection, from_position, to_position, run_id, code_version,"
    " saved_at) VALUES (1, 'p', 1, 1, 'r', 'c', 't')",
}
ON_POSTGRES = {
    "truncate": "TRUNCATE events",
    "truncate cascade": "TRUNCATE events, checkpoint_log CASCADE",
    "truncate log": "TRUNCATE checkpoint_log",
    "delete using": "DELETE FROM events USING (SELECT 1) AS x",
    "update in a with": "WITH x AS (UPDATE events SET payload = '{}' RETURNING 1) SELECT * FROM x",
    "merge into update": "MERGE INTO events e USING (SELECT 's' AS s) n ON e.stream_id = n.s"
    " WHEN MATCHED THEN UPDATE SET payload = '{}'",
    "merge into delete": "MERGE INTO events e USING (SELECT 's' AS s) n ON e.stream_id = n.s WHEN MATCHED THEN DELETE",
    "position by hand": f"INSERT INTO events (global_position, {COLUMNS}) VALUES (1, {FRESH_PLACE})",
}

REASONS = ("append-only", "duplicate key", 'cannot insert a non-DEFAULT value into column "global_position"')


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    store = EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("event"))
    store.append("s", [new_event(), new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        make_every_table(connection)
        connection.exec_driver_sql(
            "INSERT INTO checkpoint_log (projection, from_position, to_position, run_id, code_version, saved_at)"
            " VALUES ('p', 1, 2, 'r', 'c', '2026-01-01T00:00:00Z')"
        )
    before = everything(store.engine)
    yield store.engine
    assert everything(store.engine) == before


def everything(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [
            tuple(row)
            for table in ("events", "checkpoint_log")
            for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1")
        ]


def attempt(engine: Engine, *statements: str) -> None:
    with write_transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def refused(engine: Engine, *statements: str) -> bool:
    try:
        attempt(engine, *statements)
    except DBAPIError as error:
        # A statement with a slip in it is refused as well, and proves nothing.
        return any(reason in str(error.orig) for reason in REASONS)
    return False


def test_no_statement_rewrites_history(engine: Engine) -> None:
    assert [name for name, statement in ON_BOTH.items() if not refused(engine, statement)] == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_no_sqlite_statement_rewrites_history(engine: Engine, recursive: str) -> None:
    """With recursive triggers on or off: off is where REPLACE skips the delete trigger."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"PRAGMA recursive_triggers = {recursive}")
        for statement in ON_SQLITE.values():
            with pytest.raises(DBAPIError, match="append-only"):
                connection.exec_driver_sql(statement)


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_no_postgres_statement_rewrites_history(engine: Engine) -> None:
    assert [name for name, statement in ON_POSTGRES.items() if not refused(engine, statement)] == []


@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
def test_posing_as_a_replica_does_not_help(engine: Engine) -> None:
    """Ordinary triggers don't fire with session_replication_role = replica; these do."""
    for statement in (ON_BOTH["update all"], ON_BOTH["delete all"], ON_POSTGRES["truncate"]):
        with pytest.raises(DBAPIError, match="append-only"):
            attempt(engine, "SET LOCAL session_replication_role = replica", statement)


def test_copy_cannot_overwrite(postgres_url: str) -> None:
    store = EventStore.open(postgres_url, new_id=SequentialIds("event"))
    store.append("s", [new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        make_every_table(connection)
    before = everything(store.engine)
    moment = "2026-01-01T00:00:00Z"
    with psycopg.connect(postgres_url) as connection, pytest.raises(psycopg.errors.UniqueViolation):  # noqa: SIM117
        with connection.cursor().copy(f"COPY events (global_position, {COLUMNS}) FROM STDIN") as copy:
            copy.write_row((1, "t", 1, "event-9", "Forged", 1, "{}", "{}", moment, moment, "x", "x"))
    assert everything(store.engine) == before


APPLICATION_MAY = [
    "SELECT count(*) FROM events",
    f"INSERT INTO events ({COLUMNS}) VALUES ({FRESH_PLACE.replace('event-1', 'event-9')})",
    "INSERT INTO checkpoints VALUES ('p', 1, now()) ON CONFLICT (projection) DO UPDATE SET position = 1",
    "INSERT INTO checkpoint_log (projection, from_position, to_position, run_id, code_version, saved_at)"
    " VALUES ('p', 1, 1, 'r', 'c', now())",
]
APPLICATION_MAY_NOT = [
    "UPDATE events SET payload = '{}'",
    "DELETE FROM events",
    "TRUNCATE events",
    "DROP TABLE events",
    "DROP TRIGGER events_no_rewrite ON events",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "ALTER SEQUENCE events_global_position_seq RESTART",
    "SELECT setval('events_global_position_seq', 1)",
    "SET session_replication_role = replica",
    "UPDATE checkpoint_log SET to_position = 99",
    "UPDATE idempotency_keys SET reply = ''",
    "CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
]


def test_an_application_role_can_append_and_nothing_else(postgres_url: str) -> None:
    """Grants as well as triggers: a role that owns nothing can't take the triggers away either."""
    store = EventStore.open(postgres_url)
    store.append("s", [new_event()], expected_version=0)
    role = 'app "role"'
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute('CREATE ROLE "app ""role"""')
        try:
            with store.engine.begin() as granting:
                make_every_table(granting)
                appended = (*STORE_TABLES, tables.checkpoint_log)
                grant_application(granting, role, append=appended, change=(*tables.CHANGED, snapshots))
            connection.execute('SET ROLE "app ""role"""')
            for statement in APPLICATION_MAY:
                connection.execute(statement)
            for statement in APPLICATION_MAY_NOT:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        finally:
            connection.execute('RESET ROLE; DROP OWNED BY "app ""role"""; DROP ROLE "app ""role"""')


def test_positions_are_never_used_twice(sqlite_url: str) -> None:
    """AUTOINCREMENT: even an intruder who deletes the last event can't have its position filled again."""
    store = EventStore.open(sqlite_url)
    store.append("s", [new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        connection.exec_driver_sql("DELETE FROM events")
        create_guards(connection)
    (event,) = store.append("s", [new_event()], expected_version=0).events
    assert event.global_position == 2


def test_guards_can_be_dropped_and_come_back_with_the_tables(store_url: str) -> None:
    """What the lab and an intruder do; opening the store again puts the guards back."""
    store = EventStore.open(store_url)
    store.append("s", [new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        connection.exec_driver_sql("UPDATE events SET payload = '{\"amount_minor\": 1}'")
    store.create_tables()
    with pytest.raises(DBAPIError, match="append-only"):
        attempt(store.engine, "UPDATE events SET payload = '{}'")


@pytest.mark.parametrize("state", ["DISABLE", "ENABLE"])
def test_a_guard_that_stands_and_does_not_always_fire_is_put_right(postgres_url: str, state: str) -> None:
    """Opening leaves alone what stands, to lock nobody out: so it must look whether it fires."""
    store = EventStore.open(postgres_url)
    store.append("s", [new_event()], expected_version=0)
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql(f"ALTER TABLE events {state} TRIGGER events_no_rewrite")
    EventStore.open(postgres_url)
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        with pytest.raises(DBAPIError, match="append-only"):
            connection.exec_driver_sql("DELETE FROM events")
