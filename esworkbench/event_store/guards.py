"""Guards in the database itself, so that history stays append-only for whoever connects, in whatever language.

SQLite needs three triggers: INSERT OR REPLACE deletes the old row without firing its delete trigger, so a third one
refuses inserts that meet an existing row. A fourth keeps positions from falling below 1, where no reader looks, and from
nearing the end of SQLite's counter, past which nothing can be written, in tables that an earlier release made without
a CHECK; it fires after the insert, because before it SQLite shows -1 for every position that is yet to be drawn. PostgreSQL needs a row trigger and one for TRUNCATE, both ENABLE ALWAYS, or
``session_replication_role = replica`` walks past them. A statement trigger there takes the shared lock that gap-safe
reading relies on (see ``postgres.log``), so that no writer can forget it.

An owner can still drop a trigger; that is what the hash chain is for, and why an application should connect as a role
that owns nothing (``grant_application``).

Each room makes its own tables with ``make_tables``, and names those of them that are append-only.
"""

import logging
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from esworkbench.event_store import schema
from esworkbench.event_store.columns import LAST_POSITION, identifier
from esworkbench.event_store.database import retried, write_transaction
from esworkbench.event_store.postgres.json_copy import add_payload_json

EVENTS = ("events",)
"""The append-only tables of the store itself; other rooms name their own."""

WRITER_LOCK = 0x6573_7762_6C6F_6721
"""Key of the advisory lock that every writer to ``events`` shares from before its positions are drawn to its commit."""

TRIGGERS = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")
MADE_BY = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
"""Of SQLite: the triggers of a table, and the statement that made it."""

POSITION_CHECKED = text("SELECT 1 FROM pg_constraint WHERE conrelid = 'events'::regclass AND conname = :name")

LOCK_NOT_AVAILABLE = "55P03"

logger = logging.getLogger(__name__)

STANDING = text("""
    SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = current_schema()::regnamespace AND tgenabled = 'A'
""")
"""PostgreSQL's triggers that always fire. Making one again would wait for whoever reads the table, a capture say, and
every writer would wait behind it."""


@retried
def make_store_tables(engine: Engine) -> None:
    """The store's own tables and their guards, where they don't stand yet; what an earlier release left out as well."""
    with write_transaction(engine) as connection:
        take_turns_making_tables(connection)
        make_tables(connection, schema.STORE_TABLES)
        add_payload_json(connection)
        create_guards(connection)
        if connection.dialect.name == "postgresql":
            _check_positions(connection)


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


def create_guards(connection: Connection, tables: Sequence[str] = EVENTS) -> None:
    """Put every guard of these tables in place; does nothing where it stands already."""
    if connection.dialect.name == "sqlite":
        statements = [each for table in tables for each in _sqlite_guards(connection, table)]
    else:
        statements = _postgres_guards(tables, standing=set(connection.scalars(STANDING)))
    for statement in statements:
        connection.exec_driver_sql(statement)


def take_turns_making_tables(connection: Connection) -> None:
    """Let only one of the programs that start at once make tables and triggers, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK + 1})


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


def _sqlite_guards(connection: Connection, table: str) -> list[str]:
    """The statements that put the table's guards in place, and those of an earlier release in order."""
    drawn = _drawn_column(connection, table)
    refused = [
        ("no_update", "BEFORE UPDATE", "", "is append-only: no_update"),
        ("no_delete", "BEFORE DELETE", "", "is append-only: no_delete"),
        ("no_replace", "BEFORE INSERT", _meets_a_row(connection, table, drawn), "is append-only: no_replace"),
    ]
    if drawn is not None:
        outside = f"NEW.{identifier(drawn)} NOT BETWEEN 1 AND {LAST_POSITION}"
        refused.append(("drawn", "AFTER INSERT", outside, f"has no {drawn} below 1 or above {LAST_POSITION}"))
    standing = {name: sql for name, sql in connection.execute(TRIGGERS, {"table": table})}
    statements = []
    for guard, moment, condition, words in refused:
        name = f"{table}_{guard}"
        when = f" WHEN {condition}" if condition else ""
        made = (
            f"CREATE TRIGGER {identifier(name)} {moment} ON {identifier(table)}{when}"
            f" BEGIN SELECT RAISE(ABORT, '{table} {words}'); END"
        )
        if standing.get(name) != made:
            statements += [f"DROP TRIGGER IF EXISTS {identifier(name)}", made]
    return statements


def _drawn_column(connection: Connection, table: str) -> str | None:
    """The column whose values SQLite draws, if the table has one."""
    if "AUTOINCREMENT" not in connection.execute(MADE_BY, {"table": table}).scalar_one():
        return None
    [column] = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    return str(column)


def _meets_a_row(connection: Connection, table: str, drawn: str | None) -> str:
    """The condition that a row to be inserted has a key in common with one that is there.

    Of what is drawn only from 1 up: -1 stands for what is yet to be drawn, and a row there would meet every other.
    """
    inspector = inspect(connection)
    keys = [inspector.get_pk_constraint(table)["constrained_columns"]]
    keys += [unique["column_names"] for unique in inspector.get_unique_constraints(table)]
    met = []
    for key in keys:
        same = " AND ".join(f"{identifier(name)} = NEW.{identifier(name)}" for name in key)
        known = f"NEW.{identifier(drawn)} > 0 AND " if drawn in key and drawn is not None else ""
        met.append(f"{known}EXISTS (SELECT 1 FROM {identifier(table)} WHERE {same})")
    return " OR ".join(met)


def _check_positions(connection: Connection) -> None:
    """Give ``events`` of an earlier release the CHECK that new ones have, for rows to come.

    Without waiting: who queues for this lock keeps every writer waiting. While somebody reads, a capture say, it is
    left to the next opening.
    """
    name, condition = schema.POSITION_CHECK, f"global_position BETWEEN 1 AND {LAST_POSITION}"
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


def _postgres_guards(tables: Sequence[str], standing: set[str]) -> list[str]:
    statements = [
        "CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',"
        " MESSAGE = TG_TABLE_NAME || ' is append-only: ' || TG_OP || ' is refused';"
        " END $$",
        "CREATE OR REPLACE FUNCTION share_writer_lock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" PERFORM pg_advisory_xact_lock_shared({WRITER_LOCK}); RETURN NULL;"
        " END $$",
    ]
    triggers = []
    if "events" in tables:
        triggers.append(("events", "share_lock", "BEFORE INSERT", "STATEMENT", "share_writer_lock"))
    for table in tables:
        triggers.append((table, "no_rewrite", "BEFORE UPDATE OR DELETE", "ROW", "refuse_rewrite"))
        triggers.append((table, "no_truncate", "BEFORE TRUNCATE", "STATEMENT", "refuse_rewrite"))
    for table, guard, moment, level, function in triggers:
        if f"{table}_{guard}" in standing:
            continue
        statements.append(
            f"CREATE OR REPLACE TRIGGER {identifier(f'{table}_{guard}')} {moment} ON {identifier(table)}"
            f" FOR EACH {level} EXECUTE FUNCTION {function}()"
        )
        statements.append(f"ALTER TABLE {identifier(table)} ENABLE ALWAYS TRIGGER {identifier(f'{table}_{guard}')}")
    return statements
