"""Postings by query: what the ledger says of all events of one type and shape at once, in DuckDB.

SQL posts only what it provably reads as the ``Poster`` would (see ``json_shapes``); every other event is posted by the
``Poster`` itself, so postings, problems and counts are the same as if it had posted them all.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from esworkbench.archive import SCHEMAS, quoted
from esworkbench.archive.duckdb_connection import connect_duckdb
from esworkbench.events import MAX_AMOUNT_MINOR
from esworkbench.evidence.capturing.json_shapes import Shape, Shapes, at, came_back, read_as
from esworkbench.evidence.capturing.poster import Posted, Poster, Unpostable, decimals_for
from esworkbench.evidence.ledger import LedgerDefinition, PostingRule

compute: Any = pc
"""Its stubs know no chunked columns."""

ROWS_AT_ONCE = 100_000
SAMPLES = 20
CURRENCIES = 200
NEVER = "CAST(NULL AS BIGINT)"
PLACE = ("position", "stream_id", "version", "event_id")
MOMENTS = ("recorded_at", "valid_at", "correlation_id")
NEEDED = (*PLACE, "type", "schema_version", "payload", *MOMENTS)
ACCOUNT = "CASE WHEN contains(stream_id, '-') THEN substr(stream_id, strpos(stream_id, '-') + 1) ELSE stream_id END"


class SetBasedPoster:
    """Posts batches of events. ``poster`` has the problems and the counts, ``currencies`` what was posted in."""

    def __init__(self, ledger: LedgerDefinition, poster: Poster | None = None) -> None:
        self.poster = poster or Poster(ledger)
        self.currencies: set[str] = set()
        self._shapes = Shapes()
        self._connection = connect_duckdb(threads="1", TimeZone="UTC")

    def post(self, events: pa.Table) -> pa.Table:
        """The postings of events that have the columns ``NEEDED``, as the table of that name."""
        parts: list[pa.Table] = []
        left = np.ones(len(events), bool)
        kinds = events.select(["type", "schema_version"]).group_by(["type", "schema_version"]).aggregate([])
        for kind in kinds.to_pylist():
            # A query ends at a NUL.
            if None not in kind.values() and "\0" not in kind["type"]:
                parts += self._by_query(events, kind["type"], kind["schema_version"], left)
        parts.append(self._one_by_one(events.filter(pa.array(left))))
        postings = pa.concat_tables(parts)
        self.currencies.update(compute.unique(postings["currency"]).to_pylist())
        return postings

    def _by_query(self, events: pa.Table, kind: str, version: int, left: np.ndarray) -> Iterator[pa.Table]:
        """Postings of the events of one type and version that SQL reads, which are struck off ``left``."""
        is_kind = compute.and_(compute.equal(events["type"], kind), compute.equal(events["schema_version"], version))
        rows = np.flatnonzero(compute.fill_null(is_kind, False).to_numpy())
        rules = self.poster.rules_for(kind, version)
        for shape in self._shapes_for(kind, version, events, rows, left):
            rest = rows[left[rows]]
            # Most events are read by the first shape of their kind, so then nothing is copied to leave others out.
            part = events if len(rest) == len(rows) else events.take(pa.array(rest))
            read = self._read(part, kind, version, shape, rules or [])
            if read is None:
                continue
            found = read["row"].to_numpy()
            left[found if part is events else rest[found]] = False
            if rules is None:
                self.poster.count_unposted(kind, version, len(found))
            for ordinal, rule in enumerate(rules or []):
                columns = [read[f"{name}_{ordinal}"] for name in ("account", "currency", "amount")]
                yield _postings(read, pa.repeat(ordinal, len(found)), [*columns, pa.repeat(rule.kind, len(found))])

    def _shapes_for(
        self, kind: str, version: int, events: pa.Table, rows: np.ndarray, left: np.ndarray
    ) -> Iterator[dict[str, Shape]]:
        """The shapes known of this kind, then new ones, as long as there are rows that none has read."""
        for shape in self._shapes.of((kind, version)):
            if not left[rows].any():
                return
            yield shape
        while (rest := rows[left[rows]]).size:
            samples = events["payload"].take(pa.array(rest[:SAMPLES])).to_pylist()
            learnt = list(self._shapes.learn((kind, version), [text for text in samples if text is not None]))
            if not learnt:
                return
            yield from learnt

    def _read(
        self, part: pa.Table, kind: str, version: int, shape: dict[str, Shape], rules: list[PostingRule]
    ) -> pa.Table | None:
        """The rows of a kind that SQL posts: number in ``part``, place, and account, currency, amount for each rule.

        None where the shape has nothing that a rule asks for.
        """
        columns, conditions = [], [came_back("found", "payload")]
        part = part.append_column("row", pa.array(np.arange(len(part))))
        self._connection.register("part", part)
        for ordinal, rule in enumerate(rules):
            expressions = self._posting(rule, shape)
            if expressions is None:
                return None
            named = zip(expressions, ("account", "currency", "amount"), strict=True)
            columns += [f"{said} AS {name}_{ordinal}" for said, name in named]
            conditions += [f"{name}_{ordinal} IS NOT NULL" for name in ("account", "currency", "amount")]
        place, said = ", ".join((*PLACE, *MOMENTS)), "".join(f", {column}" for column in columns)
        read: pa.Table = self._connection.sql(
            f"SELECT * EXCLUDE (found, payload) FROM (SELECT row, {place}, payload, found{said} "
            f"FROM (SELECT *, {read_as(shape, 'payload')} AS found FROM part "
            f"WHERE type = {quoted(kind)} AND schema_version = {version})) WHERE {' AND '.join(conditions)}"
        ).to_arrow_table()
        return read

    def _posting(self, rule: PostingRule, shape: dict[str, Shape]) -> tuple[str, str, str] | None:
        """Account, currency and amount as SQL; null where the event is left to the poster. None where all are."""
        amount = at(shape, rule.amount, "found")
        account = ("VARCHAR", ACCOUNT) if rule.account == "stream" else at(shape, rule.account, "found")
        currency = at(shape, rule.currency_field or "", "found")
        if rule.currency:
            currency = ("VARCHAR", quoted(rule.currency))
        if amount is None or account is None or currency is None or {account[0], currency[0]} != {"VARCHAR"}:
            return None
        minor = _whole(*amount) if rule.scale == "minor" else self._scaled(*amount, rule, shape, currency[1])
        if rule.sign != "signed":
            minor = f"CASE WHEN {minor} >= 0 THEN {minor} * {rule.sign} END"
        return account[1], currency[1], minor

    def _scaled(self, kind: str, amount: str, rule: PostingRule, shape: dict[str, Shape], currency: str) -> str:
        """Major units, rounded half-up to minor ones: exactly, as whole numbers of 10**-18 of a unit."""
        units = "".join(
            f" WHEN {quoted(code)} THEN {10 ** (18 - decimals)}::HUGEINT"
            for code, decimals in self._decimals(rule, shape, currency).items()
        )
        if not units or kind == "BOOLEAN":
            return NEVER
        text = f"CAST({amount} AS VARCHAR)"
        plain = rf"regexp_full_match({text}, '-?[0-9]{{1,15}}(\.[0-9]{{1,18}})?')"
        exact = f"CAST(replace(CAST(CAST({text} AS DECIMAL(38, 18)) AS VARCHAR), '.', '') AS HUGEINT)"
        unit = f"CASE {currency}{units} END"
        rounded = f"sign({exact}) * ((abs({exact}) * 2 + {unit}) // ({unit} * 2))"
        within = f"CASE WHEN {rounded} BETWEEN -{MAX_AMOUNT_MINOR} AND {MAX_AMOUNT_MINOR} THEN {rounded} END"
        return f"CAST(CASE WHEN {plain} THEN {within} END AS BIGINT)"

    def _decimals(self, rule: PostingRule, shape: dict[str, Shape], currency: str) -> dict[str, int]:
        """The decimals of the first currencies that the rule meets in ``part``, as far as anybody says them."""
        found = self._connection.execute(
            f"SELECT DISTINCT {currency} FROM (SELECT {read_as(shape, 'payload')} AS found FROM part)"
            f" LIMIT {CURRENCIES}"
        )
        known = {}
        for (code,) in found.fetchall():
            with contextlib.suppress(Unpostable):
                decimals = None if code is None else decimals_for(rule, self.poster.scales, code)
                if decimals is not None:
                    known[code] = decimals
        return known

    def _one_by_one(self, events: pa.Table) -> pa.Table:
        rows: list[int] = []
        ordinals: list[int] = []
        posted: list[Posted] = []
        names = ("stream_id", "version", "event_id", "type", "schema_version", "payload")
        columns: list[list[Any]] = [events[name].to_pylist() for name in names]
        for row, (stream_id, version, event_id, kind, shape, payload) in enumerate(zip(*columns, strict=True)):
            found = self.poster.post(stream_id, version, event_id, kind, shape, payload or "")
            rows += [row] * len(found)
            ordinals += range(len(found))
            posted += found
        values: list[Any] = [list(column) for column in zip(*posted, strict=True)] or [[], [], [], []]
        return _postings(events.take(pa.array(rows, pa.int64())), ordinals, values)


def _postings(place: pa.Table, ordinals: Any, posted: list[Any]) -> pa.Table:
    columns = {name: place[name] for name in (*PLACE, *MOMENTS)} | {"ordinal": ordinals}
    columns |= dict(zip(("account", "currency", "amount_minor", "kind"), posted, strict=True))
    schema = SCHEMAS["postings"]
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _whole(kind: str, amount: str) -> str:
    """Whole minor units; null for anything that isn't plainly so."""
    if kind == "BIGINT":
        return f"CASE WHEN {amount} BETWEEN -{MAX_AMOUNT_MINOR} AND {MAX_AMOUNT_MINOR} THEN {amount} END"
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_full_match({amount}, '-?[0-9]{{1,15}}') THEN CAST({amount} AS BIGINT) END"
    return NEVER


def derived_postings(connection: duckdb.DuckDBPyConnection, ledger: LedgerDefinition) -> tuple[str, Poster]:
    """Post all ``events`` of opened evidence again; the name of a temporary table with the columns of ``postings``, and
    the poster, which has the counts."""
    poster = SetBasedPoster(ledger)
    connection.execute("CREATE OR REPLACE TEMP TABLE derived_postings AS SELECT * FROM postings WHERE false")
    events = connection.cursor().sql(f"SELECT {', '.join(NEEDED)} FROM events").to_arrow_reader(ROWS_AT_ONCE)
    assert events is not None
    for batch in events:
        posted = poster.post(pa.Table.from_batches([batch]))
        connection.register("posted", posted)
        connection.execute("INSERT INTO derived_postings SELECT * FROM posted")
        connection.unregister("posted")
    return "derived_postings", poster.poster
