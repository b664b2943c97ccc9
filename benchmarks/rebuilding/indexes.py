"""What a read model's indexes cost while it is filled, on PostgreSQL: the same rows four times, by the bare driver."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import psycopg

ROW = (
    "account_id text, position bigint, event_type text, amount_minor bigint, currency text, balance_after_minor bigint"
)
KEY = "ALTER TABLE history ADD PRIMARY KEY (account_id, currency, position)"
SECONDARY = ("CREATE INDEX ON history (event_type, position)", "CREATE INDEX ON history (amount_minor)")
INSERT = "INSERT INTO history VALUES (%s, %s, %s, %s, %s, %s)"


def filling(url: str, rows: int) -> dict[str, float]:
    """Seconds for each way to fill the same table with the same rows."""
    made = [(f"a{n * 7919 % 5000}", n, "MoneyDeposited", n * 104729 % 100000, "USD", n) for n in range(rows)]
    return {
        "inserts, a commit each 1,000, indexes on": _fill(url, made, 1_000, _insert, indexes_first=True),
        "COPY of 20,000 at a time, indexes on": _fill(url, made, 20_000, _copy, indexes_first=True),
        "inserts, a commit each 1,000, indexes last": _fill(url, made, 1_000, _insert, indexes_first=False),
        "COPY of 20,000 at a time, indexes last": _fill(url, made, 20_000, _copy, indexes_first=False),
    }


def _fill(
    url: str,
    rows: list[Any],
    at_once: int,
    add: Callable[[psycopg.Cursor[Any], list[Any]], None],
    *,
    indexes_first: bool,
) -> float:
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS history")
        cursor.execute(f"CREATE TABLE history ({ROW})")
        began = perf_counter()
        if indexes_first:
            _index(cursor)
        for first in range(0, len(rows), at_once):
            with connection.transaction():
                add(cursor, rows[first : first + at_once])
        if not indexes_first:
            _index(cursor)
        return perf_counter() - began


def _index(cursor: psycopg.Cursor[Any]) -> None:
    for statement in (KEY, *SECONDARY):
        cursor.execute(statement)


def _insert(cursor: psycopg.Cursor[Any], rows: list[Any]) -> None:
    cursor.executemany(INSERT, rows)


def _copy(cursor: psycopg.Cursor[Any], rows: list[Any]) -> None:
    with cursor.copy("COPY history FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
