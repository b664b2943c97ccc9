"""Each read model through its indexes and through its table: how many rows, and what the balances they claim come to.

A query by key goes through an index, a scan through the table, and a database believes both. That they may differ is
known from broken disks, from a collation that changed under an index, and from bugs (PostgreSQL's ``amcheck`` and
SQLite's ``integrity_check`` look for it from inside). Asked here from outside, in the capture's own transaction, with
the planner told which way to go; the plan says whether it went there, or nothing is taken for granted.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from esworkbench.archive import IndexCheck, IndexDifference
from esworkbench.evidence.capturing.source import SourceDatabase
from esworkbench.evidence.ledger import ReadModel

MOST_ROWS = 2_000_000
"""Of more rows none is fetched through an index: each may be a look at another page."""
LISTED = 100
"""So many accounts that differ are named."""
LONGEST_ERROR = 300
SQLITE_CORRUPT = 11
A_WHOLE_NUMBER = range(-(2**63), 2**63)

INDEXES_ON_SQLITE = """
    SELECT l.name, json_group_array(json_array(x.name, x."desc")) FROM pragma_index_list(?) AS l,
        pragma_index_xinfo(l.name) AS x
    WHERE NOT l.partial AND x.key GROUP BY l.name HAVING count(x.name) = count(*) ORDER BY l.name
"""

# Whoever asks by key uses none that is partial, invalid or of another kind than ordered.
INDEXES_ON_POSTGRESQL = """
    SELECT i.relname, json_agg(json_build_array(a.attname, x.indoption[k.at - 1]) ORDER BY k.at)::text
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_am AS m ON m.oid = i.relam
        JOIN pg_class AS t ON t.oid = x.indrelid, unnest(x.indkey::int2[]) WITH ORDINALITY AS k (column_number, at)
        JOIN LATERAL (SELECT attname FROM pg_attribute WHERE attrelid = x.indrelid AND attnum = k.column_number) AS a
            ON true
    WHERE x.indrelid = to_regclass(quote_ident(%s)) AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
      AND m.amname = 'btree' AND t.relkind = 'r' AND k.at <= x.indnkeyatts
    GROUP BY i.relname ORDER BY i.relname
"""

IS_A_NUMBER = """
    SELECT a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype) FROM pg_attribute AS a
    WHERE a.attrelid = to_regclass(quote_ident(%s)) AND a.attname = %s
"""

SAVEPOINT = "esworkbench_index"
THROUGH_THE_TABLE = {"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off"}
THROUGH_AN_INDEX = {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"}
IN_ONE_PROCESS = {"max_parallel_workers_per_gather": "0"}


class Index(NamedTuple):
    """``columns`` are its keys in their order, each with the words that its order takes in an ORDER BY."""

    name: str
    columns: list[tuple[str, str]]


def index_checks(source: SourceDatabase, models: Sequence[ReadModel]) -> list[IndexCheck]:
    """One record for each index of each of these read models, whose tables are there."""
    planner = OnSqlite(source) if source.engine == "sqlite" else OnPostgresql(source)
    return [_check(planner, source, model, index) for model in models for index in planner.indexes(model)]


def _check(planner: "OnSqlite | OnPostgresql", source: SourceDatabase, model: ReadModel, index: Index) -> IndexCheck:
    check = IndexCheck(table=model.table, projection=model.projection, index=index.name)
    counted = planner.ask(model, None, by_account=False)
    if not counted:
        return replace(check, not_asked="the database didn't read the table past its indexes")
    [(rows, *parts)] = counted
    source.rest(rows)
    check = replace(check, rows=rows, total=_total(parts))
    if rows > MOST_ROWS:
        return replace(check, not_asked=f"it has more than {MOST_ROWS:,} rows")
    try:
        found = planner.ask(model, index, by_account=False)
    except planner.errors as error:
        if not planner.is_damage(error):
            raise
        return replace(check, error=" ".join(str(error).split())[:LONGEST_ERROR])
    if not found:
        return replace(check, not_asked="the database didn't go through it")
    [(through, *parts)] = found
    source.rest(rows)
    check = replace(check, rows_through_index=through, total_through_index=_total(parts))
    differing = _accounts(planner, model, index) if check.differs else []
    return replace(check, differing=differing[:LISTED], differing_left_out=max(0, len(differing) - LISTED))


def _accounts(planner: "OnSqlite | OnPostgresql", model: ReadModel, index: Index) -> list[IndexDifference]:
    """The accounts whose rows aren't the same both ways."""
    table, through = (
        {(str(account), str(currency)): (count, _total(parts)) for account, currency, count, *parts in rows}
        for rows in (planner.ask(model, None, by_account=True), planner.ask(model, index, by_account=True))
    )
    nothing = (0, 0)
    return [
        IndexDifference(*key, *table.get(key, nothing), *through.get(key, nothing))
        for key in sorted(table.keys() | through.keys())
        if table.get(key, nothing) != through.get(key, nothing)
    ]


def _total(parts: Sequence[Any]) -> int | None:
    """In minor units; None where the column is no number, or the sum beyond 64 bits."""
    if not parts or any(part is None for part in parts):
        return 0 if parts else None
    try:
        total = (int(parts[0]) << 32) + int(parts[1]) if len(parts) == 2 else int(parts[0])
    except (ValueError, OverflowError, ArithmeticError):
        return None
    return total if total in A_WHOLE_NUMBER else None


def quoted(name: str) -> str:
    """A name as the database has it, in a query."""
    return '"' + name.replace('"', '""') + '"'


class OnSqlite:
    """``INDEXED BY`` and ``NOT INDEXED``. A sum is asked in two halves, which no table makes overflow."""

    errors: tuple[type[Exception], ...] = (sqlite3.DatabaseError,)

    def __init__(self, source: SourceDatabase) -> None:
        self._source = source

    def is_damage(self, error: Exception) -> bool:
        """The file isn't what it should be; anything else may be ours."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == SQLITE_CORRUPT

    def indexes(self, model: ReadModel) -> Iterator[Index]:
        for name, columns in self._source.ask(INDEXES_ON_SQLITE, model.table):
            yield Index(name, [(column, "DESC" if down else "") for column, down in json.loads(columns)])

    def ask(self, model: ReadModel, index: Index | None, *, by_account: bool) -> list[tuple[Any, ...]]:
        """Count and halves of the sum, for each account where asked; empty where the plan goes another way."""
        chosen = "NOT INDEXED" if index is None else f"INDEXED BY {quoted(index.name)}"
        keys = f"{model.account}, {model.currency}, " if by_account else ""
        query = (
            f"SELECT {keys}count(*), sum({model.claimed} >> 32), sum({model.claimed} & 4294967295) "
            f"FROM {model.table} {chosen}{' GROUP BY 1, 2' if by_account else ''}"
        )
        plan = " / ".join(str(row[3]) for row in self._source.ask(f"EXPLAIN QUERY PLAN {query}"))
        goes = f"INDEX {index.name}" in plan if index else "INDEX" not in plan.upper()
        return self._source.ask(query) if goes else []


class OnPostgresql:
    """The planner's settings, for one query each: back at the savepoint they are what they were."""

    def __init__(self, source: SourceDatabase) -> None:
        from psycopg import Error

        self._source = source
        self.errors: tuple[type[Exception], ...] = (Error,)

    def is_damage(self, error: Exception) -> bool:
        """Class XX: data or an index is corrupted. A limit of time that passed is none."""
        return str(getattr(error, "sqlstate", "")).startswith("XX")

    def indexes(self, model: ReadModel) -> Iterator[Index]:
        for name, columns in self._source.ask(INDEXES_ON_POSTGRESQL, model.table):
            yield Index(name, [(column, _order(options)) for column, options in json.loads(columns)])

    def ask(self, model: ReadModel, index: Index | None, *, by_account: bool) -> list[tuple[Any, ...]]:
        """Count and sum, for each account where asked; empty where the plan goes another way."""
        keys = [model.account, model.currency] if by_account else []
        summed = [model.claimed] if self._source.ask(IS_A_NUMBER, model.table, model.claimed) == [(True,)] else []
        order = ", ".join(f"{quoted(column)}{words}" for column, words in index.columns) if index else ""
        inner = f"SELECT {', '.join([*keys, *summed]) or '1'} FROM {model.table}"
        # OFFSET keeps the inner query as it is; without an order the whole of an index would never be a way to go.
        inner += f" ORDER BY {order} OFFSET 0" if order else " OFFSET 0"
        outer = ", ".join([*keys, "count(*)", *(f"coalesce(sum({name}), 0)" for name in summed)])
        query = f"SELECT {outer} FROM ({inner}) AS rows{' GROUP BY 1, 2' if by_account else ''}"
        chosen = {**IN_ONE_PROCESS, **(THROUGH_AN_INDEX if index else THROUGH_THE_TABLE)}
        self._source.ask(f"SAVEPOINT {SAVEPOINT}")
        try:
            for name, value in chosen.items():
                self._source.ask(f"SET LOCAL {name} = {value}")
            [(plan,)] = self._source.ask(f"EXPLAIN (FORMAT JSON) {query}")
            expected = {("Index Scan", index.name), ("Index Only Scan", index.name)} if index else {("Seq Scan", None)}
            scans = set(_scans(plan[0]["Plan"]))
            return self._source.ask(query) if len(scans) == 1 and scans <= expected else []
        finally:
            self._source.ask(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            self._source.ask(f"RELEASE SAVEPOINT {SAVEPOINT}")


def _order(options: int) -> str:
    """An index is ordered downwards by its first bit, with nulls first by its second."""
    return f"{' DESC' if options & 1 else ''}{' NULLS FIRST' if options & 2 else ' NULLS LAST'}"


def _scans(plan: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    kind = plan["Node Type"]
    if kind.endswith("Scan") and kind != "Subquery Scan":
        yield kind, plan.get("Index Name")
    for part in plan.get("Plans", []):
        yield from _scans(part)
