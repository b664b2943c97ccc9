"""One cut of a PostgreSQL database, in a transaction whose every rule is set here, over tables that are only tables."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
from sqlalchemy.engine import URL

from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import PLAIN_NAMES, libpq_arguments
from esworkbench.event_store.postgres.sequence import out_of_order
from esworkbench.evidence.capturing.source import BEGIN, Pace, PostgresSource

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Buffer, Loader

    Connection = psycopg.Connection[tuple[Any, ...]]

PATH = "SELECT pg_catalog.current_schemas(false)"
"""Asked in full, as long as the path is another's: a schema before pg_catalog could put its own code for any name."""
WITH_A_LOG = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'events' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ANY (%(path)s)
    ORDER BY array_position(%(path)s::name[], n.nspname)
"""
THERE = "SELECT n FROM unnest(%s::text[]) n WHERE to_regclass(quote_ident(n)) IS NOT NULL"
KNOWN_SETTINGS = "SELECT name FROM pg_settings WHERE name = ANY (%s)"

TABLES = """
    WITH RECURSIVE part (oid, name, is_child) AS (
        SELECT to_regclass(quote_ident(n))::oid, n, false FROM unnest(%s::text[]) n
        UNION ALL
        SELECT i.inhrelid, part.name, true FROM pg_inherits i JOIN part ON i.inhparent = part.oid
    )
    SELECT part.name, c.oid, c.relkind::text, part.is_child, c.relispartition, row_security_active(c.oid), r.rolsuper
    FROM part JOIN pg_class c ON c.oid = part.oid JOIN pg_roles r ON r.oid = c.relowner
"""
KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index"}

CODE = """
    SELECT k.what, k.relation::regclass::text FROM (
        SELECT 'pg_class'::regclass, oid, 'its partition key', oid FROM pg_class
        UNION ALL SELECT 'pg_class'::regclass, indexrelid, indexrelid::regclass::text, indrelid FROM pg_index
        UNION ALL SELECT 'pg_constraint'::regclass, oid, conname, conrelid FROM pg_constraint
        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxname, stxrelid FROM pg_statistic_ext
    ) k (class, object, what, relation)
    JOIN pg_depend d ON d.classid = k.class AND d.objid = k.object
    WHERE k.relation = ANY (%s::oid[]) AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
"""
"""What calls code of the database's own: where its arguments are constants, the planner runs it, as whoever reads."""

IN_THE_WAY = """
    SELECT DISTINCT held.pid, p.gid FROM pg_locks held
    LEFT JOIN pg_locks own ON held.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'
        AND own.virtualtransaction = held.virtualtransaction
    LEFT JOIN pg_prepared_xacts p ON p.transaction = own.transactionid
    WHERE held.relation = ANY (%s) AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND held.granted AND held.mode = 'AccessExclusiveLock'
    ORDER BY 1, 2
"""
"""Who keeps readers out of tables: processes, or prepared transactions, which have none."""

SETTINGS = {
    "lock_timeout": "5s", "timezone": "UTC", "datestyle": "ISO, YMD", "row_security": "off",
    "constraint_exclusion": "off", "quote_all_identifiers": "off",
}  # fmt: skip
WHERE_THE_SERVER_KNOWS_THEM = {"restrict_nonsystem_relation_kind": "view, foreign-table"}
GRACE = 60
"""Seconds by which the server's limits are longer than ours: they are for a capture that hangs."""
LONGEST = 2**31 - 1
"""What PostgreSQL takes at most for a time limit, in milliseconds."""

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def open_postgres(url: URL, pace: Pace, described: str, *, tables: Sequence[str] = ()) -> Iterator[PostgresSource]:
    """One snapshot of the database, read-only. Raises UnusableInput, with no credentials in the message.

    On a primary or a standby alike: the snapshot holds whole transactions, and no gap between its positions is called
    dead because of it (only a reader's checkpoint behind a gap says so). Proved before a row is read: the isolation
    level; one schema in which the log lies; that ``tables``, as far as they exist, are plain or partitioned tables of
    which no row is hidden, and run no code of the database's own as a superuser; a sequence that caches nothing; an
    encoding that says what its bytes mean.

    The tables are held before the snapshot is drawn, as any reader holds what it has read: a read model that is
    swapped for a rebuilt one in between would look empty in an older snapshot.
    """
    import psycopg
    from psycopg import conninfo

    # One by one, as the store connects: written as one address, a blank in a password would be refused, and shown.
    # ADBC looks types up by their names as soon as it connects, before a transaction could settle anything.
    arguments = {"connect_timeout": 10, **libpq_arguments(url, PLAIN_NAMES)}
    secrets = [str(secret) for secret in (url.password, url.query.get("password")) if secret]
    try:
        with psycopg.connect(**{**arguments, "client_encoding": "utf8"}, autocommit=True) as connection:
            for kind, loader in as_stored().items():
                connection.adapters.register_loader(kind, loader)
            settings = _settings(connection, pace, described)
            connection.execute(BEGIN)
            for statement in settings:
                connection.execute(statement)
            there = _names(connection, tables)
            objects = [oid for _, oid, *_ in _require_tables(connection, described, there)]
            connection.execute("ROLLBACK")
            connection.execute(BEGIN)
            for statement in settings:
                connection.execute(statement)
            _hold(connection, described, there, objects)
            _mind_superuser(connection, described, _require_tables(connection, described, there))
            _require_transaction(connection, described)
            uri = conninfo.make_conninfo(**arguments, client_encoding="utf8")
            yield PostgresSource(connection, pace, uri, settings)
            connection.execute("ROLLBACK")
    except (psycopg.Error, adbc_driver_manager.Error) as error:
        words = " ".join(str(error).split())
        for secret in secrets:
            words = words.replace(secret, "…")
        raise UnusableInput(f"{described} can't be captured: {words}") from None


def _settings(connection: "Connection", pace: Pace, described: str) -> list[str]:
    """What the transaction sets for itself, whatever server, database and role have as their defaults."""
    from psycopg import sql

    milliseconds = min(int((pace.give_up_after + GRACE) * 1000), LONGEST)
    connection.execute(f"SET statement_timeout = {milliseconds}")
    path = [name for name in _first(connection, PATH) if name != "pg_catalog"]
    connection.execute("SET search_path = ''")
    schemas = [name for (name,) in connection.execute(WITH_A_LOG, {"path": path})]
    if len(schemas) > 1:
        raise UnusableInput(
            f"{described} has a table events in more than one schema of the search path ({', '.join(schemas)}): "
            f"name one, as in ?options=-csearch_path={schemas[0]}"
        )
    limits = dict.fromkeys(("statement_timeout", "idle_in_transaction_session_timeout"), milliseconds)
    where_known = {**WHERE_THE_SERVER_KNOWS_THEM, "transaction_timeout": milliseconds}
    known = {name for (name,) in connection.execute(KNOWN_SETTINGS, (list(where_known),))}
    chosen = {**SETTINGS, **limits, **{name: value for name, value in where_known.items() if name in known}}
    # Temporary tables come last, or they would come first.
    searched = [sql.Identifier(name).as_string(connection) for name in [*(schemas or path), "pg_temp"]]
    return [
        *(f"SET LOCAL {name} = '{value}'" for name, value in chosen.items()),
        f"SET LOCAL search_path = {', '.join(searched)}",
    ]


def _hold(connection: "Connection", described: str, names: list[str], objects: list[int]) -> None:
    """Lock the tables as any reader does. Raises UnusableInput that names who keeps readers out of them."""
    from psycopg import errors, sql

    try:
        for name in names:
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(name)))
    except errors.LockNotAvailable:
        connection.execute("ROLLBACK")
        holders = [
            f"PostgreSQL process {pid}" if pid is not None else f"prepared transaction {gid!r}"
            for pid, gid in connection.execute(IN_THE_WAY, (objects,))
        ]
        raise UnusableInput(
            f"{described} can't be captured: for {SETTINGS['lock_timeout']} {name} was locked by "
            f"{', '.join(holders) or 'somebody who is done by now'}: have that end (a prepared transaction by COMMIT "
            "PREPARED or ROLLBACK PREPARED), or capture again later"
        ) from None


def _names(connection: "Connection", tables: Sequence[str]) -> list[str]:
    return [name for (name,) in connection.execute(THERE, (sorted(set(tables)),))]


def _require_tables(connection: "Connection", described: str, names: list[str]) -> list[tuple[Any, ...]]:
    found = connection.execute(TABLES, (names,)).fetchall()
    for name, _, kind, is_child, is_partition, rows_hidden, _ in found:
        if kind not in ("r", "p"):
            what = f"{'includes' if is_child else 'is'} {KINDS.get(kind, 'no table')}"
            raise UnusableInput(
                f"{described} can't be captured: {name} {what}, which may show anything and run its owner's code: "
                "evidence is taken from tables"
            )
        if is_child and not is_partition:
            raise UnusableInput(
                f"{described} can't be captured: other tables inherit from {name}, and their rows would be taken for "
                "its own: detach them (ALTER TABLE … NO INHERIT)"
            )
        if rows_hidden:
            raise UnusableInput(
                f"{described} can't be captured: row security hides rows of {name} from this role: connect as its "
                "owner, or as a role with BYPASSRLS"
            )
    return found


def _mind_superuser(connection: "Connection", described: str, tables: list[tuple[Any, ...]]) -> None:
    """Raises UnusableInput where code that is not the superuser's would run with its rights."""
    if _first(connection, "SELECT current_setting('is_superuser')") != "on":
        return
    code = connection.execute(CODE, ([oid for _, oid, *_ in tables],)).fetchone()
    if code is not None:
        raise UnusableInput(
            f"{described} can't be captured by a superuser: {code[0]} on {code[1]} calls code of the database's own, "
            "which would run with a superuser's rights: connect as a role that may only read"
        )
    if not all(owned_by_superuser for *_, owned_by_superuser in tables):
        logger.warning(
            "%s belongs to others, and is read as a superuser: a role that may only read is safer", described
        )


def _require_transaction(connection: "Connection", described: str) -> None:
    level = _first(connection, "SELECT current_setting('transaction_isolation')")
    writes = _first(connection, "SELECT current_setting('transaction_read_only')")
    if (level, writes) != ("repeatable read", "on"):
        raise UnusableInput(f"{described} can't be captured: it gave a {level} transaction where one cut was asked for")
    encoding = _first(connection, "SELECT current_setting('server_encoding')")
    if encoding == "SQL_ASCII":
        raise UnusableInput(
            f"{described} can't be captured: it is encoded in SQL_ASCII, which doesn't say what bytes mean: "
            "restore its dump into a database in UTF8, and capture that"
        )
    fault = out_of_order(connection)
    if fault is not None:
        raise UnusableInput(f"{described} can't be captured: {fault}")


def _first(connection: "Connection", query: str) -> Any:
    """The one value of the query's one row."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def as_stored() -> "dict[str, type[Loader]]":
    """Loaders that give a moment or day which Python can't hold, such as ``infinity``, as the text that it is."""
    from psycopg import DataError
    from psycopg.types.datetime import DateLoader, TimestamptzLoader

    def lenient(strict: "type[Loader]") -> "type[Loader]":
        def load(self: Any, data: "Buffer") -> Any:
            try:
                return strict.load(self, data)
            except DataError:
                return bytes(data).decode()

        return type(strict.__name__, (strict,), {"load": load})

    return {"timestamptz": lenient(TimestamptzLoader), "date": lenient(DateLoader)}
