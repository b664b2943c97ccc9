"""The next tables: whole before anybody reads them, and live within one transaction.

On PostgreSQL they stand in a schema of their own and change schema in the swap. On SQLite, which has no schemas, they
stand beside the live ones as ``<table>__next`` and change names. Rows that come from elsewhere are loaded before
indexes are made: an index made at once over all rows costs far less than one that grows with each. SQLite can't make a
primary key afterwards, so there rows come in its order, which keeps the tree's last page the only one that grows.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, MetaData, Table, insert, text
from sqlalchemy.schema import CreateTable

from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.columns import identifier
from esworkbench.projections.projection import Projection
from esworkbench.projections.rebuilding.staging import StagingSchema, begin

Rows = Iterable[Sequence[Any]]
"""Batches of rows with the table's columns in order; moments and days are text, as SQLite holds them."""

LOCK_SECONDS = 1
"""How long the swap stands in line for a table's readers: who comes after it waits as long."""

PRIVILEGES = text("""
    SELECT format('GRANT %s ON %I TO %s%s', privilege_type, table_name,
                  CASE grantee WHEN 'PUBLIC' THEN 'PUBLIC' ELSE quote_ident(grantee) END,
                  CASE is_grantable WHEN 'YES' THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM information_schema.role_table_grants
    WHERE table_schema = current_schema() AND table_name = :table AND grantee <> current_user
""")
KEYS = text("""
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass(:table) AND contype IN ('p', 'u')
""")
INDEXES = text("""
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = to_regclass(:table)
""")


class NextTables(Protocol):
    def create(self) -> None:
        """Empty tables, without the indexes that can wait. What stood there before goes."""

    def load(self, table: Table, rows: Rows) -> None:
        """Add rows in bulk."""

    def index(self) -> None:
        """Make the indexes that waited."""

    def replace_live(self, connection: Connection) -> None:
        """Drop the live tables and put the next ones in their place, inside the caller's transaction."""


def next_tables(store: EventStore, projection: Projection) -> NextTables:
    if store.engine.dialect.name == "sqlite":
        return SqliteNext(store, projection)
    return PostgresNext(store, projection, StagingSchema(store, schema_name(projection)))


def schema_name(projection: Projection) -> str:
    """The PostgreSQL schema in which the projection's next tables stand."""
    return f"rebuild_{projection.name}"


class SqliteNext:
    def __init__(self, store: EventStore, projection: Projection) -> None:
        self._store = store
        self._projection = projection

    def create(self) -> None:
        with write_transaction(self._store.engine) as connection:
            for table in self._projection.tables:
                renamed = _renamed(table)
                renamed.drop(connection, checkfirst=True)
                connection.execute(CreateTable(renamed))

    def load(self, table: Table, rows: Rows) -> None:
        statement = str(insert(_renamed(table)).compile(self._store.engine, column_keys=table.columns.keys()))
        for batch in rows:
            with write_transaction(self._store.engine) as connection:
                connection.exec_driver_sql(statement, list(batch))

    def index(self) -> None:
        """Names of indexes are the whole file's, and the live table still has them: see ``replace_live``."""

    def replace_live(self, connection: Connection) -> None:
        self._projection.drop_tables(connection)
        # A view on the live table names what isn't there for a moment; asked the new way, SQLite won't rename past it.
        connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
        for table in self._projection.tables:
            connection.exec_driver_sql(
                f"ALTER TABLE {identifier(_renamed(table).name)} RENAME TO {identifier(table.name)}"
            )
            for index in table.indexes:
                index.create(connection)
        connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")


class PostgresNext:
    def __init__(self, store: EventStore, projection: Projection, staging: StagingSchema) -> None:
        self.staging = staging
        self._store = store
        self._projection = projection
        self._waiting: list[str] = []

    def create(self) -> None:
        """The tables as the projection makes them; then keys and indexes go, and their definitions are kept."""
        self.staging.clear()
        begin(self.staging, self._projection, self._store.clock())
        self._waiting = []
        with self.staging.engine.begin() as connection:
            for table in self._projection.tables:
                name = identifier(table.name)
                for key, definition in connection.execute(KEYS, {"table": table.name}).all():
                    connection.exec_driver_sql(f"ALTER TABLE {name} DROP CONSTRAINT {identifier(key)}")
                    self._waiting.append(f"ALTER TABLE {name} ADD CONSTRAINT {identifier(key)} {definition}")
                for index, definition in connection.execute(INDEXES, {"table": table.name}).all():
                    connection.exec_driver_sql(f"DROP INDEX {index}")
                    self._waiting.append(definition)

    def load(self, table: Table, rows: Rows) -> None:
        columns = ", ".join(identifier(column.name) for column in table.columns)
        with self.staging.engine.begin() as connection:
            driver: Any = connection.connection.driver_connection
            with (
                driver.cursor() as cursor,
                cursor.copy(f"COPY {identifier(table.name)} ({columns}) FROM STDIN") as copy,
            ):
                for batch in rows:
                    for row in batch:
                        copy.write_row(row)

    def index(self) -> None:
        with self.staging.engine.begin() as connection:
            for statement in self._waiting:
                connection.exec_driver_sql(statement)
            for table in self._projection.tables:
                connection.exec_driver_sql(f"ANALYZE {identifier(table.name)}")

    def replace_live(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        home = connection.scalar(text("SELECT quote_ident(current_schema())"))
        granted = [
            grant
            for table in self._projection.tables
            for grant in connection.scalars(PRIVILEGES, {"table": table.name}).all()
        ]
        self._projection.drop_tables(connection)
        for table in self._projection.tables:
            connection.exec_driver_sql(f"ALTER TABLE {self.staging.name}.{identifier(table.name)} SET SCHEMA {home}")
        for grant in granted:
            connection.exec_driver_sql(grant)
        connection.exec_driver_sql(f"DROP SCHEMA {self.staging.name} CASCADE")


def _renamed(table: Table) -> Table:
    renamed = table.to_metadata(MetaData(), name=f"{table.name}__next")
    renamed.indexes.clear()
    return renamed
