"""Where a bank statement differs from the events, line by line.

A statement books a movement once it is final: a hold when it is settled, never when it is requested. So the events are
first listed as a statement would list them, and the two lists are matched by what they say: the nearest in time of the
same reference and amount first, then the same in another spelling, then equal amounts under another reference on one
day, one that continues the movement's own before others, then equal amounts near in time where a line bears no
reference or one that no event has, then one reference with another amount, and last one reference and amount with the
sign turned. References are hints: what is left over, a line without an event or a movement without a line, counts by
its amount. What a line claims is its balance; its amount only says which movement it means.

What is not a difference: another day; a movement outside what the file covers, where a file that books late covers less
than its last line; a booking and what undoes it, whether the statement tells both or neither; one movement told in
parts, or several told as one, that come to the same.

All of it is asked in SQL, set by set: a statement may have as many lines as the log has events.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from esworkbench.evidence import Evidence, LedgerDefinition
from esworkbench.forensics.compare.holds import (
    REPAIRS,
    hold_limit,
    json_path,
    make_holds,
    settlements_for_another_amount,
)
from esworkbench.forensics.compare.matching import nearest
from esworkbench.forensics.compare.records import RESTORATION_CATEGORY

if TYPE_CHECKING:
    import duckdb

LATEST_BOOKING = timedelta(days=10)
"""A statement books no later than that; a line that is later still doesn't make all others late."""

PART = "file, account, currency"
"""What one list of lines is about: a statement's file, and in it an account in a currency."""

MOST_PARTS = 20
"""Among more lines and movements of one day some come to any sum by chance."""
MOST_LOOSE = 1_000
"""A statement and a log that have so little in common don't tell one thing in other parts."""

ROUNDS = 8
"""How often lines that have lost their nearest movement to another line look for the next; then order decides."""


def make_movements(connection: "duckdb.DuckDBPyConnection", evidence: Evidence, *, repeated_only: bool = False) -> None:
    """Make the table ``movements`` on this connection: every event that posts, as a statement would book it.

    Columns: account, currency, reference, amount (minor units; of a hold with what its settlement posts), booked_at,
    position, version, event_id, type, schema_version, recorded_at, valid_at; ``waits``: a hold without an answer;
    ``undoes``: the event of which this one and its counterpart leave nothing, as a hold and its cancellation do;
    ``repairs``: the event that this one compensates (the request, where it names the settlement).

    ``booked_at`` of a settled hold is when it was settled, of an open one when it lapses. It is never before the event
    was recorded: money in a night safe is true at once and booked when counted.

    With ``repeated_only`` all those are left out whose reference no other event bears. The connection has the table
    ``holds``.
    """
    given: dict[str, Any] = {
        "key": json_path(evidence.ledger.business_key), "limit": hold_limit(evidence.ledger),
    }  # fmt: skip
    which = "true"
    if repeated_only:
        connection.execute(_REPEATED, {"key": given["key"]})
        which = "event_id IN (SELECT event_id FROM repeated)"
    connection.execute(_MOVEMENTS.replace("{which}", which), given)


def make_statement_steps(connection: "duckdb.DuckDBPyConnection", evidence: Evidence, now: datetime | None) -> None:
    """Make the tables ``statement_lines``, ``pairs`` and ``statement_steps``, and ``movements`` where there are lines.

    ``statement_steps`` has every line, and every movement that should have one and has none, in the order in which they
    count, by file, account, currency and place. Only movements that the lines cover should have one; a hold only if it
    was settled, or has been open for longer than allowed at ``now``, by default the evidence's latest ``recorded_at``.
    ``pairs`` says which line (its place) means which event.
    """
    connection.execute(_LINES)
    connection.execute(_NO_PAIRS)
    connection.execute(_NONE_NETTED)
    if not connection.execute("SELECT count(*) FROM statement_lines").fetchall()[0][0]:
        connection.execute(_NO_STEPS)
        return
    make_holds(connection, evidence)
    make_movements(connection, evidence)
    window = evidence.ledger.statement_window_days
    connection.execute(_NAMELESS)
    connection.execute(_PARTS, {"zone": evidence.ledger.time_zone, "window": window})
    connection.execute(_EXPECTED, {"now": now or evidence.now, "limit": hold_limit(evidence.ledger)})
    _pair(connection, evidence.ledger.time_zone, window)
    connection.execute(_RESTORED, {"adjusting": sorted(adjusting_types(evidence.ledger))})
    said = [(each.account, each.currency, each.request, each.apart)
            for each in settlements_for_another_amount(connection, evidence.ledger)]  # fmt: skip
    columns = [list(each) for each in zip(*said, strict=True)] or [[], [], [], []]
    connection.execute(_NETTED, dict(zip(("accounts", "currencies", "requests", "apart"), columns, strict=True)))
    connection.execute(_STEPS, {"zone": evidence.ledger.time_zone, "latest": LATEST_BOOKING})


def adjusting_types(ledger: LedgerDefinition) -> set[str]:
    """The types whose amount bears its own sign, in a ledger where those of others have a sign for good."""
    signed = {rule.event for rule in ledger.posting if rule.sign == "signed"}
    return signed if any(rule.sign in (-1, 1) for rule in ledger.posting) else set()


def _pair(connection: "duckdb.DuckDBPyConnection", zone: str, window: int) -> None:
    """Which line means which movement. What was undone comes second: a statement need not tell of it."""
    day = "timezone($zone, due_at)::DATE"
    for undone in ("undoes IS NULL", "true"):
        _equals(connection, "reference", "amount", "due_at", undone)
        _equals(connection, "reference", "amount", day, undone, zone=zone)
        for _ in range(ROUNDS):
            before = _paired(connection)
            connection.execute(_NEAREST.replace("{undone}", undone))
            if _paired(connection) == before:
                break
        _equals(connection, "reference", "amount", "0", undone)
    _equals(connection, _SPELLED, "amount", "0", "undoes IS NULL")
    connection.execute(_CONTINUED, {"zone": zone})
    connection.execute(_EXCHANGED, {"zone": zone})
    _equals(connection, "''", "amount", day, f"undoes IS NULL AND NOT {_TOLD_ALREADY}", zone=zone)
    connection.execute(_NOTHING_LEFT)
    _pair_nameless(connection, zone, window)
    _equals(connection, "nullif(reference, '')", "step", "0", "undoes IS NULL")
    _equals(connection, "nullif(reference, '')", "sign(amount)", "0", "undoes IS NULL")
    _equals(connection, "nullif(reference, '')", "abs(amount)", day, "undoes IS NULL AND NOT waits", zone=zone)


def _pair_nameless(connection: "duckdb.DuckDBPyConnection", zone: str, window: int) -> None:
    """Lines without a reference beside movements of their amount, no more than ``window`` days from them.

    Where days alone leave a line and a movement of one amount over, all such lines of that amount are matched anew, so
    that what is left of them is what one side has more of, whichever day it took first.
    """
    groups: dict[tuple[Any, ...], tuple[list[tuple[int, int]], list[tuple[int, int, str]]]] = {}
    for *group, place, position, event_id, day in connection.execute(_ALIKE, {"zone": zone}).fetchall():
        lines, movements = groups.setdefault(tuple(group), ([], []))
        if place is not None:
            lines.append((day, place))
        else:
            movements.append((day, position, event_id))
    freed: list[tuple[Any, ...]] = []
    found: list[tuple[Any, ...]] = []
    for (*part, _), (lines, movements) in groups.items():
        matched = nearest([day for day, _ in lines], [day for day, *_ in movements], window)
        freed += [(*part, place) for _, place in lines]
        found += [(*part, lines[line][1], movements[movement][2]) for line, movement in matched]
    for query, rows in ((_FREED, freed), (_MATCHED, found)):
        if rows:
            connection.execute(
                query, {f"column{number}": list(each) for number, each in enumerate(zip(*rows, strict=True))}
            )


def _equals(
    connection: "duckdb.DuckDBPyConnection", reference: str, amount: str, when: str, undone: str, **given: Any
) -> None:
    """Pair the first line with the first movement that says the same, the second with the second, and so on."""
    query = _SAME
    for name, words in {"reference": reference, "amount": amount, "when": when, "undone": undone}.items():
        query = query.replace(f"{{{name}}}", words)
    connection.execute(query, given or None)


def _paired(connection: "duckdb.DuckDBPyConnection") -> int:
    return int(connection.execute("SELECT count(*) FROM pairs").fetchall()[0][0])


REFERENCE = "CASE WHEN json_valid(payload) THEN json_extract_string(payload, $key) END"

# References are told by their hashes: should two have one, some events more are looked at. A settlement may post, too.
_REPEATED = f"""
    CREATE OR REPLACE TEMP TABLE repeated AS
    WITH same AS (
        SELECT hash({REFERENCE}) AS reference FROM events WHERE {REFERENCE} <> '' GROUP BY ALL HAVING count(*) > 1
    ), chosen AS (
        SELECT event_id FROM events WHERE hash({REFERENCE}) IN (SELECT reference FROM same)
    )
    SELECT event_id FROM chosen UNION SELECT answered_by FROM holds SEMI JOIN chosen USING (event_id)
"""

# One more movement with the reference and amount of one that a line tells: the bank would have written it again.
_TOLD_ALREADY = f"""
    (reference <> '' AND (file, account, currency, reference, amount) IN
        (SELECT ({PART}, reference, amount) FROM expected JOIN pairs USING ({PART}, event_id)))
"""

# What has a partner already is matched anew with what has none. A movement of before the first line is one that the
# opening balance counts; where that lacks just what the last of them come to, they were booked late.
_ALIKE = f"""
    WITH covers AS (
        SELECT {PART}, min(timezone($zone, booked_at)::DATE) AS first, arg_min(booked_at, place) AS begins,
            arg_min(balance::HUGEINT - amount, place) AS opening
        FROM statement_lines GROUP BY ALL
    ), before AS (
        SELECT {PART}, event_id, sum(amount) OVER part - opening AS lacks, sum(amount) OVER newest AS newer,
            row_number() OVER newest AS nth
        FROM expected ANTI JOIN pairs USING ({PART}, event_id) JOIN covers USING ({PART})
        WHERE owed AND due_at < begins
        WINDOW part AS (PARTITION BY {PART}), newest AS (PARTITION BY {PART} ORDER BY due_at DESC, position DESC)
    ), late AS (
        SELECT {PART}, event_id FROM before WHERE lacks <> 0
        QUALIFY nth <= min(nth) FILTER (newer = lacks) OVER (PARTITION BY {PART})
    ), lines AS (
        SELECT {PART}, amount, place, event_id, timezone($zone, due_at)::DATE AS day
        FROM statement_lines SEMI JOIN nameless USING ({PART}, place) LEFT JOIN pairs USING ({PART}, place)
        WHERE amount <> 0
    ), free AS (
        SELECT {PART}, amount, event_id, position, timezone($zone, due_at)::DATE AS day
        FROM expected ANTI JOIN pairs USING ({PART}, event_id) JOIN covers USING ({PART})
        WHERE undoes IS NULL AND NOT waits AND NOT {_TOLD_ALREADY} AND (timezone($zone, due_at)::DATE >= first
            OR ({PART}, event_id) IN (SELECT ({PART}, event_id) FROM late))
    ), alike AS (
        SELECT {PART}, amount FROM lines WHERE event_id IS NULL INTERSECT SELECT {PART}, amount FROM free
    ), bound AS (
        SELECT {PART}, l.amount, l.place, l.day, e.event_id, e.position, timezone($zone, e.due_at)::DATE AS due
        FROM lines AS l JOIN expected AS e USING ({PART}, event_id)
        WHERE e.amount = l.amount AND e.undoes IS NULL AND NOT e.waits
    ), asked AS (
        SELECT {PART}, amount, place, NULL::BIGINT AS position, NULL AS event_id, day FROM lines WHERE event_id IS NULL
        UNION ALL SELECT {PART}, amount, place, NULL, NULL, day FROM bound
        UNION ALL SELECT {PART}, amount, NULL, position, event_id, due FROM bound
        UNION ALL SELECT {PART}, amount, NULL, position, event_id, day FROM free
    )
    SELECT {PART}, amount, place, position, event_id, (day - DATE '1970-01-01')::BIGINT AS number FROM asked
    SEMI JOIN alike USING ({PART}, amount) ORDER BY {PART}, amount, day, place, position
"""

_FREED = f"""
    DELETE FROM pairs WHERE ({PART}, place) IN
        (SELECT (unnest($column0), unnest($column1), unnest($column2), unnest($column3)))
"""

_MATCHED = """
    INSERT INTO pairs SELECT unnest($column0), unnest($column1), unnest($column2), unnest($column3), unnest($column4)
"""

# A bank prints references in capitals, or pads them.
_SPELLED = "nullif(upper(trim(reference)), '')"

# The second payment under one reference, to which the bank has added a number of its own.
_CONTINUED = f"""
    INSERT INTO pairs
    WITH l AS (
        SELECT {PART}, place, amount, reference, timezone($zone, due_at)::DATE AS day
        FROM statement_lines ANTI JOIN pairs USING ({PART}, place) WHERE amount <> 0
    ), m AS (
        SELECT {PART}, event_id, position, amount, reference, timezone($zone, due_at)::DATE AS day
        FROM expected ANTI JOIN pairs USING ({PART}, event_id) WHERE undoes IS NULL AND NOT waits AND reference <> ''
    ), continued AS (
        SELECT {PART}, amount, day, m.reference, place, event_id,
            dense_rank() OVER (PARTITION BY {PART}, amount, day, m.reference ORDER BY place) AS nth_line,
            dense_rank() OVER (PARTITION BY {PART}, amount, day, m.reference ORDER BY position) AS nth_movement
        FROM l JOIN m USING ({PART}, amount, day) WHERE starts_with(l.reference, m.reference)
    )
    SELECT {PART}, place, event_id FROM continued WHERE nth_line = nth_movement
    QUALIFY row_number() OVER (PARTITION BY {PART}, place ORDER BY length(reference) DESC, event_id) = 1
        AND row_number() OVER (PARTITION BY {PART}, event_id ORDER BY place) = 1
"""

# Lines and movements of one day that name each other one to one, and whose amounts stand at one another's: told by
# their amounts alone, nothing would be amiss.
_EXCHANGED = f"""
    INSERT INTO pairs
    WITH l AS (
        SELECT {PART}, place, amount, {_SPELLED} AS name, timezone($zone, due_at)::DATE AS day
        FROM statement_lines ANTI JOIN pairs USING ({PART}, place)
        WHERE amount <> 0 AND {_SPELLED} IS NOT NULL QUALIFY count(*) OVER (PARTITION BY {PART}, name, day) = 1
    ), m AS (
        SELECT {PART}, event_id, amount AS posted, {_SPELLED} AS name, timezone($zone, due_at)::DATE AS day
        FROM expected ANTI JOIN pairs USING ({PART}, event_id)
        WHERE undoes IS NULL AND NOT waits AND {_SPELLED} IS NOT NULL
        QUALIFY count(*) OVER (PARTITION BY {PART}, name, day) = 1
    ), named AS (
        SELECT * FROM l JOIN m USING ({PART}, name, day)
    )
    SELECT {PART}, place, event_id FROM named AS mine
    WHERE ({PART}, day, amount) IN (SELECT ({PART}, day, posted) FROM named)
      AND ({PART}, day, posted) IN (SELECT ({PART}, day, amount) FROM named)
"""

# What a restoration could not carry over, and somebody adjusted since, is what a line tells, however old. The log's own
# record vouches for that, in the log's own stream: for events of after the copy and before the record, and for no
# more than it counts. Alone it acquits nothing: the adjustment has put back just the line's amount on its account.
_RESTORED = f"""
    INSERT INTO pairs
    WITH records AS (
        SELECT r.position, r.recorded_at, copied.recorded_at AS since,
            TRY_CAST(json_extract_string(r.payload, '$.not_carried_count') AS BIGINT) AS may_be
        FROM events AS r JOIN events AS copied
            ON copied.position = TRY_CAST(json_extract_string(r.payload, '$.good_head') AS BIGINT)
        WHERE r.type = 'LogRestored' AND starts_with(r.stream_id, '{RESTORATION_CATEGORY}-') AND json_valid(r.payload)
    ), l AS (
        SELECT {PART}, place, amount, records.position AS record, may_be,
            row_number() OVER (PARTITION BY {PART}, amount, records.position ORDER BY place) AS nth
        FROM statement_lines ANTI JOIN pairs USING ({PART}, place)
            JOIN records ON booked_at BETWEEN records.since AND records.recorded_at
        WHERE amount <> 0 AND NOT is_balance
    ), m AS (
        SELECT {PART}, event_id, e.position, e.amount, records.position AS record,
            row_number() OVER (PARTITION BY {PART}, e.amount, records.position ORDER BY e.position) AS nth
        FROM expected AS e ANTI JOIN pairs USING ({PART}, event_id) JOIN records ON e.position > records.position
        WHERE e.type IN (SELECT unnest($adjusting::VARCHAR[])) AND undoes IS NULL
    ), fitting AS (
        SELECT {PART}, place, event_id, may_be, record, m.position FROM l JOIN m USING ({PART}, amount, record, nth)
    ), counted AS (
        SELECT * FROM fitting
        QUALIFY row_number() OVER (PARTITION BY file, record ORDER BY position) <= may_be
    )
    SELECT {PART}, place, event_id FROM counted
    QUALIFY row_number() OVER (PARTITION BY {PART}, place ORDER BY record) = 1
        AND row_number() OVER (PARTITION BY {PART}, event_id ORDER BY record) = 1
"""

_MOVEMENTS = f"""
    CREATE OR REPLACE TEMP TABLE movements AS
    WITH {REPAIRS}, told AS (
        SELECT event_id, position, version, type, schema_version, recorded_at, valid_at,
               coalesce({REFERENCE}, '') AS reference
        FROM events WHERE {{which}}
    ), sums AS (
        SELECT account, currency, event_id, sum(amount_minor)::BIGINT AS amount FROM postings
        WHERE {{which}} GROUP BY ALL
    ), answers AS (
        SELECT account, currency, answered_by, any_value(event_id) AS request FROM holds WHERE answer = 'cancelled'
        GROUP BY ALL
    ), repaired AS (
        SELECT original AS event_id, original FROM made_good UNION SELECT repair, original FROM made_good
    ), links AS (
        SELECT repair AS event_id, min(original) AS original FROM repairs GROUP BY repair
    ), undone AS (
        SELECT event_id, min(original) AS original FROM repaired GROUP BY event_id
    )
    SELECT sums.account, sums.currency, coalesce(asked.reference, told.reference) AS reference,
           (sums.amount + coalesce(settlement.amount, 0))::BIGINT AS amount,
           CASE WHEN holds.event_id IS NULL THEN greatest(told.valid_at, told.recorded_at)
                ELSE coalesce(holds.final_at, holds.opened_at + $limit) END AS booked_at,
           told.position, told.version, told.event_id, told.type, told.schema_version, told.recorded_at, told.valid_at,
           holds.event_id IS NOT NULL AND holds.answer IS NULL AS waits,
           CASE WHEN holds.answer = 'cancelled' THEN holds.event_id ELSE coalesce(answers.request, undone.original) END
               AS undoes,
           coalesce(mended.event_id, links.original) AS repairs
    FROM sums JOIN told USING (event_id)
    LEFT JOIN holds USING (event_id, account, currency)
    LEFT JOIN sums AS settlement ON holds.answer = 'settled' AND settlement.event_id = holds.answered_by
        AND settlement.account = sums.account AND settlement.currency = sums.currency
    LEFT JOIN answers ON answers.answered_by = sums.event_id AND answers.account = sums.account
        AND answers.currency = sums.currency
    LEFT JOIN told AS asked ON asked.event_id = answers.request
    LEFT JOIN undone ON undone.event_id = sums.event_id
    LEFT JOIN links ON links.event_id = sums.event_id
    LEFT JOIN holds AS mended ON mended.answered_by = links.original AND mended.account = sums.account
        AND mended.currency = sums.currency
    WHERE sums.event_id NOT IN (SELECT answered_by FROM holds WHERE answer = 'settled')
      AND sums.amount + coalesce(settlement.amount, 0) <> 0
"""

# A statement may list its newest line first: its balances tell, and where they don't, its times do.
_LINES = f"""
    CREATE OR REPLACE TEMP TABLE statement_lines AS
    WITH chained AS (
        SELECT *, lag(balance_minor) OVER part::HUGEINT + amount_minor = balance_minor AS follows_above,
            lead(balance_minor) OVER part::HUGEINT + amount_minor = balance_minor AS follows_below
        FROM statements WINDOW part AS (PARTITION BY {PART} ORDER BY line)
    ), direction AS (
        SELECT {PART}, count(*) FILTER (follows_below) - count(*) FILTER (follows_above) AS upwards,
            arg_min(booked_at, line) > arg_max(booked_at, line) AS ends_earlier
        FROM chained GROUP BY ALL
    ), placed AS (
        SELECT {PART}, line, booked_at, coalesce(reference, '') AS reference, amount_minor AS amount,
            balance_minor AS balance, coalesce(by_day, false) AS by_day,
            coalesce(kind IN ('opening', 'closing'), false) AS is_balance, reference = bank_id AS is_banks_own,
            row_number() OVER (PARTITION BY {PART} ORDER BY
                CASE WHEN upwards > 0 OR (upwards = 0 AND ends_earlier) THEN -line ELSE line END) AS place
        FROM statements JOIN direction USING ({PART})
    )
    SELECT *, booked_at AS due_at,
        coalesce(balance::HUGEINT - lag(balance) OVER (PARTITION BY {PART} ORDER BY place), amount)::BIGINT AS step
    FROM placed
"""

_NO_PAIRS = """
    CREATE OR REPLACE TEMP TABLE pairs (file VARCHAR, account VARCHAR, currency VARCHAR, place BIGINT, event_id VARCHAR)
"""

# A line without a reference, or with one that no event of the account bears: it names no movement, so that its amount
# and its day tell.
_NAMELESS = f"""
    CREATE OR REPLACE TEMP TABLE nameless AS
    WITH borne AS (
        SELECT DISTINCT account, currency, upper(trim(reference)) AS reference FROM movements
        WHERE trim(reference) <> ''
    )
    SELECT {PART}, place FROM statement_lines AS l ANTI JOIN borne ON l.account = borne.account
        AND l.currency = borne.currency AND upper(trim(l.reference)) = borne.reference
    WHERE NOT is_balance
"""

# ``due_at`` is when a line of this file is to be looked for: a bank that books a day later does so for all. One that
# tells days and no hours is late by whole days.
_PARTS = f"""
    CREATE OR REPLACE TEMP TABLE parts AS
    WITH listed AS (SELECT DISTINCT {PART} FROM statement_lines),
    mine AS (SELECT listed.file, movements.* FROM movements JOIN listed USING (account, currency)),
    once AS (
        SELECT {PART}, CASE WHEN by_day
                THEN to_days((timezone($zone, l.booked_at)::DATE - timezone($zone, m.booked_at)::DATE)::INTEGER)
                ELSE l.booked_at - m.booked_at END AS late
        FROM (SELECT {PART}, reference, amount, any_value(booked_at) AS booked_at, any_value(by_day) AS by_day
              FROM statement_lines GROUP BY ALL HAVING count(*) = 1) AS l
        JOIN (SELECT {PART}, reference, amount, any_value(booked_at) AS booked_at FROM mine
              GROUP BY ALL HAVING count(*) = 1) AS m USING ({PART}, reference, amount)
    ), by_amount AS (
        SELECT {PART}, CASE WHEN by_day
                THEN to_days((timezone($zone, l.booked_at)::DATE - timezone($zone, m.booked_at)::DATE)::INTEGER)
                ELSE l.booked_at - m.booked_at END AS late
        FROM (SELECT {PART}, amount, any_value(booked_at) AS booked_at, any_value(by_day) AS by_day
              FROM statement_lines SEMI JOIN nameless USING ({PART}, place) GROUP BY ALL HAVING count(*) = 1) AS l
        JOIN (SELECT {PART}, amount, any_value(booked_at) AS booked_at FROM mine
              GROUP BY ALL HAVING count(*) = 1) AS m USING ({PART}, amount)
        WHERE amount <> 0 AND abs(epoch(l.booked_at) - epoch(m.booked_at)) <= $window * 86400
    ), known AS (
        SELECT * FROM once UNION ALL SELECT * FROM by_amount
    ), lateness AS (
        SELECT {PART}, to_microseconds(quantile_disc(epoch_us(TIMESTAMP '2000-01-01' + late), 0.5) - 946684800000000)
            AS usual, to_microseconds(max(epoch_us(TIMESTAMP '2000-01-01' + late)) - 946684800000000) AS latest
        FROM known GROUP BY ALL
    )
    SELECT {PART}, coalesce(usual, INTERVAL 0 SECOND) AS usual, coalesce(latest, INTERVAL 0 SECOND) AS latest
    FROM listed LEFT JOIN lateness USING ({PART})
"""

_EXPECTED = """
    CREATE OR REPLACE TEMP TABLE expected AS
    SELECT parts.file, movements.*, movements.booked_at + parts.usual AS due_at,
        movements.amount AS step, NOT waits OR $now - recorded_at > $limit AS owed
    FROM movements JOIN parts USING (account, currency)
"""

_SAME = f"""
    INSERT INTO pairs
    WITH l AS (
        SELECT {PART}, place, {{reference}} AS a, {{amount}} AS b, {{when}} AS c
        FROM statement_lines ANTI JOIN pairs USING ({PART}, place) WHERE amount <> 0 AND {{reference}} IS NOT NULL
    ), m AS (
        SELECT {PART}, event_id, position, {{reference}} AS a, {{amount}} AS b, {{when}} AS c
        FROM expected ANTI JOIN pairs USING ({PART}, event_id) WHERE {{undone}} AND {{reference}} IS NOT NULL
    ), first_lines AS (SELECT *, row_number() OVER (PARTITION BY {PART}, a, b, c ORDER BY place) AS nth FROM l),
    first_movements AS (SELECT *, row_number() OVER (PARTITION BY {PART}, a, b, c ORDER BY position) AS nth FROM m)
    SELECT {PART}, place, event_id FROM first_lines JOIN first_movements USING ({PART}, a, b, c, nth)
"""

_NEAREST = f"""
    INSERT INTO pairs
    WITH l AS (
        SELECT {PART}, place, reference, amount, due_at FROM statement_lines ANTI JOIN pairs USING ({PART}, place)
        WHERE amount <> 0
    ), m AS (
        SELECT {PART}, reference, amount, due_at, min(position) AS position, arg_min(event_id, position) AS event_id
        FROM expected ANTI JOIN pairs USING ({PART}, event_id) WHERE {{undone}} GROUP BY ALL
    ), near AS (
        SELECT l.*, m.event_id, m.position, l.due_at - m.due_at AS apart
        FROM l ASOF JOIN m ON l.file = m.file AND l.account = m.account AND l.currency = m.currency
            AND l.reference = m.reference AND l.amount = m.amount AND l.due_at >= m.due_at
        UNION ALL
        SELECT l.*, m.event_id, m.position, m.due_at - l.due_at AS apart
        FROM l ASOF JOIN m ON l.file = m.file AND l.account = m.account AND l.currency = m.currency
            AND l.reference = m.reference AND l.amount = m.amount AND l.due_at < m.due_at
    ), wishes AS (
        SELECT * FROM near
        QUALIFY row_number() OVER (PARTITION BY {PART}, place ORDER BY apart, position) = 1
    )
    SELECT {PART}, place, event_id FROM wishes
    QUALIFY row_number() OVER (PARTITION BY {PART}, event_id ORDER BY apart, place) = 1
"""

# A booking and what undoes it, neither of them told.
_NOTHING_LEFT = f"""
    DELETE FROM expected USING (
        SELECT {PART}, undoes FROM expected ANTI JOIN pairs USING ({PART}, event_id)
        WHERE undoes IS NOT NULL GROUP BY ALL HAVING sum(amount) = 0
    ) AS nothing
    WHERE expected.file = nothing.file AND expected.account = nothing.account
      AND expected.currency = nothing.currency AND expected.undoes = nothing.undoes
      AND NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.file = expected.file AND pairs.event_id = expected.event_id
                      AND pairs.account = expected.account AND pairs.currency = expected.currency)
"""

_NONE_NETTED = """
    CREATE OR REPLACE TEMP TABLE netted
        (file VARCHAR, account VARCHAR, currency VARCHAR, place BIGINT, event_id VARCHAR, is_guess BOOLEAN)
"""

# ``netted``: told in other parts than it was recorded in, and the same together: under one reference, or, of two, on
# one day; or one line for several movements of one day that it is the sum of, money in and out, and the other way
# round: all there are, or all but one or just two where there is one way to choose them; or a line for what was
# recorded and repaired since. Nothing is missing once all of them are counted. ``is_guess``: nothing but the sum says
# so. Of one line and two movements, or the other way round, that is not enough: two faults of a day may cancel. The
# two then follow each other with nothing between, the movements are of two types, none repeats what a line tells, and
# no settlement names the line's amount, which would then be the sum of nothing else.
_NETTED = f"""
    INSERT INTO netted BY NAME
    WITH said AS (
        SELECT unnest($accounts::VARCHAR[]) AS account, unnest($currencies::VARCHAR[]) AS currency,
            unnest($requests::VARCHAR[]) AS event_id, unnest($apart::BIGINT[]) AS excess
    ), told AS (
        SELECT l.file, l.account, l.currency, l.place, l.reference, l.booked_at, p.event_id,
            l.amount - coalesce(e.amount, 0) AS excess
        FROM statement_lines AS l LEFT JOIN pairs AS p USING ({PART}, place) LEFT JOIN expected AS e
            USING ({PART}, event_id)
        WHERE l.amount <> coalesce(e.amount, 0)
    ), untold AS (
        SELECT {PART}, event_id, reference, due_at, amount, waits FROM expected ANTI JOIN pairs USING ({PART}, event_id)
        WHERE owed
    ), covers AS (
        SELECT {PART}, arg_min(booked_at, place) AS first, max(booked_at) AS last FROM statement_lines GROUP BY ALL
    ), apart AS (
        SELECT {PART}, place, event_id, reference, booked_at AS moment, excess, false AS waits FROM told
        UNION ALL
        SELECT {PART}, NULL, event_id, reference, due_at, -amount, waits FROM untold JOIN covers USING ({PART})
        WHERE due_at BETWEEN first AND last
    ), by_reference AS (
        SELECT {PART}, reference FROM apart WHERE reference <> '' GROUP BY ALL HAVING count(*) > 1 AND sum(excess) = 0
    ), others AS (
        SELECT *, row_number() OVER (PARTITION BY {PART}, excess ORDER BY moment, place, event_id) AS nth
        FROM apart ANTI JOIN by_reference USING ({PART}, reference)
    ), turns AS (
        SELECT {PART}, event_id, type, row_number() OVER (PARTITION BY {PART} ORDER BY due_at, position) AS turn,
            {_TOLD_ALREADY} AS repeats
        FROM expected
    ), two AS (
        SELECT a.file, a.account, a.currency, a.place, a.event_id, b.place AS other_place, b.event_id AS other_event
        FROM others AS a JOIN others AS b ON a.file = b.file AND a.account = b.account AND a.currency = b.currency
            AND a.excess = -b.excess AND a.nth = b.nth AND abs(epoch(a.moment) - epoch(b.moment)) <= 86400
            JOIN turns AS t ON t.file = a.file AND t.account = a.account AND t.currency = a.currency
                AND t.event_id = a.event_id
            LEFT JOIN turns AS u ON u.file = b.file AND u.account = b.account AND u.currency = b.currency
                AND u.event_id = b.event_id
        WHERE a.place IS NOT NULL AND (a.account, a.currency, a.event_id, a.excess) NOT IN (FROM said)
            AND (b.place IS NULL AND abs(t.turn - u.turn) = 1 AND t.type <> u.type AND NOT u.repeats
                 OR b.event_id IS NULL AND abs(a.place - b.place) = 1)
    ), loose AS (
        SELECT *, coalesce(place::VARCHAR, event_id) AS name, place IS NULL AS is_event FROM others
        WHERE (place IS NULL) <> (event_id IS NULL) AND NOT waits AND (file, account, currency, name) NOT IN
            (SELECT (file, account, currency, coalesce(other_place::VARCHAR, other_event)) FROM two)
        QUALIFY count(*) OVER (PARTITION BY {PART}) <= {MOST_LOOSE}
    ), near AS (
        SELECT a.file, a.account, a.currency, a.name AS whole, a.place AS whole_place, a.event_id AS whole_event,
            -a.excess AS total, b.name, b.place, b.event_id, b.excess
        FROM loose AS a JOIN loose AS b ON a.file = b.file AND a.account = b.account AND a.currency = b.currency
            AND a.is_event <> b.is_event AND b.excess <> -a.excess
            AND abs(epoch(a.moment) - epoch(b.moment)) <= 86400
        QUALIFY count(*) OVER (PARTITION BY a.file, a.account, a.currency, a.name) <= {MOST_PARTS}
    ), wholes AS (
        SELECT {PART}, whole, total, count(*) AS parts, sum(excess) AS all_parts FROM near GROUP BY {PART}, whole, total
    ), ways AS (
        SELECT {PART}, whole, NULL AS one, NULL AS other, NULL AS without FROM wholes
        WHERE all_parts = total AND parts > 1
        UNION ALL
        SELECT {PART}, whole, a.name, b.name, NULL
        FROM near AS a JOIN near AS b USING ({PART}, whole) JOIN wholes AS w USING ({PART}, whole)
        WHERE a.name < b.name AND a.excess + b.excess = w.total AND all_parts <> w.total
        UNION ALL
        SELECT {PART}, whole, NULL, NULL, name FROM near JOIN wholes AS w USING ({PART}, whole)
        WHERE all_parts - excess = w.total AND parts > 3
    ), parts_of AS (
        SELECT near.* FROM near JOIN (
            SELECT * FROM ways QUALIFY count(*) OVER (PARTITION BY {PART}, whole) = 1
        ) AS way USING ({PART}, whole)
        WHERE CASE WHEN one IS NULL THEN name IS DISTINCT FROM without ELSE name IN (one, other) END
    ), merged AS (
        SELECT * FROM parts_of ANTI JOIN (
            SELECT {PART}, whole FROM parts_of
            QUALIFY count(*) OVER (PARTITION BY {PART}, name) > 1
        ) USING ({PART}, whole)
    ), mended AS (
        SELECT told.file, told.account, told.currency, place, told.event_id, e.event_id AS repair
        FROM told JOIN (SELECT * FROM expected ANTI JOIN pairs USING ({PART}, event_id)) AS e
            ON e.file = told.file AND e.account = told.account AND e.currency = told.currency
            AND e.repairs = told.event_id AND e.amount = told.excess
    )
    SELECT {PART}, place, event_id, false AS is_guess FROM apart SEMI JOIN by_reference USING ({PART}, reference)
    UNION SELECT {PART}, place, event_id, false FROM mended
    UNION SELECT {PART}, NULL, repair, false FROM mended
    UNION SELECT {PART}, place, event_id, true FROM two
    UNION SELECT {PART}, other_place, other_event, true FROM two
    UNION SELECT {PART}, place, event_id, true FROM merged
    UNION SELECT {PART}, whole_place, whole_event, true FROM merged
"""

_COLUMNS = """
    file VARCHAR, account VARCHAR, currency VARCHAR, place BIGINT, position BIGINT, version BIGINT, event_id VARCHAR,
    type VARCHAR, schema_version BIGINT, claimed BIGINT, made BOOLEAN, posted BIGINT, event_sum BIGINT, residual BIGINT,
    at_position BIGINT, reason VARCHAR, state VARCHAR, line BIGINT, contradiction BIGINT
"""

_NO_STEPS = f"CREATE OR REPLACE TEMP TABLE statement_steps ({_COLUMNS})"

# A movement without a line stands where its file would have booked it; or, where the balances jump by its amount, at
# the line that counts it. ``early`` ones were true before the first line, or on its day and before all that it tells:
# the opening balance tells whether it counts them. What came after the bank's hour, on the last day of a file that
# tells days, or after all that it tells where another file books it, is ``after_hours``: its line is on the next one.
# What is netted is posted where its line stands.
_STEPS = f"""
    {_NO_STEPS};
    INSERT INTO statement_steps BY NAME
    WITH covers AS (
        SELECT {PART}, arg_min(booked_at, place) AS first, max(booked_at) AS last, max(place) AS lines,
            arg_min(balance::HUGEINT - amount, place) AS opening,
            greatest(usual, least(latest, $latest)) - usual AS slack, bool_or(by_day) AS by_day
        FROM statement_lines JOIN parts USING ({PART}) GROUP BY {PART}, usual, latest
    ), told AS (
        SELECT {PART}, min(position) AS earliest, max(position) AS newest
        FROM expected JOIN pairs USING ({PART}, event_id) GROUP BY ALL
    ), elsewhere AS (
        SELECT account, currency, event_id, max(booked_at) AS told_at
        FROM pairs JOIN statement_lines USING ({PART}, place) GROUP BY ALL
    ), untold AS (
        SELECT e.*, c.first, c.opening, e.due_at + c.slack <= c.last AS covered,
            coalesce(c.by_day AND e.position < t.earliest
                AND timezone($zone, e.due_at)::DATE = timezone($zone, c.first)::DATE, false) AS before_hours,
            e.position > t.newest AND (coalesce(o.told_at >= c.last, false)
                OR c.by_day AND timezone($zone, e.due_at)::DATE = timezone($zone, c.last)::DATE) AS after_hours
        FROM expected AS e JOIN covers AS c USING ({PART}) ANTI JOIN pairs USING ({PART}, event_id)
        LEFT JOIN told AS t USING ({PART}) LEFT JOIN elsewhere AS o USING (account, currency, event_id)
        WHERE owed
    ), openings AS (
        SELECT {PART}, any_value(opening) AS opening, coalesce(sum(amount) FILTER (due_at < first), 0) AS certain,
            coalesce(sum(amount) FILTER (due_at >= first AND (valid_at < first OR before_hours)), 0) AS early
        FROM covers LEFT JOIN untold USING ({PART}, opening, first) GROUP BY {PART}
    ), jumps AS (
        SELECT {PART}, place, step - amount AS amount,
            row_number() OVER (PARTITION BY {PART}, step - amount ORDER BY place) AS nth
        FROM statement_lines WHERE step <> amount
    ), missing AS (
        SELECT u.*, row_number() OVER (PARTITION BY {PART}, u.amount ORDER BY u.due_at, u.position) AS nth
        FROM untold AS u JOIN openings AS o USING ({PART})
        WHERE u.due_at >= u.first
            AND NOT ((u.valid_at < u.first OR u.before_hours) AND o.early <> 0 AND o.opening = o.certain + o.early)
    ), rising AS (
        SELECT {PART}, place, booked_at FROM statement_lines QUALIFY booked_at > coalesce(max(booked_at) OVER
            (PARTITION BY {PART} ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            TIMESTAMPTZ '0001-01-01 00:00:00+00')
    ), timed AS (
        SELECT m.*, r.place AS next_place FROM missing AS m ASOF LEFT JOIN rising AS r
            ON m.file = r.file AND m.account = r.account AND m.currency = r.currency AND m.due_at < r.booked_at
    ), holes AS (
        SELECT t.*, coalesce(j.place, t.next_place, c.lines + 1) AS before
        FROM timed AS t JOIN covers AS c USING ({PART}) LEFT JOIN jumps AS j USING ({PART}, amount, nth)
        WHERE t.covered AND NOT coalesce(t.after_hours, false) OR j.place IS NOT NULL
    ), items AS (
        SELECT {PART}, 0 AS place, 0 AS turn, NULL::TIMESTAMPTZ AS moment, NULL::BIGINT AS position,
            NULL::BIGINT AS version, NULL AS event_id, NULL AS type, NULL::BIGINT AS schema_version,
            opening AS claimed, CASE WHEN o.early <> 0 AND opening = certain + o.early THEN opening ELSE certain END
                AS posted, opening AS step, 'total' AS reason, NULL::BIGINT AS line, NULL::BIGINT AS contradiction,
            false AS shifted
        FROM openings AS o
        UNION ALL BY NAME
        SELECT {PART}, h.before AS place, 0 AS turn, h.due_at AS moment, h.position, h.version, h.event_id, h.type,
            h.schema_version, NULL AS claimed, h.amount AS posted, 0 AS step, 'no row' AS reason, NULL AS line,
            NULL AS contradiction, false AS shifted
        FROM holes AS h
        UNION ALL BY NAME
        SELECT {PART}, l.place, 1 AS turn, l.booked_at AS moment, e.position, e.version, e.event_id,
            CASE WHEN e.event_id IS NULL THEN l.reference ELSE e.type END AS type, e.schema_version,
            l.balance AS claimed, coalesce(e.amount, 0) AS posted, l.step,
            CASE WHEN e.event_id IS NULL AND NOT is_balance THEN 'no event' ELSE 'differs' END AS reason, l.line,
            l.step - l.amount AS contradiction,
            timezone($zone, l.booked_at)::DATE <> timezone($zone, e.booked_at)::DATE AS shifted
        FROM statement_lines AS l LEFT JOIN pairs AS p USING ({PART}, place)
            LEFT JOIN expected AS e USING ({PART}, event_id)
    ), judged AS (
        SELECT i.*, CASE WHEN line IS NOT NULL
                THEN (file, account, currency, i.place) IN
                    (SELECT (file, account, currency, place) FROM netted WHERE place IS NOT NULL)
                ELSE (file, account, currency, event_id) IN
                    (SELECT (file, account, currency, event_id) FROM netted WHERE place IS NULL) END AS is_netted
        FROM items AS i
    ), netting AS (
        SELECT * EXCLUDE (posted), CASE WHEN NOT coalesce(is_netted, false) THEN posted
            WHEN line IS NOT NULL THEN step - contradiction ELSE 0 END AS posted FROM judged
    ), ordered AS (
        SELECT *, row_number() OVER running AS number, sum(posted) OVER running AS event_sum,
            last_value(claimed IGNORE NULLS) OVER running AS says,
            last_value(position IGNORE NULLS) OVER running AS at_position, step - posted AS residual
        FROM netting WINDOW running AS
            (PARTITION BY {PART} ORDER BY place, turn, moment, position ROWS UNBOUNDED PRECEDING)
    )
    SELECT {PART}, number AS place, position, version, event_id, type, schema_version, says::BIGINT AS claimed,
        line IS NOT NULL AS made, posted::BIGINT AS posted, event_sum::BIGINT AS event_sum,
        residual::BIGINT AS residual, at_position, reason,
        CASE WHEN residual <> 0 THEN 'divergence' WHEN shifted OR is_netted THEN 'shifted' END AS state, line,
        contradiction
    FROM ordered WHERE reason <> 'total' OR residual <> 0
"""
