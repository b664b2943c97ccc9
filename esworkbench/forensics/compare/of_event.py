"""What a row says of its event beside all amounts: its position, version, id, type and time.

A row of a running balance or of a hold speaks of one event, and a wrong word about it moves no balance. A current
balance, or a day, names the last event that it counts: one of the account's, after which none moves that balance. What
a row leaves empty it doesn't claim. Rows that agree are told by one comparison of hashes, so that a long history costs
little; only those that don't are looked at column by column.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.evidence.ledger import ReadModel
from esworkbench.forensics.compare.columns import make_told_of_holds
from esworkbench.forensics.compare.records import Key

if TYPE_CHECKING:
    import duckdb


class WrongColumn(NamedTuple):
    """A column of a read model's row that contradicts the event: the table's own name of it, and both as text.

    ``position`` and ``event_id`` are the event's; None, and ``event_says`` too, where the account has no event that the
    row could mean. ``stale``: the row means an earlier event of its account than the last that it should count.
    """

    source: str
    kind: str
    account: str
    currency: str
    column: str
    says: str
    event_says: str | None
    position: int | None
    event_id: str | None
    stale: bool = False

    @property
    def key(self) -> Key:
        return self.account, self.currency


_TOLD = {
    "position": "position", "version": "version", "event_id": "event_id", "type": "type", "recorded_at": "recorded_at",
    "day": "timezone($zone, recorded_at)::DATE",
}  # fmt: skip
"""The columns of evidence that say something of an event, and how the event says it."""

_ROWS = """
    CREATE OR REPLACE TEMP TABLE suspects AS
    WITH told AS (SELECT {by}, hash({theirs}) AS said FROM events)
    SELECT a.* FROM assertions AS a LEFT JOIN told USING ({by})
    WHERE a.kind = 'running' AND a.source = $source AND hash({ours}) IS DISTINCT FROM told.said
"""
# Where a row names one event and stands at another's position, what it moves by says which of the two it is about.
_ROWS_MEAN = """
    posted AS (
        SELECT account, currency, position, sum(amount_minor)::BIGINT AS amount FROM postings
        WHERE position IN (SELECT position FROM suspects) GROUP BY ALL
    ), meant AS (
        SELECT a.*, false AS stale, coalesce(CASE WHEN p.amount = a.step_minor THEN p.position END, n.position,
            CASE WHEN a.event_id IS NULL THEN p.position END) AS place
        FROM suspects AS a LEFT JOIN events AS n ON n.event_id = a.event_id
        LEFT JOIN posted AS p ON p.account = a.account AND p.currency = a.currency AND p.position = a.position
    ), compared AS (SELECT m.*, e FROM meant AS m JOIN events AS e ON e.position = m.place)
"""

# A hold waits if the last that the source has read of its id is the request.
_HOLDS_MEAN = """
    latest AS (
        SELECT stream_id, hold, arg_max(event_id, position) AS event_id, arg_max(asks, position) AS asks
        FROM told_of_holds WHERE position <= $cut GROUP BY stream_id, hold
    ), waiting AS (
        SELECT DISTINCT p.account, p.currency, l.hold, p.position
        FROM latest AS l JOIN postings AS p ON p.event_id = l.event_id WHERE l.asks
    ), compared AS (
        SELECT a.* REPLACE (NULL AS event_id), false AS stale, e
        FROM assertions AS a JOIN waiting AS w ON w.account = a.account AND w.currency = a.currency
            AND w.hold = a.event_id
        JOIN events AS e ON e.position = w.position WHERE a.kind = 'holds' AND a.source = $source
    )
"""

# An event that was parked is not counted, and one that moves nothing need not be. A row may wait at 0 for its first.
_LAST = """
    CREATE OR REPLACE TEMP TABLE suspects AS
    WITH posted AS (
        SELECT account, currency, {day} AS day, position, sum(amount_minor) AS amount
        FROM postings WHERE position <= $cut GROUP BY ALL
    ), parked AS (
        SELECT DISTINCT position AS parked_at FROM dead_letters WHERE projection = $source
    ), last AS (
        SELECT account, currency, day, max(position) AS place,
            max(position) FILTER (amount <> 0 AND parked_at IS NULL) AS at_least
        FROM posted LEFT JOIN parked ON parked_at = position GROUP BY account, currency, day
    )
    SELECT a.*, l.place, coalesce(l.at_least, 0) AS at_least
    FROM assertions AS a LEFT JOIN last AS l
        ON l.account = a.account AND l.currency = a.currency AND l.day IS NOT DISTINCT FROM {claimed_day}
    LEFT JOIN events AS e ON e.position = l.place
    WHERE a.kind = $kind AND a.source = $source AND ({differ} OR l.place IS NULL)
"""
_LAST_MEANT = """
    of_account AS (
        SELECT DISTINCT s.account, s.currency, e.position
        FROM suspects AS s JOIN events AS e ON substr(e.stream_id, strpos(e.stream_id, '-') + 1) = s.account
        UNION SELECT s.account, s.currency, p.position FROM suspects AS s JOIN postings AS p ON p.account = s.account
    ), fits AS (
        SELECT s.account, s.currency, s.day, max(e.position) AS place
        FROM suspects AS s JOIN of_account AS o ON o.account = s.account AND o.currency = s.currency
        JOIN events AS e ON e.position = o.position
        WHERE e.position <= $cut AND NOT ({differ}) GROUP BY s.account, s.currency, s.day
    ), first AS (SELECT account, currency, min(position) AS place FROM of_account GROUP BY ALL
    ), compared AS (
        SELECT a.*, f.place IS NOT NULL AS stale, e
        FROM suspects AS a
        LEFT JOIN fits AS f ON f.account = a.account AND f.currency = a.currency AND f.day IS NOT DISTINCT FROM a.day
        LEFT JOIN first ON first.account = a.account AND first.currency = a.currency
        LEFT JOIN events AS e ON e.position = coalesce(a.place, first.place)
        WHERE coalesce(f.place < a.at_least, true) AND NOT (a.at_least = 0 AND {at_zero})
    )
"""

_COLUMN = """
    SELECT account, currency, '{column}' AS name, {ours}::VARCHAR AS says, {theirs}::VARCHAR AS event_says, e.position,
        e.event_id, stale
    FROM compared WHERE {ours} IS NOT NULL AND {ours} IS DISTINCT FROM {theirs}
"""

# A table may keep whole seconds; if all its rows do, that is how it is written.
_GRAIN = """
    SELECT CASE WHEN bool_and(recorded_at = date_trunc('second', recorded_at)) THEN 'second'
        WHEN bool_and(recorded_at = date_trunc('millisecond', recorded_at)) THEN 'millisecond' ELSE 'microsecond' END
    FROM assertions WHERE kind = $kind AND source = $source
"""


def wrong_columns(evidence: Evidence) -> list[WrongColumn]:
    """Every such column of every read model, by source, account and position."""
    connection = evidence.connection()
    make_told_of_holds(connection, evidence.ledger)
    found: set[WrongColumn] = set()
    for model in evidence.ledger.read_model:
        if model.of_event and evidence.checkpoint(model.projection) is not None:
            found.update(_of_model(connection, evidence, model))
    return sorted(found, key=lambda each: (*each[:4], each.position or 0, *map(str, each[4:])))


def _of_model(connection: "duckdb.DuckDBPyConnection", evidence: Evidence, model: ReadModel) -> list[WrongColumn]:
    given = {
        "source": model.projection, "kind": model.kind, "zone": evidence.ledger.time_zone,
        "cut": evidence.checkpoint(model.projection),
    }  # fmt: skip

    def run(query: str) -> list[tuple[Any, ...]]:
        used = {name: value for name, value in given.items() if f"${name}" in query}
        rows: list[tuple[Any, ...]] = connection.execute(query, used).fetchall()
        return rows

    names = model.of_event
    [(grain,)] = run(_GRAIN)
    said = {name: _TOLD[name].replace("recorded_at", f"date_trunc('{grain}', recorded_at)") for name in names}
    of_e = {name: words.replace("recorded_at", "e.recorded_at") for name, words in said.items()}
    of_e |= {name: f"e.{name}" for name in said if name in ("position", "version", "event_id", "type")}

    def differ(row: str) -> str:
        return " OR ".join(
            f"coalesce({row}.{name} <> {theirs}, {row}.{name} IS NOT NULL)" for name, theirs in of_e.items()
        )

    if model.kind == "running":
        by = "position" if "position" in names else "event_id"
        if by not in names:
            return []
        ours, theirs = ", ".join(names), ", ".join(said.values())
        run(_ROWS.format(by=by, theirs=theirs, ours=", ".join(f"a.{name}" for name in ours.split(", "))))
        mean = _ROWS_MEAN
    elif model.kind == "holds":
        mean = _HOLDS_MEAN
    else:
        daily = model.kind == "daily"
        counted = [f"coalesce(a.{name}, 0) = 0" for name in ("version", "position") if name in names]
        at_zero = " AND ".join(counted) or "false"
        day = "timezone($zone, recorded_at)::DATE" if daily else "NULL::DATE"
        run(_LAST.format(day=day, claimed_day="a.day" if daily else "NULL", differ=differ("a")))
        mean = _LAST_MEANT.format(differ=differ("s"), at_zero=at_zero)
    columns = " UNION ALL ".join(
        _COLUMN.format(column=column.replace("'", "''"), ours=name, theirs=of_e[name]) for name, column in names.items()
    )
    return [WrongColumn(model.projection, model.kind, *row) for row in run(f"WITH {mean} {columns}")]
