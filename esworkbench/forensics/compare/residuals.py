"""Every kind of balance assertion beside the event sum at that assertion's own cut, as SQL over one bucket.

A bucket holds all postings and all assertions of its accounts, so each query sees whole accounts and no query sees
more than a bucket: memory stays bounded by the largest one. Sums are cast to BIGINT, where an overflow is an error.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import duckdb

from esworkbench.archive import bucket_of, quoted
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence

Key = tuple[str, str]
"""An account and a currency."""

NO_ROW = "no row"
NO_EVENT = "no event"
REPEATED = "repeated"
DIFFERS = "differs"
TOTAL = "total"


class Residual(NamedTuple):
    """``amount`` = what the claim moved by − what the events say, in minor units.

    ``reason``: ``no row`` (the event stands, the claim passed it), ``no event`` (the claim moved, no such event
    stands), ``repeated`` (a second row for one event), ``differs`` (row and event stand and disagree), ``total`` (all
    that is known is the sum). ``position`` and ``event_id`` are the event's, or what the row says of a missing one's.
    """

    number: int
    source: str
    kind: str
    account: str
    currency: str
    amount: int
    reason: str
    position: int | None = None
    event_id: str | None = None
    type: str | None = None
    schema_version: int | None = None
    posted: int = 0

    @property
    def key(self) -> Key:
        return self.account, self.currency

    @property
    def identity(self) -> tuple[Key, str | None, int]:
        """What makes it the same residual in another capture."""
        return self.key, self.event_id, self.amount


REPAIRS = """
    posted AS (
        SELECT event_id, any_value(account) AS account, any_value(currency) AS currency,
               sum(amount_minor)::BIGINT AS amount FROM postings GROUP BY event_id
    ), linked AS (
        SELECT event_id, position, json_extract_string(metadata, '$.compensates') AS original
        FROM events WHERE json_valid(metadata)
    ), repairs AS (
        SELECT linked.original, event_id AS repair, linked.position, posted.account, posted.currency, posted.amount,
               row_number() OVER (PARTITION BY linked.original ORDER BY linked.position) AS nth
        FROM linked JOIN posted USING (event_id) WHERE linked.original IS NOT NULL
    ), made_good AS (
        SELECT repairs.original, repairs.repair FROM repairs JOIN posted ON posted.event_id = repairs.original
        WHERE repairs.nth = 1 AND repairs.amount + posted.amount = 0
    )
"""
"""Events whose metadata ``compensates`` another; ``made_good``: the pairs of which nothing is left."""


class Source(NamedTuple):
    """Something that claims balances. ``cut`` is the last position it has seen; ``claims`` how many it makes."""

    name: str
    kind: str
    cut: int
    claims: int


Row = tuple[Any, ...]

# A row that names no position stands where the event it names does.
PLACES = {
    True: "position",
    False: "coalesce(position, (SELECT min(position) FROM postings p "
    "WHERE p.account = a.account AND p.event_id = a.event_id))",
}

# Where a claim skips events, the claim before is carried over them, so that the event it skipped is named and not the
# next one that it saw. Where it merely says nothing at an event, and is right again after it, it is only sparse.
STEPS = """
    WITH claims AS (
        SELECT account, currency, {place} AS position, order_key, event_id, day, claimed_minor AS claimed
        FROM assertions a WHERE kind = 'running' AND source = $source
    ), posted AS (
        SELECT account, currency, position, any_value(version) AS version, any_value(event_id) AS event_id,
            sum(amount_minor)::BIGINT AS posted
        FROM postings WHERE position <= $cut AND (account, currency) IN (SELECT (account, currency) FROM claims)
        GROUP BY account, currency, position
    ), steps AS (
        SELECT coalesce(c.account, p.account) AS account, coalesce(c.currency, p.currency) AS currency,
            coalesce(c.position, p.position) AS position, c.order_key, p.version,
            coalesce(p.event_id, c.event_id) AS event_id, c.claimed, c.day,
            CASE WHEN row_number() OVER (PARTITION BY coalesce(c.account, p.account), coalesce(c.currency, p.currency),
                coalesce(c.position, p.position) ORDER BY c.order_key) = 1 THEN coalesce(p.posted, 0) ELSE 0 END
                AS posted
        FROM claims c FULL JOIN posted p
            ON c.account = p.account AND c.currency = p.currency AND c.position = p.position
    ), carried AS (
        SELECT *, $opening + sum(posted) OVER running AS event_sum,
            coalesce(last_value(claimed IGNORE NULLS) OVER running, $opening) AS says,
            coalesce(last_value(claimed IGNORE NULLS) OVER
                (PARTITION BY account, currency ORDER BY position, order_key
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), $opening) AS said,
            count(claimed) OVER (PARTITION BY account, currency ORDER BY position, order_key
                ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS claims_to_come
        FROM steps WINDOW running AS (PARTITION BY account, currency ORDER BY position, order_key
            ROWS UNBOUNDED PRECEDING)
    ), grouped AS (
        SELECT *, says - said - posted AS residual,
            sum(says - said - posted) OVER (PARTITION BY account, currency, claims_to_come) AS together,
            coalesce(sum(says - said - posted) FILTER (claimed IS NOT NULL)
                OVER (PARTITION BY account, currency, claims_to_come), 0) AS own
        FROM carried
    ), residuals AS (
        SELECT g.*, CASE WHEN together = 0 AND own <> 0 THEN 0 ELSE residual END AS part, d.verdict,
            lag(d.verdict) OVER (PARTITION BY g.account, g.currency ORDER BY g.position, g.order_key) AS verdict_before
        FROM grouped g LEFT JOIN order_days d ON g.account = d.account AND g.currency = d.currency AND g.day = d.day
    )
    SELECT account, currency, position, order_key, version, event_id, claimed, says, posted,
        event_sum::BIGINT AS event_sum, part::BIGINT AS residual,
        CASE WHEN part = 0 THEN 'none' WHEN 'unresolved' IN (verdict, verdict_before) THEN 'order'
            WHEN abs(part) <= $rounding THEN 'rounding' ELSE 'divergence' END AS what
    FROM residuals
"""

HEADS = """
    WITH heads AS (
        SELECT account, currency, claimed_minor AS claimed, version FROM assertions
        WHERE kind = 'head' AND source = $source
    ), summed AS (
        SELECT account, currency, sum(amount_minor)::BIGINT AS event_sum
        FROM postings WHERE position <= $cut GROUP BY account, currency
    )
    SELECT coalesce(h.account, s.account) AS account, coalesce(h.currency, s.currency) AS currency, h.claimed,
        $opening + coalesce(s.event_sum, 0) AS event_sum, 0::BIGINT AS holds, $cut AS position, 1 AS place
    FROM heads h FULL JOIN summed s ON h.account = s.account AND h.currency = s.currency
"""

# A hold adds its amount to the booked balance from the request until it is resolved or too old.
STATEMENTS = """
    WITH lines AS (
        SELECT account, currency, valid_at AS moment, arg_max(claimed_minor, order_key) AS claimed,
            max(order_key) AS place
        FROM assertions WHERE kind = 'statement' AND source = $source AND valid_at IS NOT NULL GROUP BY ALL
    ), moves AS (
        SELECT account, currency, valid_at AS moment, amount_minor AS posted, 0 AS hold, position FROM postings
        UNION ALL SELECT account, currency, opened_at, 0, amount, NULL FROM holds
        UNION ALL SELECT account, currency, ends_at, 0, -amount, NULL FROM holds
    ), moments AS (
        SELECT account, currency, moment, sum(posted) AS posted, sum(hold) AS hold, max(position) AS position
        FROM moves GROUP BY ALL
    ), sums AS (
        SELECT account, currency, moment, sum(posted) OVER running AS posted, sum(hold) OVER running AS holds,
            last_value(position IGNORE NULLS) OVER running AS position
        FROM moments WINDOW running AS (PARTITION BY account, currency ORDER BY moment ROWS UNBOUNDED PRECEDING)
    )
    SELECT l.account, l.currency, l.claimed,
        ($opening + coalesce(s.posted, 0) + coalesce(s.holds, 0))::BIGINT AS event_sum,
        coalesce(s.holds, 0)::BIGINT AS holds, s.position, l.place
    FROM lines l ASOF LEFT JOIN sums s
        ON l.account = s.account AND l.currency = s.currency AND l.moment >= s.moment
"""

SNAPSHOTS = """
    WITH claims AS (
        SELECT account, currency, version, claimed_minor AS claimed FROM assertions
        WHERE kind = 'snapshot' AND source = $source
    ), versions AS (
        SELECT account, currency, version, max(position) AS position, sum(amount_minor) AS posted FROM postings
        WHERE stream_id = $category || '-' || account GROUP BY account, currency, version
    ), sums AS (
        SELECT account, currency, version, position, sum(posted) OVER
            (PARTITION BY account, currency ORDER BY version ROWS UNBOUNDED PRECEDING) AS event_sum
        FROM versions
    )
    SELECT c.account, c.currency, c.claimed, coalesce(s.event_sum, 0)::BIGINT AS event_sum, 0::BIGINT AS holds,
        s.position, c.version AS place
    FROM claims c ASOF LEFT JOIN sums s
        ON c.account = s.account AND c.currency = s.currency AND c.version >= s.version
"""

DAYS = """
    WITH claims AS (
        SELECT account, currency, day, claimed_minor AS claimed FROM assertions
        WHERE kind = 'daily' AND source = $source
    ), days AS (
        SELECT account, currency, timezone($zone, recorded_at)::DATE AS day, max(position) AS position,
            sum(amount_minor) AS posted
        FROM postings WHERE position <= $cut GROUP BY ALL
    ), sums AS (
        SELECT account, currency, day, max(position) OVER running AS position, sum(posted) OVER running AS event_sum
        FROM days WINDOW running AS (PARTITION BY account, currency ORDER BY day ROWS UNBOUNDED PRECEDING)
    )
    SELECT c.account, c.currency, c.claimed, ($opening + coalesce(s.event_sum, 0))::BIGINT AS event_sum,
        0::BIGINT AS holds, s.position, row_number() OVER (PARTITION BY c.account, c.currency ORDER BY c.day) AS place
    FROM claims c ASOF LEFT JOIN sums s
        ON c.account = s.account AND c.currency = s.currency AND c.day >= s.day
"""

# An account that a running source has never heard of: its events are there, no claim of that source is.
ABSENT = """
    SELECT account, currency, sum(amount_minor)::BIGINT AS event_sum, min(position) AS position FROM postings
    WHERE position <= $cut AND (account, currency) NOT IN
        (SELECT (account, currency) FROM assertions WHERE kind = 'running' AND source = $source)
    GROUP BY account, currency
"""

CLAIMS = {"head": HEADS, "statement": STATEMENTS, "snapshot": SNAPSHOTS, "daily": DAYS}
"""SQL by kind of claim. Columns: account, currency, claimed (null: no row), event_sum, holds, position, place."""

HOLDS = """
    CREATE OR REPLACE TEMP TABLE holds AS
    WITH requests AS (
        SELECT p.account, p.currency, -p.amount_minor AS amount, p.valid_at AS opened_at, e.stream_id, e.position,
            json_extract_string(e.payload, $path) AS id
        FROM events e JOIN postings p ON p.position = e.position
        WHERE e.type = $request AND json_valid(e.payload)
    ), ends AS (
        SELECT stream_id, json_extract_string(payload, $path) AS id, min(valid_at) AS ended_at
        FROM events WHERE type IN ($settle, $cancel) AND json_valid(payload) GROUP BY ALL
    )
    SELECT r.account, r.currency, r.amount, r.opened_at, r.position,
        greatest(r.opened_at, least(coalesce(e.ended_at, r.opened_at + $limit), r.opened_at + $limit)) AS ends_at
    FROM requests r LEFT JOIN ends e ON r.stream_id = e.stream_id AND r.id = e.id
"""
NO_HOLDS = """
    CREATE OR REPLACE TEMP TABLE holds (account VARCHAR, currency VARCHAR, amount BIGINT, opened_at TIMESTAMPTZ,
        position BIGINT, ends_at TIMESTAMPTZ)
"""


class ClaimSource(NamedTuple):
    """Who claims, what kind of claim, and the last position that the claims can have seen."""

    name: str
    kind: str
    cut: int


class Comparisons:
    """One connection to the evidence, and the queries above run on it, bucket by bucket."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._connection = evidence.connection()
        self._holds_known = False

    def sources(self, against: str | None = None) -> list[ClaimSource]:
        """Every source of claims by name, or the one named. Raises UnusableInput for a name that claims nothing."""
        found = self._connection.execute("SELECT DISTINCT source, kind FROM assertions ORDER BY 1, 2").fetchall()
        chosen = [(name, kind) for name, kind in found if against in (None, name)]
        if against is not None and not chosen:
            names = ", ".join(sorted({name for name, _ in found})) or "none"
            raise UnusableInput(f"nothing called {against!r} claims a balance in this evidence; sources are: {names}")
        return [ClaimSource(name, kind, self._cut(name)) for name, kind in chosen]

    def steps(self, source: ClaimSource, select: str, account: str | None = None, **values: Any) -> Iterator[Row]:
        """``select`` over the columns of STEPS, named ``result``."""
        query = "SELECT count(*) = count(position) FROM assertions WHERE kind = 'running' AND source = ?"
        ((placed,),) = self._connection.execute(query, [source.name]).fetchall()
        return self._run(STEPS.replace("{place}", PLACES[placed]), select, source, account, values)

    def absent(self, source: ClaimSource, select: str) -> Iterator[Row]:
        return self._run(ABSENT, select, source, None, {})

    def balances(self, source: ClaimSource) -> int:
        """How many balances the source claims: accounts in a currency."""
        query = "SELECT count(DISTINCT (account, currency)) FROM assertions WHERE kind = ? AND source = ?"
        ((count,),) = self._connection.execute(query, [source.kind, source.name]).fetchall()
        return int(count)

    def claims(self, source: ClaimSource, select: str, account: str | None = None, **values: Any) -> Iterator[Row]:
        """``select`` over the columns named at CLAIMS, as ``result``."""
        if source.kind == "statement" and not self._holds_known:
            self._find_holds()
        return self._run(CLAIMS[source.kind], select, source, account, values)

    def _run(
        self, sql: str, select: str, source: ClaimSource, account: str | None, values: dict[str, Any]
    ) -> Iterator[Row]:
        evidence = self._evidence
        ledger = evidence.ledger
        given = {
            "source": source.name,
            "cut": source.cut,
            "opening": evidence.opening_minor,
            "rounding": ledger.file.rounding_limit if ledger.file else 0,
            "zone": ledger.time_zone,
            "category": ledger.snapshot.category if ledger.snapshot else "",
            "account": account,
            **values,
        }
        buckets = (
            range(evidence.manifest.buckets) if account is None else [bucket_of(account, evidence.manifest.buckets)]
        )
        mine = "" if account is None else "WHERE account = $account"
        for bucket in buckets:
            tables = ", ".join(
                f"{table} AS NOT MATERIALIZED (SELECT * FROM {_file(evidence, table, bucket)} {mine})"
                for table in ("postings", "assertions")
            )
            query = f"WITH {tables}, result AS ({sql}) {select}"
            used = {name: value for name, value in given.items() if re.search(rf"\${name}\b", query)}
            try:
                found = self._connection.execute(query, used)
                while rows := found.fetchmany(10_000):
                    yield from rows
            except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
                raise UnusableInput(
                    f"a sum over {source.name} leaves the range of 64-bit minor units: {error}"
                ) from None

    def _cut(self, name: str) -> int:
        checkpoint = self._evidence.checkpoint(name)
        return (self._evidence.manifest.cut.high_water or 0) if checkpoint is None else checkpoint

    def _find_holds(self) -> None:
        self._holds_known = True
        pending = self._evidence.ledger.pending
        if pending is None:
            self._connection.execute(NO_HOLDS)
            return
        path = "$" + "".join(f'."{part}"' for part in pending.id_field.split("."))
        limit = timedelta(hours=pending.limit_hours)
        names = {"request": pending.request, "settle": pending.settle, "cancel": pending.cancel}
        self._connection.execute(HOLDS, {"path": path, "limit": limit, **names})


def _file(evidence: Evidence, table: str, bucket: int) -> str:
    path = evidence.path / table / f"bucket={bucket}" / "part-0.parquet"
    return f"read_parquet({quoted(path)}, hive_partitioning = false)"
