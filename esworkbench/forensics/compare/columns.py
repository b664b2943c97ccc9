"""What stands beside a balance and claims something too: an event's or a hold's amount, a day's credits and debits.

Each such column is a claim of its own, of one event, one day or one hold; nothing is carried on from one to the next. A
residual is claimed − expected, in the column's own sense. The columns of each SELECT are those of ``residuals``.
"""

from typing import TYPE_CHECKING

from esworkbench.evidence import LedgerDefinition
from esworkbench.evidence.ledger import COLUMN_KINDS
from esworkbench.forensics.compare.holds import json_path

if TYPE_CHECKING:
    import duckdb

__all__ = ["COLUMN_KINDS", "COLUMN_SQL", "make_told_of_holds"]

_RESULT = """
    SELECT account, currency, coalesce(place, 0) AS place,
        row_number() OVER (PARTITION BY account, currency ORDER BY place, event_id) AS order_key, position, version,
        event_id, claimed, coalesce(claimed, 0) AS says, 0 AS posted, expected::BIGINT AS event_sum,
        (coalesce(claimed, 0) - expected)::BIGINT AS residual, at_position,
        CASE WHEN NOT is_row THEN 'no row' WHEN matched THEN 'differs' ELSE 'no event' END AS reason,
        CASE WHEN residual <> 0 THEN 'divergence' END AS state
    FROM compared
"""

# A row that is missing claims no amount: the running balance beside it shows the hole.
_AMOUNTS = f"""
    WITH posted AS (
        SELECT account, currency, event_id, min(position) AS position, any_value(version) AS version,
            sum(amount_minor) AS amount
        FROM postings GROUP BY account, currency, event_id
    ), compared AS (
        SELECT a.account, a.currency, coalesce(p.position, n.position, a.position) AS place,
            coalesce(p.position, n.position, a.position) AS position, coalesce(p.version, n.version) AS version,
            coalesce(p.event_id, a.event_id) AS event_id, a.claimed_minor AS claimed,
            coalesce(p.amount, n.amount, 0) AS expected, place AS at_position, true AS is_row,
            n.event_id IS NOT NULL OR p.event_id IS NOT NULL AS matched
        FROM assertions a
        LEFT JOIN posted n ON n.account = a.account AND n.currency = a.currency AND n.event_id = a.event_id
        LEFT JOIN posted p ON (a.event_id IS NULL OR a.claimed_minor = p.amount) AND p.account = a.account
            AND p.currency = a.currency AND p.position = a.position
        WHERE a.kind = 'amount' AND a.source = $source AND a.claimed_minor IS NOT NULL
    ) {_RESULT}
"""

_OF_A_DAY = f"""
    WITH posted AS (
        SELECT account, currency, timezone($zone, recorded_at)::DATE - DATE '1970-01-01' AS place,
            max(position) AS position, sum({{sum}}) AS amount
        FROM postings WHERE position <= $cut GROUP BY account, currency, place
    ), claims AS (
        SELECT account, currency, day - DATE '1970-01-01' AS place, claimed_minor AS claimed
        FROM assertions WHERE kind = $kind AND source = $source AND claimed_minor IS NOT NULL
    ), compared AS (
        SELECT account, currency, place, p.position, NULL::BIGINT AS version, NULL::VARCHAR AS event_id, c.claimed,
            coalesce(p.amount, 0) AS expected, p.position AS at_position, c.claimed IS NOT NULL AS is_row,
            p.amount IS NOT NULL AS matched
        FROM claims c FULL JOIN posted p USING (account, currency, place)
    ) {_RESULT}
"""

# A hold waits if the last that the source has read of its id is the request.
_HOLDS = f"""
    WITH latest AS (
        SELECT stream_id, hold, arg_max(event_id, position) AS event_id, arg_max(asks, position) AS asks,
            max(position) AS position
        FROM told_of_holds WHERE position <= $cut GROUP BY stream_id, hold
    ), waiting AS (
        SELECT p.account, p.currency, l.hold, l.event_id, l.position, any_value(p.version) AS version,
            -sum(p.amount_minor) AS amount
        FROM latest l JOIN postings p ON p.event_id = l.event_id WHERE l.asks GROUP BY ALL
    ), claims AS (
        SELECT account, currency, event_id AS hold, position, claimed_minor AS claimed
        FROM assertions WHERE kind = 'holds' AND source = $source AND claimed_minor IS NOT NULL
    ), compared AS (
        SELECT account, currency, coalesce(w.position, c.position) AS place,
            coalesce(w.position, c.position) AS position, w.version, w.event_id, c.claimed,
            coalesce(w.amount, 0) AS expected, $cut AS at_position, c.claimed IS NOT NULL AS is_row,
            w.amount IS NOT NULL AS matched
        FROM claims c FULL JOIN waiting w USING (account, currency, hold)
    ) {_RESULT}
"""

COLUMN_SQL = {
    "amount": _AMOUNTS,
    "credits": _OF_A_DAY.replace("{sum}", "greatest(amount_minor, 0)"),
    "debits": _OF_A_DAY.replace("{sum}", "greatest(-amount_minor, 0)"),
    "holds": _HOLDS,
}

_TOLD = """
    CREATE OR REPLACE TEMP TABLE told_of_holds AS
    SELECT stream_id, position, event_id, type = $request AS asks, json_extract_string(payload, $path) AS hold
    FROM events WHERE type IN ($request, $settle, $cancel) AND json_valid(payload)
"""
_NOTHING_TOLD = """
    CREATE OR REPLACE TEMP TABLE told_of_holds
    (stream_id VARCHAR, position BIGINT, event_id VARCHAR, asks BOOLEAN, hold VARCHAR)
"""


def make_told_of_holds(connection: "duckdb.DuckDBPyConnection", ledger: LedgerDefinition) -> None:
    """Make the table ``told_of_holds``: every request and answer, by the hold's id, for claims of kind holds."""
    pending = ledger.pending
    if pending is None:
        connection.execute(_NOTHING_TOLD)
        return
    given = {"request": pending.request, "settle": pending.settle, "cancel": pending.cancel}
    connection.execute(_TOLD, {"path": json_path(pending.id_field), **given})
