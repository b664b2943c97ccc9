"""What every account's events and read-model rows are, byte for byte, so that what a repair did beside its target is
seen.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, inspect, text

from esworkbench.composition import DOMAINS
from esworkbench.course.drills.record import Fingerprint, RowsMark

EVENTS = "events"
Rows = Mapping[str, Mapping[str, list[bytes]]]
"""By account, then by table: events in the order of their versions, rows of a read model in an order of their own."""


def rows_by_account(engine: Engine) -> Rows:
    """All events and all rows of the bank's read models. A table that isn't there has none."""
    found: dict[str, dict[str, list[bytes]]] = {}
    there = inspect(engine).get_table_names()
    with engine.connect() as connection:
        for table, of_account in _tables():
            if table not in there:
                continue
            order = " ORDER BY stream_id, version" if table == EVENTS else ""
            result = connection.execute(text(f"SELECT * FROM {table}{order}"))
            columns = list(result.keys())
            for values in result:
                row = dict(zip(columns, values, strict=True))
                found.setdefault(_account(str(row[of_account])), {}).setdefault(table, []).append(_content(row))
    for tables in found.values():
        for table in tables.keys() - {EVENTS}:
            tables[table].sort()  # a rebuild may lay the same rows down in another order
    return found


def fingerprint(rows: Rows) -> Fingerprint:
    """The mark of each account's rows in each table."""
    return {
        account: {table: mark_of(found) for table, found in sorted(tables.items())}
        for account, tables in sorted(rows.items())
    }


def mark_of(rows: list[bytes]) -> RowsMark:
    """Their number and digest."""
    return RowsMark(len(rows), sha256(b"\n".join(rows)).hexdigest())


def changes(before: Fingerprint, rows: Rows, accounts: Collection[str]) -> list[str]:
    """What isn't as it was on these accounts, a sentence for each table."""
    return [
        sentence
        for account in sorted(accounts)
        for table, _ in _tables()
        if (sentence := _change(account, table, before.get(account, {}).get(table), rows.get(account, {}).get(table)))
    ]


def _change(account: str, table: str, before: RowsMark | None, rows: list[bytes] | None) -> str | None:
    old, now = before or mark_of([]), rows or []
    if mark_of(now) == old:
        return None
    if table == EVENTS and mark_of(now[: old.rows]) == old:
        return f"{len(now) - old.rows} events were appended to {account}"
    return f"what {table} holds of {account} isn't as it was: {old.rows} rows then, {len(now)} now"


def _tables() -> Iterator[tuple[str, str]]:
    """Each table with the column that names the account."""
    yield EVENTS, "stream_id"
    for code in DOMAINS["bank"].read_models.values():
        for table in code.projection().tables:
            yield table.name, "account_id"


def _account(named: str) -> str:
    """A stream is named after its account."""
    return re.sub(r"^BankAccount-", "", named)


def _content(row: Mapping[str, Any]) -> bytes:
    return repr(sorted(row.items())).encode("utf-8", "backslashreplace")
