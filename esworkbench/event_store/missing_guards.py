"""Which of the guards that keep a log append-only are not in place: told on opening, by doctor, capture and verify.

A guard counts only as this release makes it: a trigger of the right name that refuses nothing is none.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table

from esworkbench.event_store import triggers
from esworkbench.event_store.columns import LAST_POSITION, POSITION_CHECK
from esworkbench.event_store.database import described

Ask = Callable[[str], Iterable[Sequence[Any]]]
"""Gives the rows of a query that has no parameters."""

SQLITE_TRIGGERS = "SELECT name, sql, tbl_name FROM sqlite_master WHERE type = 'trigger'"
SQLITE_TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
SQLITE_KEYS = """
    SELECT m.name, i.name, c.name FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) c
    WHERE m.type = 'table' AND i."unique" AND NOT i.partial AND c.name IS NOT NULL
    UNION ALL SELECT m.name, '', c.name FROM sqlite_master m, pragma_table_info(m.name) c
    WHERE m.type = 'table' AND c.pk > 0
"""

HERE = "c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
POSTGRES_TABLES = f"SELECT relname FROM pg_class c WHERE {HERE}"
POSTGRES_FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
POSTGRES_KEYS = f"""
    SELECT c.relname, i.indexrelid, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE {HERE} AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
"""
POSTGRES_DRAWN = f"""
    SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE {HERE} AND a.attidentity = 'a'
"""
POSTGRES_CHECKS = f"""
    SELECT conname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE {HERE} AND c.relname = 'events' AND contype = 'c'
"""
POSTGRES_GRANTS = f"""
    SELECT c.relname, NULL AS column_name, g.grantee, g.privilege_type,
        CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g WHERE {HERE} AND g.grantee <> c.relowner
    UNION ALL
    SELECT c.relname, a.attname, g.grantee, g.privilege_type,
        CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    CROSS JOIN LATERAL aclexplode(a.attacl) g WHERE {HERE} AND g.grantee <> c.relowner
    ORDER BY 1, 5, 4, 2
"""
POSTGRES_TRIGGERS = f"""
    SELECT c.relname, t.tgname, p.proname, n.nspname, n.oid = c.relnamespace
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {HERE} AND NOT t.tgisinternal ORDER BY 1, 2
"""
POSTGRES_RULES = f"SELECT c.relname, rulename FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class WHERE {HERE}"
POSTGRES_MEMBERS = """
    SELECT r.rolname, s.rolname FROM pg_roles r JOIN pg_roles s ON s.rolsuper AND pg_has_role(r.oid, s.oid, 'MEMBER')
    WHERE NOT r.rolsuper AND r.rolname !~ '^pg_' ORDER BY 1, 2
"""
logger = logging.getLogger(__name__)

REWRITES = ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
NAMED = 8


def missing_in(connection: Connection, tables: Sequence[Table]) -> list[str]:
    """``missing_guards`` of the database that is connected."""
    return missing_guards(lambda query: connection.exec_driver_sql(query).fetchall(), connection.dialect.name, tables)


def tell_missing(connection: Connection, table: Table) -> None:
    """Log what is missing of the table's guards, if anything."""
    _tell(connection, missing_in(connection, [table]))


@contextmanager
def telling_what_is_put_back(connection: Connection, table: Table) -> Iterator[None]:
    """Log which of the table's guards were missing before and are in place after, and which are missing still."""
    before = missing_in(connection, [table])
    yield
    after = missing_in(connection, [table]) if before else []
    if put_back := [each for each in before if each not in after]:
        logger.warning(
            "%s lacked guards of this release, and they are put back (%s): what was written until now may have been "
            "rewritten, so verify it", described(connection.engine.url), ", ".join(put_back),
        )  # fmt: skip
    _tell(connection, after)


def _tell(connection: Connection, missing: Sequence[str]) -> None:
    if missing:
        logger.warning("%s: %s", described(connection.engine.url), unguarded(missing))


def missing_guards(ask: Ask, engine: str, tables: Sequence[Table]) -> list[str]:
    """What isn't in place of the guards of these append-only tables, in words; a table that isn't there lacks nothing.

    ``engine`` is ``sqlite`` or ``postgresql``. Besides triggers: keys, drawn positions, and on PostgreSQL what other
    roles than the owner were granted, and who can become a superuser. So is what stands there and isn't this release's:
    a trigger or rule on these tables changes or drops what is appended. That the owner itself may do anything can't be
    told from here.
    """
    find = _on_sqlite if engine == "sqlite" else _on_postgres
    return list(find(ask, tables))


def unguarded(missing: Sequence[str]) -> str:
    """What follows from missing guards, in a sentence."""
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    return (
        f"not all guards of this release are in place ({', '.join(missing[:NAMED])}{more}), so whoever writes to the "
        "database may have rewritten its log, and only hashes and anchors would show it: EventStore.open(url) as the "
        "tables' owner puts triggers and checks back, grant_application the grants; what isn't this release's is "
        "to be dropped or revoked"
    )


def _on_sqlite(ask: Ask, tables: Sequence[Table]) -> Iterator[str]:
    found = {name: sql for name, sql, _ in ask(SQLITE_TRIGGERS)}
    on_table = [(table.lower(), name) for name, _, table in ask(SQLITE_TRIGGERS)]
    made_by = {name: sql for name, sql in ask(SQLITE_TABLES)}
    keys = _grouped(ask(SQLITE_KEYS))
    for table in tables:
        if table.name not in made_by:
            continue
        for name, sql in triggers.sqlite_guards(table).items():
            if found.get(name) != sql:
                yield f"trigger {name}"
        ours = {*triggers.sqlite_guards(table), triggers.OUTBOX.name}
        yield from (
            _other("trigger", name, table.name) for at, name in on_table if at == table.name and name not in ours
        )
        yield from _missing_keys(table, keys)
        drawn = triggers.drawn_column(table)
        if drawn is not None and "AUTOINCREMENT" not in made_by[table.name].upper():
            yield f"AUTOINCREMENT of {table.name}.{drawn}"


def _on_postgres(ask: Ask, tables: Sequence[Table]) -> Iterator[str]:
    there = {name for (name,) in ask(POSTGRES_TABLES)}
    tables = [table for table in tables if table.name in there]
    standing = {tuple(row) for row in ask(triggers.STANDING)}
    bodies = {name: body for name, body in ask(POSTGRES_FUNCTIONS)}
    for each in triggers.postgres_triggers([table.name for table in tables]):
        if each.as_standing not in standing or bodies[each.function] != triggers.FUNCTIONS[each.function]:
            yield f"trigger {each.name}"
    keys = _grouped(ask(POSTGRES_KEYS))
    always = {tuple(row) for row in ask(POSTGRES_DRAWN)}
    checks = {name: words for name, words in ask(POSTGRES_CHECKS)}
    for table in tables:
        yield from _missing_keys(table, keys)
        drawn = triggers.drawn_column(table)
        if drawn is not None and (table.name, drawn) not in always:
            yield f"GENERATED ALWAYS of {table.name}.{drawn}"
        if table.name == "events" and str(LAST_POSITION) not in checks.get(POSITION_CHECK, ""):
            yield f"check {POSITION_CHECK}"
    ours = {(each.table, each.name, each.function) for each in triggers.postgres_triggers([*there])} | {triggers.OUTBOX}
    looked_at = {table.name for table in tables}
    for table_name, name, function, schema, same_schema in ask(POSTGRES_TRIGGERS):
        if table_name in looked_at and not (same_schema and (table_name, name, function) in ours):
            yield _other("trigger", name, table_name) + f": it calls {schema}.{function}"
    yield from (_other("rule", name, table) for table, name in ask(POSTGRES_RULES) if table in looked_at)
    yield from (f"role {name!r} is a member of the superuser {above!r}" for name, above in ask(POSTGRES_MEMBERS))
    yield from _grants(ask, {table.name: triggers.drawn_column(table) for table in tables})


def _other(kind: str, name: str, table: str) -> str:
    return f"{kind} {name} on {table} is not this release's"


def _grants(ask: Ask, drawn: dict[str, str | None]) -> Iterator[str]:
    """What roles may do that don't own the tables, beyond reading and appending."""
    for table, column, _, privilege, role in ask(POSTGRES_GRANTS):
        if table not in drawn:
            continue
        if privilege in REWRITES:
            yield f"role {role!r} has {privilege} on {table}"
        elif privilege == "INSERT" and drawn[table] is not None and column in (None, drawn[table]):
            yield f"role {role!r} may name {table}.{drawn[table]}"


def _grouped(rows: Iterable[Sequence[Any]]) -> dict[str, set[frozenset[str]]]:
    """The keys of each table, from rows of table, key and column."""
    columns: dict[tuple[str, Any], set[str]] = {}
    for table, key, column in rows:
        columns.setdefault((table, key), set()).add(column)
    keys: dict[str, set[frozenset[str]]] = {}
    for (table, _), names in columns.items():
        keys.setdefault(table, set()).add(frozenset(names))
    return keys


def _missing_keys(table: Table, keys: dict[str, set[frozenset[str]]]) -> Iterator[str]:
    for key in triggers.keys_of(table):
        if frozenset(key) not in keys.get(table.name, set()):
            yield f"key {table.name} ({', '.join(key)})"
