"""The holds: money that was requested and waits for an answer. One definition, one clock.

A hold is opened when its request is recorded and answered when a settlement or a cancellation with its id is. The
server wrote both times; what people write as the time of validity says nothing about how long a hold has waited. An id
may be used again: the second answer answers the second request.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from esworkbench.evidence import Evidence, LedgerDefinition
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.ledger import PostingRule

if TYPE_CHECKING:
    import duckdb

EVENTS_AT_ONCE = 300_000

DEFAULT_LIMIT = timedelta(hours=24)

REPAIRS = """
    linked AS (
        SELECT event_id, position, json_extract_string(metadata, '$.compensates') AS original
        FROM events WHERE json_valid(metadata) AND (contains(metadata, 'compensates') OR contains(metadata, '\\'))
    ), of_repairs AS (
        SELECT event_id, any_value(account) AS account, any_value(currency) AS currency,
               sum(amount_minor)::BIGINT AS amount
        FROM postings WHERE event_id IN (
            SELECT unnest([event_id, original]) FROM linked WHERE original IS NOT NULL
        ) GROUP BY event_id
    ), repairs AS (
        SELECT linked.original, event_id AS repair, linked.position, of_repairs.account, of_repairs.currency,
               of_repairs.amount, row_number() OVER (PARTITION BY linked.original ORDER BY linked.position) AS nth
        FROM linked JOIN of_repairs USING (event_id) WHERE linked.original IS NOT NULL
    ), made_good AS (
        SELECT repairs.original, repairs.repair FROM repairs JOIN of_repairs ON of_repairs.event_id = repairs.original
        WHERE repairs.nth = 1 AND repairs.amount + of_repairs.amount = 0
    )
"""
"""Events whose metadata ``compensates`` another, by that name or one with an escape in it; ``made_good``: the pairs of
which nothing is left."""

# An answer that finds nothing waiting answers nothing: a second settlement can't answer a request yet to come.
_REQUESTS = """
    INSERT INTO requests
    WITH said AS (
        SELECT stream_id, position, version, event_id, type, recorded_at, greatest(valid_at, recorded_at) AS final_at,
            json_extract_string(payload, $path) AS hold, type = $request AS asks
        FROM {events} WHERE type IN ($request, $settle, $cancel) AND json_valid(payload)
    ), waiting AS (
        SELECT *, sum(CASE WHEN asks THEN 1 ELSE -1 END) OVER (PARTITION BY stream_id, hold ORDER BY version, position)
            AS open FROM said
    ), lowest AS (
        SELECT *, least(0, min(open) OVER (PARTITION BY stream_id, hold ORDER BY version, position
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS before FROM waiting
    ), told AS (
        SELECT *, row_number() OVER (PARTITION BY stream_id, hold, asks ORDER BY version, position) AS nth
        FROM lowest WHERE asks OR open >= before
    )
    SELECT asked.stream_id, asked.hold, asked.event_id, asked.position, asked.version, asked.recorded_at,
        answer.event_id AS answered_by, answer.type AS answer, answer.version AS answer_version,
        answer.recorded_at AS answered_at, answer.final_at
    FROM told AS asked
    LEFT JOIN told AS answer ON NOT answer.asks AND answer.stream_id = asked.stream_id AND answer.hold = asked.hold
        AND answer.nth = asked.nth
    WHERE asked.asks
"""

_HOLDS = f"""
    CREATE OR REPLACE TEMP TABLE holds AS
    WITH {REPAIRS}, amounts AS (
        SELECT event_id, account, currency, -sum(amount_minor)::BIGINT AS amount FROM postings
        WHERE event_id IN (SELECT event_id FROM requests) GROUP BY ALL
    )
    SELECT m.account, m.currency, m.amount, hold, stream_id, position, event_id, recorded_at AS opened_at, answered_at,
        final_at, CASE requests.answer WHEN $settle THEN 'settled' WHEN $cancel THEN 'cancelled'
            ELSE CASE WHEN event_id IN (SELECT original FROM made_good) THEN 'compensated' END END AS answer,
        answered_by
    FROM requests JOIN amounts AS m USING (event_id)
"""

_NO_HOLDS = """
    CREATE OR REPLACE TEMP TABLE requests (stream_id VARCHAR, hold VARCHAR, event_id VARCHAR, position BIGINT,
        version BIGINT, recorded_at TIMESTAMPTZ, answered_by VARCHAR, answer VARCHAR, answer_version BIGINT,
        answered_at TIMESTAMPTZ, final_at TIMESTAMPTZ);
    CREATE OR REPLACE TEMP TABLE holds (account VARCHAR, currency VARCHAR, amount BIGINT, hold VARCHAR,
        stream_id VARCHAR, position BIGINT, event_id VARCHAR, opened_at TIMESTAMPTZ, answered_at TIMESTAMPTZ,
        final_at TIMESTAMPTZ, answer VARCHAR, answered_by VARCHAR)
"""


# Whatever made up for the difference since: a repair that names one of the two, or a movement under the reference. Most
# settlements name just what was held, and stay where they are: to read them all would take memory without end.
_SETTLED = f"""
    WITH {REPAIRS}
    SELECT h.account, h.currency, h.event_id, h.amount, e.stream_id, e.version, e.event_id, e.type, e.schema_version,
        e.payload, e.position,
        (SELECT coalesce(sum(r.amount), 0)::BIGINT FROM repairs AS r WHERE r.original IN (h.event_id, e.event_id)
            AND r.account = h.account AND r.currency = h.currency)
    FROM holds AS h JOIN events AS e ON e.event_id = h.answered_by WHERE h.answer = 'settled'
        AND ($amount IS NULL OR NOT json_valid(e.payload)
             OR json_extract_string(e.payload, $amount) IS DISTINCT FROM h.amount::VARCHAR)
    ORDER BY e.position
"""


class Settlement(NamedTuple):
    """One that names another amount than was held: its position and id, and its request's id.

    ``apart``: settled − held with its sign as posted, in minor units; ``repaired``: what was adjusted since.
    """

    account: str
    currency: str
    position: int
    event_id: str
    request: str
    apart: int
    repaired: int


def hold_limit(ledger: LedgerDefinition) -> timedelta:
    """How long a hold may wait: what the ledger says, else a day."""
    return timedelta(hours=ledger.pending.limit_hours) if ledger.pending else DEFAULT_LIMIT


def make_holds(connection: "duckdb.DuckDBPyConnection", evidence: Evidence) -> None:
    """Make the table ``holds`` on this connection to the evidence; empty where the ledger names no pending events.

    Columns: account, currency, amount (minor units), hold (its id), stream_id, position, event_id, opened_at;
    answered_at, answer (settled, cancelled, compensated), answered_by (the event) and final_at (when the money moved
    for good), null while it waits. The table ``requests`` has every request and its answer, posted or not.
    """
    connection.execute(_NO_HOLDS)
    pending = evidence.ledger.pending
    if pending is None:
        return
    answers = {"settle": pending.settle, "cancel": pending.cancel}
    asked = {"path": json_path(pending.id_field), "request": pending.request, **answers}
    # A hold and its answers are of one stream, and a stream's events of one bucket.
    for buckets in evidence.groups_of_buckets(EVENTS_AT_ONCE, "events"):
        connection.execute(_REQUESTS.replace("{events}", evidence.from_buckets("events", buckets)), asked)
    connection.execute(_HOLDS, answers)


def silent_settlements(ledger: LedgerDefinition) -> list[PostingRule]:
    """The rules of settlements that say their amount and post nothing."""
    return [
        rule for rule in ledger.posting if ledger.pending and rule.event == ledger.pending.settle and rule.sign == 0
    ]


def settlements_for_another_amount(
    connection: "duckdb.DuckDBPyConnection", ledger: LedgerDefinition
) -> Iterator[Settlement]:
    """What settlements say that were for another amount than was held. The connection has the table ``holds``."""
    silent = silent_settlements(ledger)
    if not silent:
        return
    spoken = [msgspec.structs.replace(rule, sign=1) for rule in silent]
    poster = Poster(msgspec.structs.replace(ledger, posting=spoken, without_posting=[]))
    plain = silent[0].amount if len(silent) == 1 and silent[0].scale == "minor" else None
    amount = None if plain is None else json_path(plain)
    for account, currency, request, held, *event, position, repaired in connection.execute(
        _SETTLED, {"amount": amount}
    ).fetchall():
        says = [posted for posted in poster.post(*event) if (posted.account, posted.currency) == (account, currency)]
        apart = held - abs(sum(posted.amount_minor for posted in says)) if says and held > 0 else 0
        if apart:
            yield Settlement(account, currency, position, event[2], request, apart, repaired)


def json_path(field: str | None) -> str:
    """A dotted field of a payload as DuckDB's JSON functions want it; without one, a path that no payload has."""
    return "$" + "".join(f'."{name}"' for name in (field or "no such field").split("."))
