"""The triggers that keep a table append-only, as this release makes them; ``guards`` says why it takes these."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Table, UniqueConstraint

from esworkbench.event_store.columns import LAST_POSITION, identifier

WRITER_LOCK = 0x6573_7762_6C6F_6721
"""Key of the advisory lock that every writer to ``events`` shares from before its positions are drawn to its commit."""

STANDING = """
    SELECT relname, tgname, tgtype, proname FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE relnamespace = current_schema()::regnamespace AND pronamespace = relnamespace
      AND tgenabled = 'A' AND tgqual IS NULL AND tgattr::text = ''
"""
"""PostgreSQL's triggers that always fire. Making one again would wait for whoever reads the table, a capture say, and
every writer would wait behind it."""


class NamedTrigger(NamedTuple):
    """A trigger by its name, and the function it calls on PostgreSQL."""

    table: str
    name: str
    function: str


OUTBOX = NamedTrigger("events", "events_to_outbox", "queue_in_outbox")
"""The one other trigger of a release's that stands on a log: it queues what is appended."""


def sqlite_guards(table: Table) -> dict[str, str]:
    """The triggers of an append-only table on SQLite: name and statement, as SQLite keeps it."""
    drawn = drawn_column(table)
    refused = [
        ("no_update", "BEFORE UPDATE", "", "is append-only: no_update"),
        ("no_delete", "BEFORE DELETE", "", "is append-only: no_delete"),
        ("no_replace", "BEFORE INSERT", _meets_a_row(table, drawn), "is append-only: no_replace"),
    ]
    if drawn is not None:
        outside = f"NEW.{identifier(drawn)} NOT BETWEEN 1 AND {LAST_POSITION}"
        refused.append(("drawn", "AFTER INSERT", outside, f"has no {drawn} below 1 or above {LAST_POSITION}"))
    return {
        f"{table.name}_{guard}": f"CREATE TRIGGER {identifier(f'{table.name}_{guard}')} {moment} ON"
        f" {identifier(table.name)}{f' WHEN {condition}' if condition else ''}"
        f" BEGIN SELECT RAISE(ABORT, '{table.name} {words}'); END"
        for guard, moment, condition, words in refused
    }


def drawn_column(table: Table) -> str | None:
    """The column whose values the database draws, if the table has one."""
    return next((column.name for column in table.columns if column.identity is not None), None)


def keys_of(table: Table) -> list[list[str]]:
    """The columns of each key that no two rows may share, the primary key first, the others as the columns stand."""
    places = list(table.columns.keys())
    unique = [list(each.columns.keys()) for each in table.constraints if isinstance(each, UniqueConstraint)]
    return [
        list(table.primary_key.columns.keys()),
        *sorted(unique, key=lambda key: [places.index(name) for name in key]),
    ]


def _meets_a_row(table: Table, drawn: str | None) -> str:
    """The condition that a row to be inserted has a key in common with one that is there.

    Of what is drawn only from 1 up: -1 stands for what is yet to be drawn, and a row there would meet every other.
    """
    met = []
    for key in keys_of(table):
        same = " AND ".join(f"{identifier(name)} = NEW.{identifier(name)}" for name in key)
        known = f"NEW.{identifier(drawn)} > 0 AND " if drawn in key and drawn is not None else ""
        met.append(f"{known}EXISTS (SELECT 1 FROM {identifier(table.name)} WHERE {same})")
    return " OR ".join(met)


class PostgresTrigger(NamedTuple):
    """A trigger of PostgreSQL's. ``kind`` is what ``pg_trigger.tgtype`` says of its moment, level and statements."""

    table: str
    guard: str
    moment: str
    level: str
    function: str
    kind: int

    @property
    def name(self) -> str:
        return f"{self.table}_{self.guard}"

    @property
    def as_standing(self) -> tuple[object, ...]:
        """As ``STANDING`` finds it."""
        return self.table, self.name, self.kind, self.function


FUNCTIONS = {
    "refuse_rewrite": " BEGIN"
    " RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',"
    " MESSAGE = TG_TABLE_NAME || ' is append-only: ' || TG_OP || ' is refused';"
    " END ",
    "share_writer_lock": f" BEGIN PERFORM pg_advisory_xact_lock_shared({WRITER_LOCK}); RETURN NULL; END ",
}
"""What PostgreSQL's triggers call, and its body in PL/pgSQL."""


def postgres_triggers(tables: Sequence[str]) -> list[PostgresTrigger]:
    """The triggers of append-only tables on PostgreSQL."""
    triggers = []
    if "events" in tables:
        triggers.append(PostgresTrigger("events", "share_lock", "BEFORE INSERT", "STATEMENT", "share_writer_lock", 6))
    for table in tables:
        triggers.append(PostgresTrigger(table, "no_rewrite", "BEFORE UPDATE OR DELETE", "ROW", "refuse_rewrite", 27))
        triggers.append(PostgresTrigger(table, "no_truncate", "BEFORE TRUNCATE", "STATEMENT", "refuse_rewrite", 34))
    return triggers
