"""What every detector is handed: the evidence, the moment, and the residuals that need explaining.

A residual is a place where a claim moves otherwise than the events do. A running claim gives one for each event it
tells differently; a head, which remembers nothing, gives one figure for all that ever went wrong with it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.residuals import TOTAL, ClaimSource, Comparisons, Key, Residual, Source
from esworkbench.forensics.compare.statement_lines import statement_residuals
from esworkbench.forensics.verify import Break, verify

BATCHES = """
    batches AS (
        SELECT * FROM checkpoint_log WHERE projection = $projection AND to_position > 0 AND coalesce(shard, 0) >= 0
          AND id > coalesce((SELECT max(id) FROM checkpoint_log
                             WHERE projection = $projection AND to_position = 0), -1)
    )
"""
"""The batches of ``$projection`` since it was last dropped, which a row to position 0 says.

A row of shard -1 is one event that was parked and handled late: no second application. (The rule is that of
``esworkbench.projections.checkpoints``.)
"""


class Run(NamedTuple):
    """A batch in the checkpoint log: both positions inclusive."""

    id: int
    shard: int
    from_position: int
    to_position: int
    run_id: str
    code_version: str
    saved_at: datetime


class Rebuilt(NamedTuple):
    """A read model after a replay with the code handed over: the residuals it then had, by identity.

    ``is_latest`` says whether this code reads an event type in a schema version as written, with no upcaster between.
    """

    source: str
    residuals: frozenset[tuple[Key, str | None, int]]
    is_latest: Callable[[str, int], bool]


class Facts(NamedTuple):
    """Evidence, and what was read from it once for all detectors."""

    evidence: Evidence
    connection: duckdb.DuckDBPyConnection
    now: datetime
    head: int
    hashed: bool
    limit_seconds: int
    sources: list[Source]
    residuals: list[Residual]
    breaks: list[Break]
    rebuilt: Rebuilt | None = None

    def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the evidence's views."""
        found: list[tuple[Any, ...]] = self.connection.execute(query, given or None).fetchall()
        return found

    @property
    def is_file(self) -> bool:
        """True for evidence from a delimited file: its versions and positions are ours, not the writer's."""
        return self.evidence.ledger.file is not None

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def runs(self, projection: str) -> list[Run]:
        """The batches that made the rows standing now, oldest first."""
        found = self.rows(
            f"WITH {BATCHES} SELECT id, shard, from_position, to_position, run_id, code_version, saved_at FROM batches "
            "ORDER BY id",
            projection=projection,
        )
        return [Run(*row) for row in found]

    def accounts_of_stream(self, stream_id: str) -> list[Key]:
        """Every account and currency that the stream's events post on."""
        found = self.rows(
            "SELECT DISTINCT account, currency FROM postings WHERE stream_id = $stream ORDER BY 1, 2", stream=stream_id
        )
        return [(account, currency) for account, currency in found]

    def repeated(self, source: str, key: Key, event_ids: Iterable[str] = ()) -> bool | None:
        """Does a rebuild with the code handed over repeat what is wrong here? None where no code was.

        For a head, the one figure; for rows, every residual at the events given.
        """
        if self.rebuilt is None or self.rebuilt.source != source:
            return None
        mine = [
            residual
            for residual in self.residuals
            if residual.source == source and residual.key == key and residual.event_id in (None, *event_ids)
        ]
        return bool(mine) and all(residual.identity in self.rebuilt.residuals for residual in mine)

    def healed(self, source: str, key: Key) -> bool:
        """True where the code handed over, replayed, leaves nothing wrong here."""
        if self.rebuilt is None or self.rebuilt.source != source:
            return False
        return all(identity[0] != key for identity in self.rebuilt.residuals)

    def source(self, name: str) -> Source | None:
        return next((source for source in self.sources if source.name == name), None)


DEFAULT_LIMIT_HOURS = 24


def gather(evidence: Evidence, now: datetime) -> Facts:
    """Read what all detectors need."""
    connection = evidence.connection()
    [(head,)] = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchall()
    whole = verify(evidence)
    pending = evidence.ledger.pending
    hours = pending.limit_hours if pending else DEFAULT_LIMIT_HOURS
    facts = Facts(evidence, connection, now, head, whole.hashed > 0, hours * 3600, [], [], whole.breaks)
    comparisons = Comparisons(evidence)
    counts = {(name, kind): count for name, kind, count in facts.rows(_CLAIMS)}
    sources = [Source(*source, counts[source.name, source.kind]) for source in comparisons.sources()]
    found: list[Residual] = []
    for source in comparisons.sources():
        found += [
            residual._replace(number=len(found) + n) for n, residual in enumerate(_of(facts, comparisons, source))
        ]
    for residual in statement_residuals(evidence, now):
        found.append(residual._replace(number=len(found)))
    return facts._replace(sources=sources, residuals=found)


def _of(facts: Facts, comparisons: Comparisons, source: ClaimSource) -> list[Residual]:
    if source.kind in ("head", "snapshot"):
        return _balances(comparisons, source)
    given = {"source": source.name, "cut": source.cut}
    if source.kind == "daily":
        rows = facts.rows(_DAILY, **given, zone=facts.evidence.ledger.time_zone)
    elif source.kind == "running":
        # A day without an order has residuals wherever its rows are put; they say nothing of any one row.
        unordered = set(comparisons.steps(source, _UNORDERED))
        rows = [row for row in facts.rows(_RUNNING, **given) if (row[0], row[1], row[4]) not in unordered]
    else:
        rows = []
    return [Residual(0, source.name, source.kind, *row) for row in rows]


def _balances(comparisons: Comparisons, source: ClaimSource) -> list[Residual]:
    """Claims of a whole balance that part from the events; a head, made of all events, has no place among them."""
    return [
        Residual(
            0, source.name, source.kind, account, currency, amount, TOTAL, None if source.kind == "head" else position
        )
        for account, currency, amount, position in comparisons.claims(source, _APART)
    ]  # fmt: skip


_CLAIMS = "SELECT source, kind, count(*) FROM assertions GROUP BY ALL"
_UNORDERED = "SELECT account, currency, position FROM result WHERE what = 'order'"
_APART = """
    SELECT account, currency, (coalesce(claimed, 0) - event_sum)::BIGINT AS amount, position FROM result
    WHERE amount <> 0 ORDER BY account, currency, place
"""

# A second row for one event must not be excused by the event's one posting, hence `nth`.
_RUNNING = """
    WITH claims AS (
        SELECT *, row_number() OVER (PARTITION BY account, currency, event_id ORDER BY order_key, position) AS nth
        FROM assertions WHERE kind = 'running' AND source = $source
    ), posted AS (
        SELECT account, currency, event_id, min(position) AS position, sum(amount_minor)::BIGINT AS amount
        FROM postings WHERE position <= $cut GROUP BY ALL
    ), joined AS (
        SELECT coalesce(claims.account, posted.account) AS account,
               coalesce(claims.currency, posted.currency) AS currency,
               coalesce(claims.event_id, posted.event_id) AS event_id,
               coalesce(posted.position, claims.position) AS position, claims.nth AS nth, claims.step_minor AS step,
               posted.amount AS posted, (coalesce(claims.step_minor, 0) - coalesce(posted.amount, 0))::BIGINT AS amount
        FROM claims FULL JOIN posted ON claims.account = posted.account AND claims.currency = posted.currency
            AND claims.event_id = posted.event_id AND claims.nth = 1
    )
    SELECT joined.account, joined.currency, joined.amount,
           CASE WHEN joined.nth IS NULL THEN 'no row' WHEN joined.nth > 1 THEN 'repeated'
                WHEN events.event_id IS NULL THEN 'no event' ELSE 'differs' END,
           joined.position, joined.event_id, events.type, events.schema_version, coalesce(joined.posted, 0)
    FROM joined LEFT JOIN events ON events.event_id = joined.event_id
    WHERE joined.amount <> 0 ORDER BY joined.account, joined.currency, joined.position
"""

_DAILY = """
    WITH claims AS (
        SELECT account, currency, day,
               claimed_minor - lag(claimed_minor, 1, 0) OVER (PARTITION BY account, currency ORDER BY day) AS step
        FROM assertions WHERE kind = 'daily' AND source = $source
    ), days AS (
        SELECT account, currency, CAST(timezone($zone, recorded_at) AS DATE) AS day,
               sum(amount_minor)::BIGINT AS posted, max(position) AS position
        FROM postings WHERE position <= $cut GROUP BY ALL
    )
    SELECT account, currency, (coalesce(step, 0) - coalesce(posted, 0))::BIGINT AS amount,
           'total', days.position, NULL, NULL, NULL, coalesce(posted, 0)
    FROM claims FULL JOIN days USING (account, currency, day)
    WHERE amount <> 0 ORDER BY account, currency, day
"""
