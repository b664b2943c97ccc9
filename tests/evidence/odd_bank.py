"""A bank whose log was made anew by somebody who forgot every type and rule of it, and odd events for it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from evidence_sources import small_bank

COLUMNS = (
    "global_position, stream_id, version, event_id, event_type, schema_version, payload, metadata, recorded_at,"
    " valid_at, prev_hash, hash"
)
PAYLOAD = '{"amount_minor":1,"currency":"USD","reference":"r"}'
MOMENT = "2026-01-02T00:00:00.000000Z"
USUAL: dict[str, Any] = {
    "global_position": 100, "stream_id": "BankAccount-odd", "version": 1, "event_id": "odd",
    "event_type": "MoneyDeposited", "schema_version": 3, "payload": PAYLOAD, "metadata": "{}", "recorded_at": MOMENT,
    "valid_at": MOMENT, "prev_hash": "0" * 64, "hash": "f" * 64,
}  # fmt: skip


class Text(bytes):
    """Bytes that are stored as text, whatever they are."""


@contextmanager
def loose_bank(folder: Path) -> Iterator[sqlite3.Connection]:
    """The small bank in ``folder``/bank.db, whose events take any value in any column."""
    small_bank(f"sqlite:///{folder / 'bank.db'}").engine.dispose()
    with closing(sqlite3.connect(folder / "bank.db", isolation_level=None)) as connection:
        loosen(connection, "events", COLUMNS)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def loosen(connection: sqlite3.Connection, table: str, columns: str | None = None) -> None:
    """Make the table anew without types, keys or rules."""
    columns = columns or ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
    connection.execute(f"ALTER TABLE {table} RENAME TO typed")
    connection.execute(f"CREATE TABLE {table} ({columns})")
    connection.execute(f"INSERT INTO {table} SELECT {columns} FROM typed ORDER BY 1")
    connection.execute("DROP TABLE typed")


def add(connection: sqlite3.Connection, **odd: Any) -> None:
    values = USUAL | odd
    marks = ", ".join(
        f"CAST(? AS {'TEXT' if isinstance(values[name], Text) else 'BLOB'})" if isinstance(values[name], bytes) else "?"
        for name in values
    )
    connection.execute(f"INSERT INTO events ({', '.join(values)}) VALUES ({marks})", list(values.values()))
