"""Guards in the database itself, so that history stays append-only for whoever connects, in whatever language.

SQLite needs three triggers: INSERT OR REPLACE deletes the old row without firing its delete trigger, so a third one
refuses inserts that meet an existing row. A fourth keeps positions, in tables that an earlier release made without a
CHECK, from falling below 1, where no reader looks, and from nearing the end of SQLite's counter, past which nothing can
be written; it fires after the insert, because before it SQLite shows -1 for every position that is yet to be drawn.
PostgreSQL needs a row trigger and one for TRUNCATE, both ENABLE ALWAYS, or ``session_replication_role = replica`` walks
past them. A statement trigger there takes the shared lock that gap-safe reading relies on (see ``postgres.log``), so
that no writer can forget it.

An owner can still drop a trigger; that is what the hash chain is for, and why an application should connect as a role
that owns nothing (``grant_application``). ``missing_guards`` tells what isn't in place.

Each room makes its own tables with ``make_tables``, and names those of them that are append-only.
"""

import logging
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import NotAnEventStore
from esworkbench.event_store import schema, triggers
from esworkbench.event_store.columns import LAST_POSITION, POSITION_CHECK, identifier, metadata
from esworkbench.event_store.database import described, retried, write_transaction
from esworkbench.event_store.missing_guards import missing_in, tell_missing, telling_what_is_put_back
from esworkbench.event_store.postgres.json_copy import add_payload_json

EVENTS = ("events",)
"""The append-only tables of the store itself; other rooms name their own."""

TRIGGERS = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")

POSITION_CHECKED = text("SELECT 1 FROM pg_constraint WHERE conrelid = 'events'::regclass AND conname = :name")

LOCK_NOT_AVAILABLE = "55P03"
NOT_THE_OWNER = "42501"

logger = logging.getLogger(__name__)


@retried
def make_store_tables(engine: Engine) -> None:
    """The store's own tables and their guards, where they don't stand yet; what an earlier release left out as well.

    Guards that were missing are put back, which is logged: until then history could be rewritten.
    """
    with write_transaction(engine) as connection:
        take_turns_making_tables(connection)
        with telling_what_is_put_back(connection, schema.events):
            make_tables(connection, schema.STORE_TABLES, append_only=["anchors"])
            add_payload_json(connection)
            create_guards(connection)
            if connection.dialect.name == "postgresql":
                _check_positions(connection)


def require_store_tables(engine: Engine) -> None:
    """Raise NotAnEventStore where there is no log; log which of its guards are missing."""
    if not inspect(engine).has_table("events"):
        engine.dispose()
        raise NotAnEventStore(f"{described(engine.url)} holds no table 'events': it is not an event store")
    with engine.connect() as connection:
        tell_missing(connection, schema.events)


def make_tables(connection: Connection, tables: Iterable[Table], *, append_only: Sequence[str] = ()) -> None:
    """Make those of the tables that are missing, in the caller's transaction, and guard the append-only ones of them.

    Where none is missing nothing is written, so a role that may make no tables can call it too.
    """
    missing = [table for table in tables if not inspect(connection).has_table(table.name)]
    if missing:
        take_turns_making_tables(connection)
        for table in missing:
            table.create(connection, checkfirst=True)
        create_guards(connection, [table.name for table in missing if table.name in append_only])


def put_back_guards(connection: Connection, table: Table) -> None:
    """Put in place what is missing of the guards of a table that stands, where this role may, and log it."""
    with telling_what_is_put_back(connection, table):
        if missing_in(connection, [table]):
            try:
                with connection.begin_nested():
                    create_guards(connection, [table.name])
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != NOT_THE_OWNER:
                    raise


def create_guards(connection: Connection, tables: Sequence[str] = EVENTS) -> None:
    """Put every guard of these tables in place; does nothing where it stands already."""
    if connection.dialect.name == "sqlite":
        statements = [each for table in tables for each in _put_sqlite_guards(connection, table)]
    else:
        statements = _postgres_guards(tables, {tuple(row) for row in connection.exec_driver_sql(triggers.STANDING)})
    for statement in statements:
        connection.exec_driver_sql(statement)


def take_turns_making_tables(connection: Connection) -> None:
    """Let only one of the programs that start at once make tables and triggers, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": triggers.WRITER_LOCK + 1})


def drop_guards(connection: Connection, tables: Sequence[str] = EVENTS) -> None:
    """Take the append-only guards away, as an intruder who owns the tables would. For the lab and for tests only."""
    for table in tables:
        for guard in ("no_update", "no_delete", "no_replace", "drawn", "no_rewrite", "no_truncate"):
            on_table = "" if connection.dialect.name == "sqlite" else f" ON {identifier(table)}"
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {identifier(f'{table}_{guard}')}{on_table}")


def grant_application(
    connection: Connection,
    role: str,
    *,
    append: Sequence[Table] = schema.STORE_TABLES,
    change: Sequence[Table] = (),
) -> None:
    """Let a PostgreSQL role read these tables, append to the ones and change the others, and rewrite nothing else.

    Each room says which of its tables are which; by default the store's own are appended to. Role and tables exist.
    Of what the database draws, a position above all, the role may name no value: one in an old gap would stand below
    every checkpoint. What an earlier release granted beyond that is taken back.
    """
    to = identifier(role)
    in_schema = connection.scalar(text("SELECT quote_ident(current_schema())"))
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {in_schema} TO {to}")
    for table in append:
        written = ", ".join(identifier(column.name) for column in table.columns if column.identity is None)
        on_table = f"ON {identifier(table.name)}"
        connection.exec_driver_sql(f"REVOKE INSERT {on_table} FROM {to}")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT ({written}) {on_table} TO {to}")
    for table in change:
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {identifier(table.name)} TO {to}")


def _put_sqlite_guards(connection: Connection, table: str) -> list[str]:
    """The statements that put the table's guards in place, and those of an earlier release in order."""
    standing = {name: sql for name, sql in connection.execute(TRIGGERS, {"table": table})}
    statements = []
    for name, made in triggers.sqlite_guards(metadata.tables[table]).items():
        if standing.get(name) != made:
            statements += [f"DROP TRIGGER IF EXISTS {identifier(name)}", made]
    return statements


def _check_positions(connection: Connection) -> None:
    """Give ``events`` of an earlier release the CHECK that new ones have, for rows to come.

    Without waiting: who queues for this lock keeps every writer waiting. While somebody reads, a capture say, it is
    left to the next opening.
    """
    name, condition = POSITION_CHECK, f"global_position BETWEEN 1 AND {LAST_POSITION}"
    if connection.scalar(POSITION_CHECKED, {"name": name}) is not None:
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("LOCK TABLE events IN ACCESS EXCLUSIVE MODE NOWAIT")
            connection.exec_driver_sql(f"ALTER TABLE events ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        logger.info("events is being read, so its CHECK (%s) is left to the next time the store is opened", condition)


def _postgres_guards(tables: Sequence[str], standing: set[tuple[object, ...]]) -> list[str]:
    statements = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
        for name, body in triggers.FUNCTIONS.items()
    ]
    for each in triggers.postgres_triggers(tables):
        if each.as_standing in standing:
            continue
        on_table = identifier(each.table)
        statements.append(
            f"CREATE OR REPLACE TRIGGER {identifier(each.name)} {each.moment} ON {on_table}"
            f" FOR EACH {each.level} EXECUTE FUNCTION {each.function}()"
        )
        statements.append(f"ALTER TABLE {on_table} ENABLE ALWAYS TRIGGER {identifier(each.name)}")
    return statements
