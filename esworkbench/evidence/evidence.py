"""Evidence, opened: postings, balance assertions and the events behind them."""

import os
import re
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

from esworkbench.archive import (
    LEDGER,
    LedgerRecord,
    Manifest,
    bucket_of,
    from_parquet,
    require_text,
)
from esworkbench.errors import UnknownAccount, UnusableInput
from esworkbench.evidence.ledger import COLUMN_KINDS, LedgerDefinition
from esworkbench.money import format_minor, iso_decimals

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


MEMORY = "640MB"
"""What DuckDB takes for its questions before it spills. Python and its libraries take some 200 MB more."""

MOST_THREADS = 4
"""Each thread needs its share of that memory."""

SMALL = 200_000
"""Rows of all tables up to which evidence is read once and kept in memory; above, each question reads its files."""

TIMES_TRIED = 20
"""So many of the latest times may be in dispute; more were not edited one by one."""

_CONTENTS_AT = """
    SELECT hash, prev_hash, stream_id, version, event_id, type, schema_version, recorded_at, valid_at, payload, metadata
    FROM events WHERE recorded_at = ? LIMIT 1000
"""

# A read model may keep whole seconds or milliseconds.
_TOLD_AT = """
    SELECT 1 FROM events AS e JOIN assertions AS a ON a.event_id = e.event_id
    WHERE e.recorded_at = ? AND a.kind = 'running' AND a.recorded_at IN (
        e.recorded_at, date_trunc('second', e.recorded_at), date_trunc('millisecond', e.recorded_at)) LIMIT 1
"""

_OPENINGS = """
    INSERT INTO openings
    SELECT a.account, a.currency, arg_min(a.claimed_minor - p.amount_minor, a.order_key)
    FROM assertions a JOIN postings p USING (account, currency, position) WHERE a.kind = 'running' GROUP BY ALL
"""


def _holds(own: str | None, prev_hash: str | None, *content: Any) -> bool:
    """Whether an event is what was hashed, or carries no hash that could tell."""
    from esworkbench.event_store.chain import event_hash

    if own is None:
        return True
    if any(part is None for part in content) or not re.fullmatch("[0-9a-f]{64}", prev_hash or ""):
        return False
    hashed = (*content[:-2], *(text.encode() for text in content[-2:]))
    return event_hash(prev_hash or "", *hashed) == own


class Posting(NamedTuple):
    """The signed effect of one event on one account, in minor units. ``ordinal`` counts an event's postings from 0.

    A time is None where the log doesn't tell it: an odd event is kept all the same.
    """

    position: int
    ordinal: int
    stream_id: str
    version: int
    event_id: str
    account: str
    currency: str
    amount_minor: int
    kind: str
    recorded_at: datetime | None
    valid_at: datetime | None
    correlation_id: str | None


class Assertion(NamedTuple):
    """A claimed balance, in minor units.

    ``source`` is the projection or file that claims it, ``kind`` one of head, running, daily, statement, snapshot; or
    of what stands beside a balance: amount (of an event), credits, debits (of a day), holds (``event_id`` names it).
    ``position`` to ``type`` are what the row says of its event, null where the ledger names no column for it.
    ``step_minor`` is by how much the claim differs from the source's previous one for this account (its first: from 0).
    """

    source: str
    kind: str
    account: str
    currency: str
    claimed_minor: int
    step_minor: int | None
    position: int | None
    version: int | None
    event_id: str | None
    order_key: int | None
    day: date | None
    recorded_at: datetime | None
    valid_at: datetime | None
    type: str | None = None


class Evidence:
    """A frozen copy of a ledger, taken at one cut. Open it with ``Evidence.open``."""

    digest: str
    """SHA-256 of the manifest, which pins every file: the name to quote this evidence by."""

    def __init__(self, path: Path, manifest: Manifest, ledger: LedgerDefinition, digest: str) -> None:
        self.path = path
        self.manifest = manifest
        self.ledger = ledger
        self.digest = digest
        self._database: duckdb.DuckDBPyConnection | None = None
        self._lacking: dict[str, dict[str, str]] = {}

    @classmethod
    def open(cls, path: Path | str, verify: bool = True, *, earlier: str | None = None) -> Self:
        """Open a folder of evidence. Raises EvidenceDamaged when it isn't whole; ``verify`` hashes every file.

        ``earlier`` is the digest of a manifest that was added to since: the evidence is opened as it was then. That its
        postings are what its events post takes a look at every event: see ``open_agreeing``.
        """
        path = Path(path)
        require_text(path)
        if not path.exists():
            raise UnusableInput(f"{path} does not exist: capture evidence first")
        manifest, digest = Manifest.load_with_digest(path, earlier)
        if verify:
            manifest.verify(path)
            for _ in manifest.earlier(path):
                pass
        opened = cls(path, manifest, LedgerDefinition.load(path / LEDGER), digest)
        if verify:
            opened.connection()
        return opened

    @property
    def judged_by(self) -> LedgerRecord:
        """The ledger definition behind every number. Older evidence doesn't say where its own came from."""
        kept = self.manifest.files[LEDGER]
        return self.manifest.judged_by or LedgerRecord(
            name=self.ledger.name, sha256=kept, origin="kept with the evidence, origin not recorded"
        )

    def connection(self) -> "duckdb.DuckDBPyConnection":
        """A DuckDB cursor with a view for each table of the evidence. Sums need a cast: ``sum(…)::BIGINT``.

        What it can't read of the evidence is EvidenceDamaged.
        """
        from esworkbench.evidence.reading import Reading

        if self._database is None:
            self._database = self._open_database()
        cursor = self._database.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        return cast("duckdb.DuckDBPyConnection", Reading(cursor, self.path))

    def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the evidence's views; ``given`` are its ``$parameters``."""
        return self.connection().execute(query, given or None).fetchall()

    def accounts(self) -> list[tuple[str, str]]:
        """Every (account, currency) that a posting or an assertion names, sorted."""
        rows = self.connection().execute(
            "SELECT account, currency FROM postings UNION SELECT account, currency FROM assertions ORDER BY 1, 2"
        )
        return rows.fetchall()

    def decimals(self, currency: str) -> int | None:
        """How many decimals amounts of this currency have here; None where nobody says, and they are shown as they are.

        The manifest decides, so that evidence reads the same whatever happens to ledger files and to ISO's list. If it
        doesn't say (a currency that isn't in the evidence, or evidence of an earlier release), the ledger does, then
        ISO 4217.
        """
        recorded = self.manifest.decimals or {}
        if currency in recorded:
            return recorded[currency]
        said = self.ledger.decimals_said(currency)
        return iso_decimals(currency) if said is None else said

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount as text, in this evidence's scale: ``-47.23 USD``, or ``1,000 minor units of BTC``."""
        return format_minor(amount_minor, currency, self.decimals(currency))

    def currencies(self, account: str) -> list[str]:
        """The currencies of one account, sorted. Raises UnknownAccount."""
        rows = self.connection().execute(
            f"SELECT currency FROM {self._bucket('postings', account)} WHERE account = $account UNION "
            f"SELECT currency FROM {self._bucket('assertions', account)} WHERE account = $account ORDER BY 1",
            {"account": account},
        )
        found = [currency for (currency,) in rows.fetchall()]
        if not found:
            raise UnknownAccount(f"no posting and no assertion in {self.path} names account {account!r}")
        return found

    def choose_currency(self, account: str, currency: str | None) -> str:
        """The currency to ask about. Raises UnknownAccount, with the names that come near, or UnusableInput."""
        try:
            known = self.currencies(account)
        except UnknownAccount as error:
            near = get_close_matches(account, {name for name, _ in self.accounts()}, n=3, cutoff=0.6)
            hint = f": did you mean {', '.join(map(repr, near))}?" if near else ""
            raise UnknownAccount(f"{error}{hint}") from None
        if currency is None and len(known) > 1:
            raise UnusableInput(f"account {account!r} has balances in {', '.join(known)}: choose one with --currency")
        if currency is not None and currency not in known:
            raise UnusableInput(f"account {account!r} has no balance in {currency!r}, only in {', '.join(known)}")
        return currency or known[0]

    def opening(self, account: str, currency: str) -> int:
        """The balance, in minor units, that the account starts from: 0, but a file may begin mid-life."""
        ((opening,),) = self.rows("SELECT opening_of($account, $currency)", account=account, currency=currency)
        return int(opening)

    def own_stream(self, account: str) -> str | None:
        """The stream that holds this account and no other, or None."""
        connection = self.connection()
        streams = connection.execute(
            "SELECT stream_id, count(DISTINCT account) FROM postings WHERE stream_id IN "
            "(SELECT stream_id FROM postings WHERE account = $account) GROUP BY stream_id",
            {"account": account},
        ).fetchall()
        if not streams:
            # Opened, with nothing posted yet: only the name tells which stream it is.
            streams = connection.execute(
                "SELECT DISTINCT stream_id, 1 FROM events "
                "WHERE substr(stream_id, strpos(stream_id, '-') + 1) = $account",
                {"account": account},
            ).fetchall()
        return streams[0][0] if len(streams) == 1 and streams[0][1] == 1 else None

    def postings(self, account: str, currency: str | None = None) -> list[Posting]:
        """One account's postings in order of position, in one currency or in all."""
        rows = self._rows_of("postings", account, {"currency": currency}, "position, ordinal")
        return [Posting(*row) for row in rows]

    def assertions(
        self, account: str, currency: str | None = None, *, source: str | None = None, kind: str | None = None
    ) -> list[Assertion]:
        """One account's balance assertions by source, and within a source in the order they were made.

        What stands beside a balance (``COLUMN_KINDS``) is among them only where its ``kind`` is named.
        """
        filters = {"currency": currency, "source": source, "kind": kind}
        order = "source, kind, order_key, position, day"
        found = (Assertion(*row) for row in self._rows_of("assertions", account, filters, order))
        return [each for each in found if kind or each.kind not in COLUMN_KINDS]

    @property
    def now(self) -> datetime:
        """The moment that ages are measured at: the latest event's, or the cut's where there is no event.

        An event that isn't what was hashed may have been given its time since, so it counts only where a read model's
        row tells the same time of it; unless all the latest are like that, as where another serializer wrote them.
        """
        latest: datetime | None = one_row(self.connection().execute("SELECT max(recorded_at) FROM events"))[0]
        latest = self._undisputed(latest) or latest or self.manifest.cut.server_time
        if latest is None:
            raise UnusableInput(f"{self.path} holds no event and no time of capture, so ages can't be measured")
        return latest

    def _undisputed(self, latest: datetime | None) -> datetime | None:
        connection = self.connection()
        for _ in range(TIMES_TRIED):
            if latest is None:
                return None
            contents = connection.execute(_CONTENTS_AT, [latest]).fetchall()
            if any(_holds(*content) for content in contents) or connection.execute(_TOLD_AT, [latest]).fetchall():
                return latest
            latest = one_row(connection.execute("SELECT max(recorded_at) FROM events WHERE recorded_at < ?", [latest]))[
                0
            ]
        return None

    def checkpoint(self, projection: str) -> int | None:
        """How far a projection had got at the cut; None where it keeps no checkpoint."""
        return self.manifest.cut.checkpoints.get(projection)

    def _rows_of(
        self, table: str, account: str, filters: dict[str, str | None], order: str
    ) -> Iterator[tuple[Any, ...]]:
        from esworkbench.archive import SCHEMAS

        given = {name: value for name, value in filters.items() if value is not None}
        conditions = " AND ".join(f"{name} = ${name}" for name in ("account", *given))
        columns = ", ".join(SCHEMAS[table].names)
        found = self.connection().sql(
            f"SELECT {columns} FROM {self._bucket(table, account)} WHERE {conditions} ORDER BY {order}",
            params={"account": account, **given},
        )
        arrow: pa.Table = found.to_arrow_table()
        return zip(*(column.to_pylist() for column in arrow.columns), strict=True)

    def _bucket(self, table: str, account: str) -> str:
        """The one file that holds the account's rows, as something to select from."""
        return self.from_buckets(table, [bucket_of(account, self.manifest.buckets)])

    def groups_of_buckets(self, rows_at_once: int, *tables: str) -> list[list[int]]:
        """The buckets in order, as many together as hold about so many rows of these tables: each query has a cost of
        its own, and all of them at once needn't fit in memory."""
        buckets, rows = self.manifest.buckets, sum(self.manifest.rows.get(table, 0) for table in tables)
        count = max(1, rows_at_once * buckets // max(rows, 1))
        return [list(range(first, min(first + count, buckets))) for first in range(0, buckets, count)]

    def from_buckets(self, table: str, buckets: list[int]) -> str:
        """SQL to select the rows of some buckets of a table from."""
        names = [name for bucket in buckets for name in self.manifest.files_of(table, bucket)]
        return self._whole_rows(table, [self.path / name for name in names])

    def _whole_rows(self, table: str, files: list[Path]) -> str:
        """The files' rows with every column of the table, as something to select from."""
        nulls = "".join(f", NULL::{kind} AS {name}" for name, kind in self._lacking.get(table, {}).items())
        return f"(SELECT *{nulls} FROM {from_parquet(files)})" if nulls else from_parquet(files)

    def _open_database(self) -> "duckdb.DuckDBPyConnection":
        from esworkbench.archive import SCHEMAS
        from esworkbench.archive.duckdb_connection import connect_duckdb, spill_folder
        from esworkbench.archive.form import IN_DUCKDB, no_rows, require_form
        from esworkbench.archive.tables import ADDED_LATER
        from esworkbench.evidence.reading import Reading

        # What doesn't fit in memory is spilled to a folder in there, which DuckDB makes when it needs it, and removes.
        spill = spill_folder() / uuid.uuid4().hex
        # Hundreds of questions are asked. Files are opened anew for each, and threads pay where there is much.
        is_small = sum(self.manifest.rows.values()) <= SMALL
        threads = 1 if is_small else min(MOST_THREADS, os.cpu_count() or 1)
        database = connect_duckdb(memory_limit=MEMORY, temp_directory=str(spill), threads=str(threads))
        reading = cast("duckdb.DuckDBPyConnection", Reading(database, self.path))
        require_form(reading, self.path, self.manifest)
        for table in SCHEMAS:
            files = [self.path / name for name in self.manifest.files_of(table)]
            if not files:
                reading.execute(f"CREATE VIEW {table} AS {no_rows(table)}")
                continue
            there = {
                column[0] for column in reading.execute(f"SELECT * FROM {from_parquet(files)} LIMIT 0").description
            }
            lacking = [name for name in ADDED_LATER.get(table, ()) if name not in there]
            self._lacking[table] = {name: IN_DUCKDB[SCHEMAS[table].field(name).type] for name in lacking}
            rows = self._whole_rows(table, files)
            if is_small:
                reading.execute(f"CREATE TABLE {table}_in_memory AS SELECT * FROM {rows}")
                rows = f"{table}_in_memory"
            reading.execute(f"CREATE VIEW {table} AS SELECT * FROM {rows}")
        self._make_openings(reading)
        return database

    def _make_openings(self, database: "duckdb.DuckDBPyConnection") -> None:
        """The table ``openings``, empty for a store, and ``opening_of(account, currency)`` in minor units.

        A file's accounts begin with their first balance less that row's amount, unless the ledger says the opening of
        the only one.
        """
        database.execute("CREATE TABLE openings (account VARCHAR, currency VARCHAR, opening_minor BIGINT)")
        database.execute(
            "CREATE MACRO opening_of(one, coin) AS coalesce((SELECT o.opening_minor FROM openings o "
            "WHERE o.account = one AND o.currency = coin), 0)"
        )
        if self.ledger.file is not None:
            database.execute(_OPENINGS)
            if self.ledger.file.opening_minor is not None:
                said = {"said": self.ledger.file.opening_minor}
                database.execute(
                    "UPDATE openings SET opening_minor = $said WHERE (SELECT count(*) FROM openings) = 1", said
                )


def one_row(result: "duckdb.DuckDBPyConnection") -> tuple[Any, ...]:
    """The only row of an aggregate query."""
    row = result.fetchone()
    assert row is not None, "an aggregate without GROUP BY always has one row"
    return row
