"""The residuals: where claims differ from the events. Nothing else in the bench works that out.

Diff, bisect, timeline, diagnosis, the seven steps and the report all read the two tables made here, ``residuals`` and
``holds``, so none of them can contradict another. A claim is compared with the events up to its source's own
checkpoint: what the source has yet to read is lag, and lag is no residual.

- A head claims one balance: its residual is claimed − event sum.
- A running claim, a day's closing and a statement's line claim a *movement*: the residual of a step is
  claim[i] − claim[i−1] − what was posted in between. An event that the source has no row for is a hole, and its
  residual is minus what it posted; where later rows count the event all the same, the next row's residual undoes that.
  A row that is there and claims nothing (null) is no residual: what was posted there is left to the next claim.
- A snapshot claims the balance at its version.
- A column beside a balance claims an amount of its own: see ``columns``. So does a statement's line, where its balance
  moves by what the events say and its own amount is another.

Sums are worked out for some whole accounts at a time, so memory is bounded by the largest account. They
are cast to BIGINT, where an overflow is an error. (The idea is that of Beancount's balance checks, step by step.)
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from esworkbench.archive import bucket_of
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.columns import COLUMN_SQL, make_told_of_holds
from esworkbench.forensics.compare.holds import hold_limit, make_holds
from esworkbench.forensics.compare.of_event import WrongColumn, wrong_columns
from esworkbench.forensics.compare.records import ClaimStep, Key, Residual, Source, State
from esworkbench.forensics.compare.statement_lines import make_statement_steps

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]

Accounts = tuple[str, str]
"""A range of accounts: the first and the last, both inclusive."""

_RANGES = """
    SELECT min(account), max(account) FROM (
        SELECT account, (sum(rows) OVER (ORDER BY account) - rows) // $rows AS part FROM (
            SELECT account, count(*) AS rows
            FROM (SELECT account FROM {postings} UNION ALL SELECT account FROM {assertions}) GROUP BY account
        )
    ) GROUP BY part ORDER BY 1
"""
# A bucket's rows lie in the order of their accounts, so a range of them is read without the rest.

ROWS_AT_ONCE = 500_000

EVERY_EVENT = ("running", "statement")
"""The kinds of source that claim a balance at every event, so that bisection can name the first that differs."""

# Where a row names one event and stands at another's position, what it moves by says which of the two it is about.
_BY_EVENT = """
    posted AS (
        SELECT account, currency, position AS place, any_value(version) AS version, any_value(event_id) AS event_id,
            position, sum(amount_minor)::BIGINT AS posted
        FROM postings WHERE position <= $cut GROUP BY account, currency, position
    ), named AS (
        SELECT account, currency, event_id, min(place) AS place FROM posted GROUP BY account, currency, event_id
    ), claims AS (
        SELECT a.account, a.currency, a.order_key, a.event_id, a.version, a.day, a.claimed_minor AS claimed,
            CASE WHEN a.step_minor = p.posted THEN p.place ELSE coalesce(n.place, a.position) END AS place,
            n.place IS NOT NULL OR (p.place IS NOT NULL AND (a.event_id IS NULL OR a.step_minor = p.posted)) AS matched
        FROM assertions a
        LEFT JOIN named n ON n.account = a.account AND n.currency = a.currency AND n.event_id = a.event_id
        LEFT JOIN posted p ON p.account = a.account AND p.currency = a.currency AND p.place = a.position
        WHERE a.kind = 'running' AND a.source = $source
    )
"""
# A day's place is its number, so that days are ordered as events are.
_BY_DAY = """
    posted AS (
        SELECT account, currency, timezone($zone, recorded_at)::DATE - DATE '1970-01-01' AS place, NULL AS version,
            NULL AS event_id, max(position) AS position, sum(amount_minor)::BIGINT AS posted
        FROM postings WHERE position <= $cut GROUP BY account, currency, place
    ), claims AS (
        SELECT a.account, a.currency, NULL AS event_id,
            row_number() OVER (PARTITION BY a.account, a.currency ORDER BY a.day) AS order_key,
            NULL AS version, a.day, a.claimed_minor AS claimed, a.day - DATE '1970-01-01' AS place,
            p.place IS NOT NULL AS matched
        FROM assertions a
        LEFT JOIN posted p ON p.account = a.account AND p.currency = a.currency
            AND p.place = a.day - DATE '1970-01-01'
        WHERE a.kind = 'daily' AND a.source = $source
    )
"""

_STEPS = """
    WITH {claims}, counted AS (
        SELECT *, matched AND row_number() OVER (PARTITION BY account, currency, place, matched ORDER BY order_key) = 1
            AS takes, matched AND row_number() OVER (PARTITION BY account, currency, place, matched ORDER BY order_key)
            > 1 AS again
        FROM claims
    ), joined AS (
        SELECT coalesce(c.account, p.account) AS account, coalesce(c.currency, p.currency) AS currency,
            coalesce(c.place, p.place, last_value(c.place IGNORE NULLS) OVER
                (PARTITION BY c.account, c.currency ORDER BY c.order_key ROWS UNBOUNDED PRECEDING)) AS place,
            c.order_key, coalesce(p.event_id, c.event_id) AS event_id, coalesce(p.version, c.version) AS version,
            p.position, c.day, c.claimed, c.order_key IS NOT NULL AS is_row, coalesce(c.again, false) AS again,
            coalesce(c.matched, false) AS matched, coalesce(p.posted, 0) AS posted
        FROM counted c FULL JOIN posted p
            ON c.takes AND p.account = c.account AND p.currency = c.currency AND p.place = c.place
    ), carried AS (
        SELECT *, opening_of(account, currency) + sum(posted) OVER running AS event_sum,
            max(position) OVER running AS at_position,
            coalesce(last_value(claimed IGNORE NULLS) OVER running, opening_of(account, currency)) AS says,
            coalesce(last_value(claimed IGNORE NULLS) OVER (PARTITION BY account, currency ORDER BY place, order_key
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), opening_of(account, currency)) AS said,
            count(claimed) OVER (PARTITION BY account, currency ORDER BY place, order_key
                ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS claims_to_come
        FROM joined WINDOW running AS (PARTITION BY account, currency ORDER BY place, order_key
            ROWS UNBOUNDED PRECEDING)
    ), steps AS (
        SELECT *, CASE WHEN NOT is_row THEN -posted WHEN claimed IS NULL THEN 0
            ELSE says - said - sum(CASE WHEN is_row THEN posted ELSE 0 END)
                OVER (PARTITION BY account, currency, claims_to_come) END AS residual
        FROM carried
    )
    SELECT account, currency, place, order_key, {position} AS position, version, event_id,
        CASE WHEN is_row THEN claimed END AS claimed, says::BIGINT AS says, posted::BIGINT AS posted,
        event_sum::BIGINT AS event_sum, residual::BIGINT AS residual, {at} AS at_position,
        CASE WHEN NOT is_row THEN 'no row' WHEN again THEN 'repeated' WHEN matched THEN 'differs' ELSE 'no event' END
            AS reason,
        CASE WHEN residual = 0 THEN NULL WHEN abs(residual) <= $rounding THEN 'rounding' ELSE 'divergence' END AS state
    FROM steps
"""

_HEADS = """
    WITH heads AS (
        SELECT account, currency, claimed_minor AS claimed FROM assertions WHERE kind = 'head' AND source = $source
    ), summed AS (
        SELECT account, currency, sum(amount_minor)::BIGINT AS total
        FROM postings WHERE position <= $cut GROUP BY account, currency
    ), both_sides AS (
        SELECT coalesce(h.account, s.account) AS account, coalesce(h.currency, s.currency) AS currency, h.claimed,
            opening_of(coalesce(h.account, s.account), coalesce(h.currency, s.currency)) + coalesce(s.total, 0)
                AS event_sum
        FROM heads h FULL JOIN summed s ON h.account = s.account AND h.currency = s.currency
        WHERE h.account IS NULL OR h.claimed IS NOT NULL
    )
    SELECT account, currency, 1 AS place, 1 AS order_key, NULL::BIGINT AS position, NULL::BIGINT AS version,
        NULL::VARCHAR AS event_id, claimed, coalesce(claimed, 0) AS says, 0 AS posted, event_sum::BIGINT AS event_sum,
        (coalesce(claimed, 0) - event_sum)::BIGINT AS residual, $cut AS at_position, 'total' AS reason,
        CASE WHEN residual <> 0 THEN 'divergence' END AS state
    FROM both_sides
"""

_SNAPSHOTS = """
    WITH claims AS (
        SELECT account, currency, version, claimed_minor AS claimed FROM assertions
        WHERE kind = 'snapshot' AND source = $source
    ), versions AS (
        SELECT account, currency, version, max(position) AS position, sum(amount_minor) AS posted FROM postings
        WHERE stream_id = $category || '-' || account GROUP BY account, currency, version
    ), sums AS (
        SELECT account, currency, version, position, sum(posted) OVER
            (PARTITION BY account, currency ORDER BY version ROWS UNBOUNDED PRECEDING) AS total
        FROM versions
    )
    SELECT c.account, c.currency, c.version AS place, c.version AS order_key, s.position, c.version,
        NULL::VARCHAR AS event_id, c.claimed, c.claimed AS says, 0 AS posted,
        coalesce(s.total, 0)::BIGINT AS event_sum, (c.claimed - coalesce(s.total, 0))::BIGINT AS residual,
        s.position AS at_position, 'total' AS reason, CASE WHEN residual <> 0 THEN 'divergence' END AS state
    FROM claims c ASOF LEFT JOIN sums s
        ON c.account = s.account AND c.currency = s.currency AND c.version >= s.version
    WHERE c.claimed IS NOT NULL
"""

_SQL = {
    "running": _STEPS.replace("{claims}", _BY_EVENT).replace("{position}", "place").replace("{at}", "place"),
    "daily": _STEPS.replace("{claims}", _BY_DAY).replace("{position}", "at_position").replace("{at}", "at_position"),
    "head": _HEADS,
    "snapshot": _SNAPSHOTS,
    **COLUMN_SQL,
}
"""What each kind of source claims, step by step. The columns are those of the last SELECT of ``_STEPS``."""

_COLUMNS = """
    position, version, event_id, says, posted, residual, event_sum, reason, state, claimed IS NOT NULL, at_position
"""

_TABLE = """
    CREATE OR REPLACE TEMP TABLE residuals (
        source VARCHAR, kind VARCHAR, account VARCHAR, currency VARCHAR, place BIGINT, order_key BIGINT,
        position BIGINT, version BIGINT, event_id VARCHAR, claimed BIGINT, says BIGINT, posted BIGINT,
        event_sum BIGINT, residual BIGINT, at_position BIGINT, reason VARCHAR, state VARCHAR, type VARCHAR,
        schema_version BIGINT
    )
"""

_FILL = "INSERT INTO residuals BY NAME SELECT $source AS source, $kind AS kind, * FROM ({sql}) WHERE state IS NOT NULL"

_FILL_STATEMENT = """
    INSERT INTO residuals BY NAME
    SELECT file AS source, 'statement' AS kind, account, currency, place, place AS order_key, position, version,
        event_id, CASE WHEN made THEN claimed END AS claimed, claimed AS says, posted, event_sum, residual,
        at_position, reason, state, type, schema_version
    FROM statement_steps WHERE file = $source AND state IS NOT NULL AND ($account IS NULL OR account = $account)
"""

# What a line says of itself differs where its balance says otherwise and the events agree with that.
_LINE_AMOUNTS = """
    SELECT file AS source, 'amount' AS kind, account, currency, place, place AS order_key, position, version, event_id,
        posted + residual - coalesce(contradiction, 0) AS claimed, claimed AS says, 0 AS posted,
        claimed + CASE WHEN residual = 0 THEN coalesce(contradiction, 0) ELSE 0 END AS event_sum,
        claimed - event_sum AS residual, at_position, reason,
        CASE WHEN claimed <> event_sum THEN 'divergence' END AS state, type, schema_version
    FROM (SELECT * EXCLUDE (claimed, state, event_sum) FROM statement_steps WHERE line IS NOT NULL)
"""

_FILL_LINE_AMOUNTS = f"""
    INSERT INTO residuals BY NAME
    SELECT * FROM ({_LINE_AMOUNTS})
    WHERE state IS NOT NULL AND source = $source AND ($account IS NULL OR account = $account)
"""

# A row may name an event that posts nothing on this account, which is there all the same.
_NAME_EVENTS = """
    UPDATE residuals SET type = e.type, schema_version = e.schema_version,
        reason = CASE residuals.reason WHEN 'no event' THEN 'differs' ELSE residuals.reason END
    FROM events e WHERE e.event_id = residuals.event_id AND residuals.kind <> 'statement'
"""


class Residuals:
    """The residuals of evidence, worked out once: of every account, or of one; of every source, or the one ``against``.

    Ages are measured at ``now``, by default the evidence's latest ``recorded_at``. Raises EvidenceDamaged for a sum
    beyond 64 bits.
    """

    def __init__(
        self, evidence: Evidence, *, now: datetime | None = None, account: str | None = None,
        against: str | None = None,
    ) -> None:  # fmt: skip
        self._evidence = evidence
        self._account = account
        self._cursor = evidence.connection()
        self._filled = False
        self._now = now
        self._compared_lines = False
        claims = {(name, kind): count for name, kind, count in self._cursor.execute(
            "SELECT source, kind, count(*) FROM assertions GROUP BY ALL").fetchall()}  # fmt: skip
        # A projection that has read events and holds no row at all claims that there is nothing.
        claims = {(model.projection, model.kind): 0 for model in evidence.ledger.read_model
                  if evidence.checkpoint(model.projection)} | claims  # fmt: skip
        self._statements = {name: count for (name, kind), count in claims.items() if kind == "statement"}
        claims |= {(name, "amount"): count for name, count in self._statements.items()}
        self._sources = [
            Source(*named, self._cut(named[0]), claims[named])
            for named in sorted(claims) if against in (None, named[0])
        ]  # fmt: skip
        self._knows_holds = False
        self._wrong_columns: list[WrongColumn] | None = None
        self._in_parts: list[tuple[list[int], Accounts | None]] | None = None

    @property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """A connection to the evidence with more tables: ``residuals``, in every state, and those of ``make_holds`` and
        ``make_statement_steps``.

        Of ``residuals`` the columns are account, currency, source, kind, place and order_key (which order a source's
        steps), position, version, event_id, type, schema_version, claimed, says (the claim in force), posted,
        event_sum, residual, at_position, reason and state.
        """
        if not self._filled:
            make_holds(self._cursor, self._evidence)
            self._compare_lines()
            self._cursor.execute(_TABLE)
            for source in self._sources:
                self._fill(source)
            self._cursor.execute(_NAME_EVENTS)
            self._filled = True
        return self._cursor

    @property
    def wrong_columns(self) -> list[WrongColumn]:
        """What rows say wrongly of their events beside all amounts, which is in no residual."""
        if self._wrong_columns is None:
            found = wrong_columns(self._evidence)
            self._wrong_columns = [each for each in found if self._account in (None, each.account)]
        return self._wrong_columns

    def sources(self, against: str | None = None) -> list[Source]:
        """Every source of claims by name, or the one named. Raises UnusableInput for a name that claims nothing."""
        chosen = [source for source in self._sources if against in (None, source.name)]
        if against is not None and not chosen:
            names = ", ".join(sorted({source.name for source in self._sources})) or "none"
            raise UnusableInput(f"no source in this evidence is called {against!r}; the sources are: {names}")
        return chosen

    def found(self, states: Iterable[State] = (State.DIVERGENCE,), against: str | None = None) -> list[Residual]:
        """The residuals in these states, of every source or of one, by account and in the order of their steps."""
        rows = self.connection.execute(
            "SELECT row_number() OVER (ORDER BY source, kind, account, currency, place, order_key) - 1, source, kind, "
            "account, currency, residual, reason, position, event_id, type, schema_version, posted, state, "
            "CASE WHEN kind = 'head' THEN claimed ELSE says END, event_sum, at_position, "
            "coalesce(place, 0) FROM residuals "
            "WHERE list_contains($states, state) AND ($against IS NULL OR source = $against) ORDER BY 1",
            {"states": list(states), "against": against},
        )
        return [Residual(*row)._replace(state=State(row[12])) for row in rows.fetchall()]

    def count(self, source: Source, state: State) -> int:
        """How many residuals of the source are in that state."""
        query = "SELECT count(*) FROM residuals WHERE source = $source AND kind = $kind AND state = $state"
        given = {"source": source.name, "kind": source.kind, "state": state}
        ((count,),) = self.connection.execute(query, given).fetchall()
        return int(count)

    def compared(self, source: Source) -> int:
        """How many balances of the source there are to compare: accounts in a currency, claimed or posted on."""
        claimed = "SELECT account, currency FROM assertions WHERE source = $source AND kind = $kind"
        given: dict[str, Any] = {"source": source.name, "kind": source.kind}
        if source.kind in ("head", "running", "daily"):
            claimed += " UNION SELECT account, currency FROM postings WHERE position <= $cut"
            given["cut"] = source.cut
        ((count,),) = self.connection.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT account, currency FROM ({claimed}))", given
        ).fetchall()
        return int(count)

    def accounts_claimed(self, source: Source) -> set[Key]:
        """The accounts and currencies of which the source claims anything."""
        given = {"source": source.name, "kind": source.kind}
        query = "SELECT DISTINCT account, currency FROM assertions WHERE source = $source AND kind = $kind"
        return set(self.connection.execute(query, given).fetchall())

    def held(self, statement: Source, key: Key) -> int:
        """What is held, in minor units, when the statement's last line is written: booked still, and not available."""
        ((amount,),) = self.connection.execute(
            "SELECT coalesce(sum(amount), 0)::BIGINT FROM holds, (SELECT max(booked_at) AS moment FROM statements "
            "WHERE file = $file AND account = $account AND currency = $currency) "
            "WHERE account = $account AND currency = $currency AND opened_at <= moment "
            "AND coalesce(final_at, opened_at + $limit) > moment",
            {"file": statement.name, "account": key[0], "currency": key[1], "limit": hold_limit(self._evidence.ledger)},
        ).fetchall()
        return int(amount)

    def steps(self, source: Source, account: str, currency: str) -> list[ClaimStep]:
        """Every step of one account as the source claims it, those that agree too, in order."""
        if source.kind == "statement":
            return self._statement_steps(source, account, currency)
        if self._is_of_lines(source):
            self._compare_lines()
            lines = self._cursor.execute(
                f"SELECT {_COLUMNS} FROM ({_LINE_AMOUNTS}) WHERE source = $source AND account = $account "
                "AND currency = $currency ORDER BY place",
                {"source": source.name, "account": account, "currency": currency},
            ).fetchall()
            return [ClaimStep(*row)._replace(state=State(row[8]) if row[8] else None) for row in lines]
        select = f"SELECT {_COLUMNS} FROM result WHERE currency = $currency ORDER BY place, order_key"
        rows = self._run(f"WITH result AS ({_SQL[source.kind]}) {select}", source, account, currency=currency)
        return [ClaimStep(*row)._replace(state=State(row[8]) if row[8] else None) for row in rows]

    def _fill(self, source: Source) -> None:
        if source.kind == "statement":
            self._fill_statement(source, _FILL_STATEMENT)
        elif self._is_of_lines(source):
            self._fill_statement(source, _FILL_LINE_AMOUNTS)
        elif self._account is None:
            for buckets, accounts in self._parts():
                self._execute(_FILL.replace("{sql}", _SQL[source.kind]), source, buckets, accounts)
        else:
            bucket = bucket_of(self._account, self._evidence.manifest.buckets)
            self._execute(_FILL.replace("{sql}", _SQL[source.kind]), source, [bucket], (self._account, self._account))

    def _parts(self) -> list[tuple[list[int], Accounts | None]]:
        """All accounts, about ``ROWS_AT_ONCE`` rows at a time: some buckets, or a range of their accounts."""
        if self._in_parts is None:
            self._in_parts = []
            for buckets in self._evidence.groups_of_buckets(ROWS_AT_ONCE, "postings", "assertions"):
                postings, assertions = (
                    self._evidence.from_buckets(name, buckets) for name in ("postings", "assertions")
                )
                ranges = self._cursor.execute(
                    _RANGES.replace("{postings}", postings).replace("{assertions}", assertions), {"rows": ROWS_AT_ONCE}
                ).fetchall()
                self._in_parts += (
                    [(buckets, (first, last)) for first, last in ranges] if len(ranges) > 1 else [(buckets, None)]
                )
        return self._in_parts

    def _fill_statement(self, source: Source, query: str) -> None:
        self._compare_lines()
        self._cursor.execute(query, {"source": source.name, "account": self._account})

    def _is_of_lines(self, source: Source) -> bool:
        """True for the amounts of a statement's lines."""
        return source.kind == "amount" and source.name in self._statements

    def _statement_steps(self, source: Source, account: str, currency: str) -> list[ClaimStep]:
        self._compare_lines()
        rows = self._cursor.execute(
            "SELECT position, version, event_id, claimed, posted, residual, event_sum, reason, state, made, "
            "at_position, type, schema_version FROM statement_steps "
            "WHERE file = $file AND account = $account AND currency = $currency ORDER BY place",
            {"file": source.name, "account": account, "currency": currency},
        ).fetchall()
        return [ClaimStep(*row)._replace(state=State(row[8]) if row[8] else None) for row in rows]

    def _compare_lines(self) -> None:
        """Lay statements and events side by side, once."""
        if not self._compared_lines:
            make_statement_steps(self._cursor, self._evidence, self._now)
            self._compared_lines = True

    def _run(self, query: str, source: Source, account: str, **values: Any) -> Iterator[Row]:
        bucket = bucket_of(account, self._evidence.manifest.buckets)
        self._execute(query, source, [bucket], (account, account), **values)
        while rows := self._cursor.fetchmany(10_000):
            yield from rows

    def _execute(
        self, query: str, source: Source, buckets: list[int], accounts: Accounts | None, **values: Any
    ) -> None:
        evidence = self._evidence
        ledger = evidence.ledger
        if source.kind == "holds" and not self._knows_holds:
            make_told_of_holds(self._cursor, ledger)
            self._knows_holds = True
        given = {
            "source": source.name,
            "cut": source.cut,
            "rounding": ledger.file.rounding_limit if ledger.file else 0,
            "zone": ledger.time_zone,
            "category": ledger.snapshot.category if ledger.snapshot else "",
            "first_account": accounts[0] if accounts else None,
            "last_account": accounts[1] if accounts else None,
            "kind": source.kind,
            **values,
        }
        mine = "WHERE account BETWEEN $first_account AND $last_account" if accounts else ""
        tables = ", ".join(
            f"{table} AS NOT MATERIALIZED (SELECT * FROM {evidence.from_buckets(table, buckets)} {mine})"
            for table in ("postings", "assertions")
        )
        whole = query.replace("WITH ", f"WITH {tables}, ", 1)
        used = {name: value for name, value in given.items() if re.search(rf"\${name}\b", whole)}
        self._cursor.execute(whole, used)

    def _cut(self, name: str) -> int:
        checkpoint = self._evidence.checkpoint(name)
        # No runner is ever below 0: like one that is gone, such a checkpoint says nothing of what was read.
        if checkpoint is None or checkpoint < 0:
            return self._evidence.manifest.cut.high_water or 0
        return checkpoint
