"""Guards in the database itself, so that history stays append-only for whoever connects, in whatever language.

SQLite needs three triggers: INSERT OR REPLACE deletes the old row without firing its delete trigger, so a third one
refuses inserts that meet an existing row. PostgreSQL needs a row trigger and one for TRUNCATE, both ENABLE ALWAYS, or
``session_replication_role = replica`` walks past them. A statement trigger there takes the shared lock that gap-safe
reading relies on (see ``postgres_log``), so that no writer can forget it.

An owner can still drop a trigger; that is what the hash chain is for, and why an application should connect as a role
that owns nothing (``grant_application``).
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

APPEND_ONLY_TABLES = ("events", "checkpoint_log")

WRITER_LOCK = 0x6573_7762_6C6F_6721
"""Key of the advisory lock that every writer to ``events`` shares from before its positions are drawn to its commit."""

STANDING = text("""
    SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = current_schema()::regnamespace AND tgenabled = 'A'
""")
"""PostgreSQL's triggers that always fire. Making one again would wait for whoever reads the table, a capture say, and
every writer would wait behind it."""

_SQLITE_SAME_ROW = {
    "events": (
        "EXISTS (SELECT 1 FROM events WHERE global_position = NEW.global_position)"
        " OR EXISTS (SELECT 1 FROM events WHERE stream_id = NEW.stream_id AND version = NEW.version)"
        " OR EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id)"
    ),
    "checkpoint_log": "EXISTS (SELECT 1 FROM checkpoint_log WHERE id = NEW.id)",
}


def create_guards(connection: Connection, tables: Sequence[str] = APPEND_ONLY_TABLES) -> None:
    """Put every guard of these tables in place; does nothing where it stands already."""
    if connection.dialect.name == "sqlite":
        statements = _sqlite_guards(tables)
    else:
        statements = _postgres_guards(tables, standing=set(connection.scalars(STANDING)))
    for statement in statements:
        connection.exec_driver_sql(statement)


def take_turns_making_tables(connection: Connection) -> None:
    """Let only one of the programs that start at once make tables and triggers, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK + 1})


def drop_guards(connection: Connection) -> None:
    """Take the append-only guards away, as an intruder who owns the tables would. For the lab and for tests only."""
    for table in APPEND_ONLY_TABLES:
        for guard in ("no_update", "no_delete", "no_replace", "no_rewrite", "no_truncate"):
            on_table = "" if connection.dialect.name == "sqlite" else f" ON {table}"
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{guard}{on_table}")


def grant_application(connection: Connection, role: str) -> None:
    """Let a PostgreSQL role append, read and keep checkpoints and snapshots, and rewrite nothing. The role exists."""
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    schema = connection.scalar(text("SELECT quote_ident(current_schema())"))
    for statement in (
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"GRANT SELECT, INSERT ON events, checkpoint_log, idempotency_keys, anchors TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON checkpoints, read_models, snapshots, dead_letters TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, outbox_failures TO {name}",
    ):
        connection.exec_driver_sql(statement)


def _sqlite_guards(tables: Sequence[str]) -> list[str]:
    statements = []
    for table in tables:
        for guard, moment in (
            ("no_update", "UPDATE"),
            ("no_delete", "DELETE"),
            ("no_replace", f"INSERT ON {table} WHEN {_SQLITE_SAME_ROW[table]}"),
        ):
            where = moment if " ON " in moment else f"{moment} ON {table}"
            statements.append(
                f"CREATE TRIGGER IF NOT EXISTS {table}_{guard} BEFORE {where}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only: {guard}'); END"
            )
    return statements


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
            f"CREATE OR REPLACE TRIGGER {table}_{guard} {moment} ON {table}"
            f" FOR EACH {level} EXECUTE FUNCTION {function}()"
        )
        statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{guard}")
    return statements
