"""Many rows at once: a query's rows as Arrow, through ADBC, from the same cut.

Both drivers are used without their DB-API layers, which would bring pandas along. SQLite's types a column by its first
rows, so a query must give every row of a column the same type, and no nulls.
"""

import contextlib
from collections.abc import Iterator, Sequence

import adbc_driver_manager as adbc
import pyarrow as pa

ROWS_AT_ONCE = 50_000


def from_sqlite(uri: str, query: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query on a SQLite file that nobody else of this process has open, or nobody may write to."""
    import adbc_driver_sqlite

    with (
        contextlib.closing(adbc_driver_sqlite.connect(uri)) as database,
        contextlib.closing(adbc.AdbcConnection(database)) as connection,
    ):
        _execute(connection, "PRAGMA trusted_schema = OFF")
        yield from _rows(connection, query, {"adbc.sqlite.query.batch_rows": str(ROWS_AT_ONCE)})


def from_postgres(uri: str, joining: Sequence[str], query: str) -> Iterator[pa.RecordBatch]:
    """The rows of a query after the statements in ``joining``, which bring the connection to the cut."""
    import adbc_driver_postgresql

    with (
        contextlib.closing(adbc_driver_postgresql.connect(uri)) as database,
        contextlib.closing(adbc.AdbcConnection(database)) as connection,
    ):
        for statement in joining:
            _execute(connection, statement)
        yield from _rows(connection, query, {})
        _execute(connection, "ROLLBACK")


def _execute(connection: adbc.AdbcConnection, statement: str) -> None:
    with contextlib.closing(adbc.AdbcStatement(connection)) as prepared:
        prepared.set_sql_query(statement)
        prepared.execute_update()


def _rows(connection: adbc.AdbcConnection, query: str, options: dict[str, str]) -> Iterator[pa.RecordBatch]:
    with contextlib.closing(adbc.AdbcStatement(connection)) as statement:
        statement.set_options(**options)
        statement.set_sql_query(query)
        stream, _ = statement.execute_query()
        with pa.RecordBatchReader.from_stream(stream) as reader:
            yield from reader
