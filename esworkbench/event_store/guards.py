"""Guards in the database itself, so that history stays append-only for whoever connects, in whatever language.

SQLite needs three triggers: INSERT OR REPLACE deletes the old row without firing its delete trigger, so a third one
refuses inserts that meet an existing row. PostgreSQL needs a row trigger and one for TRUNCATE, both ENABLE ALWAYS, or
``session_replication_role = replica`` walks past them. A statement trigger there takes the shared lock that gap-safe
reading relies on (see ``postgres.log``), so that no writer can forget it.

An owner can still drop a trigger; that is what the hash chain is for, and why an application should connect as a role
that owns nothing (``grant_application``).

Each room makes its own tables with ``make_tables``, and names those of them that are append-only.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Table, inspect, text

from esworkbench.event_store.columns import identifier

EVENTS = ("events",)
"""The append-only tables of the store itself; other rooms name their own."""

WRITER_LOCK = 0x6573_7762_6C6F_6721
"""Key of the advisory lock that every writer to ``events`` shares from before its positions are drawn to its commit."""

STANDING = text("""
    SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = current_schema()::regnamespace AND tgenabled = 'A'
""")
"""PostgreSQL's triggers that always fire. Making one again would wait for whoever reads the table, a capture say, and
every writer would wait behind it."""


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
        statements = _sqlite_guards(connection, tables)
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
        for guard in ("no_update", "no_delete", "no_replace", "no_rewrite", "no_truncate"):
            on_table = "" if connection.dialect.name == "sqlite" else f" ON {identifier(table)}"
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {identifier(f'{table}_{guard}')}{on_table}")


def grant_application(
    connection: Connection, role: str, *, append: Sequence[Table], change: Sequence[Table] = ()
) -> None:
    """Let a PostgreSQL role read these tables, append to the ones and change the others, and rewrite nothing else.

    Each room says which of its tables are which: ``schema.STORE_TABLES`` are appended to. Role and tables exist.
    """
    schema = connection.scalar(text("SELECT quote_ident(current_schema())"))
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {identifier(role)}")
    for allowed, tables in (("SELECT, INSERT", append), ("SELECT, INSERT, UPDATE, DELETE", change)):
        for table in tables:
            connection.exec_driver_sql(f"GRANT {allowed} ON {identifier(table.name)} TO {identifier(role)}")


def _sqlite_guards(connection: Connection, tables: Sequence[str]) -> list[str]:
    statements = []
    for table in tables:
        for guard, moment, condition in (
            ("no_update", "UPDATE", ""),
            ("no_delete", "DELETE", ""),
            ("no_replace", "INSERT", f" WHEN {_meets_a_row(connection, table)}"),
        ):
            statements.append(
                f"CREATE TRIGGER IF NOT EXISTS {identifier(f'{table}_{guard}')} BEFORE {moment}"
                f" ON {identifier(table)}{condition}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: {guard}'); END"
            )
    return statements


def _meets_a_row(connection: Connection, table: str) -> str:
    """The condition that a row to be inserted has a key in common with one that is there."""
    inspector = inspect(connection)
    keys = [inspector.get_pk_constraint(table)["constrained_columns"]]
    keys += [unique["column_names"] for unique in inspector.get_unique_constraints(table)]
    same = (" AND ".join(f"{identifier(name)} = NEW.{identifier(name)}" for name in key) for key in keys)
    return " OR ".join(f"EXISTS (SELECT 1 FROM {identifier(table)} WHERE {each})" for each in same)


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
