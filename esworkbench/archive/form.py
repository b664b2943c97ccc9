"""Whether the files of an archive have the format's columns and the manifest's number of rows.

Their hashes don't say that: whoever edits a file can write its new hash into the manifest. Asked of DuckDB, which reads
the rows later, and of the files' footers alone, so it costs the same however long the log is.
"""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from esworkbench.archive.manifest import Manifest
from esworkbench.archive.paths import about_parquet
from esworkbench.archive.tables import ADDED_LATER, SCHEMAS, TIME
from esworkbench.errors import EvidenceDamaged

if TYPE_CHECKING:
    import duckdb

IN_DUCKDB = {
    pa.string(): "VARCHAR", pa.bool_(): "BOOLEAN", pa.int64(): "BIGINT", pa.int32(): "INTEGER", pa.date32(): "DATE",
    TIME: "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip

COLUMNS = "SELECT file_name, name, coalesce(duckdb_type, 'nested') FROM {schema}"

ROWS = """
    SELECT (SELECT sum(num_rows) FROM {file_metadata})::BIGINT, coalesce(sum(rows), 0)::BIGINT,
        coalesce(bool_and(whole), true)
    FROM (SELECT any_value(row_group_num_rows) AS rows, bool_and(num_values = row_group_num_rows) AS whole
          FROM {metadata} GROUP BY file_name, row_group_id)
"""


def no_rows(table: str) -> str:
    """A query with the table's columns and no row."""
    columns = ", ".join(f"NULL::{IN_DUCKDB[field.type]} AS {field.name}" for field in SCHEMAS[table])
    return f"SELECT {columns} WHERE false"


def require_form(connection: "duckdb.DuckDBPyConnection", folder: Path, manifest: Manifest) -> None:
    """Raises EvidenceDamaged, naming the file or the table."""
    for table, schema in SCHEMAS.items():
        files = [folder / name for name in manifest.files_of(table)]
        if not files:
            continue
        said = {what: about_parquet(what, files) for what in ("schema", "metadata", "file_metadata")}
        expected = [(field.name, IN_DUCKDB[field.type]) for field in schema]
        described = connection.execute(COLUMNS.format_map(said)).fetchall()
        known = (expected, [each for each in expected if each[0] not in ADDED_LATER.get(table, ())])
        alike: dict[str, list[tuple[str, str]]] = {}  # what one capture or one addition wrote
        for name, rows in groupby(described, key=lambda row: row[0]):
            # The first row describes the file as a whole.
            columns = [(column, kind) for _, column, kind in rows][1:]
            if columns not in known or alike.setdefault(Path(name).name, columns) != columns:
                raise EvidenceDamaged(f"{name} has other columns than {table} of evidence has: capture again")
        ((told, held, whole),) = connection.execute(ROWS.format_map(said)).fetchall()
        if (told, held, whole) != (manifest.rows[table], manifest.rows[table], True):
            raise EvidenceDamaged(
                f"{folder / table} holds {held:,} rows where the manifest says {manifest.rows[table]:,}: "
                "the evidence is not whole"
            )
