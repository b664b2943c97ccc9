"""Reading the residuals out of evidence: every place where a claim moves otherwise than the events do."""

from datetime import datetime
from typing import Any

from esworkbench.evidence import Evidence
from esworkbench.forensics.faults.facts import Facts, Residual, Source
from esworkbench.forensics.faults.statements import statement_residuals
from esworkbench.forensics.verify import verify

DEFAULT_LIMIT_HOURS = 24


def gather(evidence: Evidence, now: datetime) -> Facts:
    """Read what all detectors need."""
    connection = evidence.connection()
    [(head,)] = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchall()
    whole = verify(evidence)
    pending = evidence.ledger.pending
    hours = pending.limit_hours if pending else DEFAULT_LIMIT_HOURS
    facts = Facts(evidence, connection, now, head, whole.hashed > 0, hours * 3600, [], [], whole.breaks)
    claims = facts.rows("SELECT source, kind, count(*) FROM assertions GROUP BY ALL ORDER BY ALL")
    sources = [Source(name, kind, _cut(evidence, name, head), count) for name, kind, count in claims]
    found: list[Residual] = []
    for source in sources:
        found += _residuals(facts, source, len(found))
    for residual in statement_residuals(facts):
        found.append(residual._replace(number=len(found)))
    return facts._replace(sources=sources, residuals=found)


def _cut(evidence: Evidence, source: str, head: int) -> int:
    """A source without a checkpoint saw everything."""
    checkpoint = evidence.checkpoint(source)
    return head if checkpoint is None else checkpoint


def _residuals(facts: Facts, source: Source, first: int) -> list[Residual]:
    queries = {"head": _HEADS, "running": _RUNNING, "daily": _DAILY, "snapshot": _SNAPSHOTS}
    if source.kind not in queries:
        return []
    given: dict[str, Any] = {"source": source.name}
    if source.kind != "snapshot":
        given["cut"] = source.cut
    if source.kind == "daily":
        given["zone"] = facts.evidence.ledger.time_zone
    found = facts.rows(queries[source.kind], **given)
    return [Residual(number, source.name, source.kind, *row) for number, row in enumerate(found, start=first)]


_HEADS = """
    WITH sums AS (
        SELECT account, currency, sum(amount_minor)::BIGINT AS total FROM postings WHERE position <= $cut GROUP BY ALL
    ), claims AS (SELECT * FROM assertions WHERE kind = 'head' AND source = $source)
    SELECT account, currency, (coalesce(claimed_minor, 0) - coalesce(total, 0))::BIGINT AS amount,
           'total', NULL, NULL, NULL, NULL, 0
    FROM claims FULL JOIN sums USING (account, currency)
    WHERE amount <> 0 ORDER BY 1, 2
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

_SNAPSHOTS = """
    WITH claims AS (SELECT * FROM assertions WHERE kind = 'snapshot' AND source = $source),
    summed AS (
        SELECT claims.account, claims.currency, claims.version, any_value(claims.claimed_minor) AS claimed,
               coalesce(sum(postings.amount_minor), 0)::BIGINT AS total, max(postings.position) AS position
        FROM claims LEFT JOIN postings ON postings.account = claims.account
            AND postings.currency = claims.currency AND postings.version <= claims.version
        GROUP BY ALL
    )
    SELECT account, currency, (claimed - total)::BIGINT AS amount, 'total', position, NULL, NULL, NULL, 0
    FROM summed WHERE amount <> 0 ORDER BY account, currency, version
"""
