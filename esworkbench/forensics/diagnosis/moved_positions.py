"""Events whose position was changed, which no hash covers: what was noted down of them still tells the old one.

A row that names an event at a position where none stands may be what was changed. Where something else still speaks of
that position, a run of the checkpoint log that ended there or the row of another read model, it is the event.
"""

from typing import NamedTuple

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts

MOVED_AT_MOST = 3
"""Where more are elsewhere, the log was numbered anew, and no single position changed by hand."""

_MOVED = """
    WITH posted AS (
        SELECT account, currency, event_id, position, sum(amount_minor)::BIGINT AS amount FROM postings GROUP BY ALL
    ), noted AS (
        SELECT projection AS source, to_position AS position FROM checkpoint_log
        UNION ALL SELECT source, position FROM assertions WHERE kind IN ('head', 'daily', 'holds')
    )
    SELECT p.account, p.currency, p.event_id, a.source, a.position, p.position, p.amount, min(n.source),
        a.position NOT IN (SELECT position FROM events)
    FROM assertions AS a JOIN posted AS p USING (account, currency, event_id)
    LEFT JOIN noted AS n ON n.position = a.position
    WHERE a.kind = 'running' AND a.position <> p.position AND a.step_minor = p.amount
    GROUP BY ALL ORDER BY p.position, a.source
"""


class Moved(NamedTuple):
    """An event that stands at ``now``, and stood at ``then`` when the row of ``source`` was written; ``noted`` is what
    else speaks of that position. ``amount`` is what it posts."""

    key: Key
    event_id: str
    source: str
    then: int
    now: int
    amount: int
    noted: str


_LAST_STOOD_AT = """
    SELECT max(a.position) FROM assertions AS a JOIN events AS e USING (event_id)
    WHERE a.kind = 'running' AND e.position = $head
"""


def head_then(facts: Facts) -> int:
    """Where the log's last event stood when a row of it was written, or when it was anchored: further on than now,
    where events before it were taken out and the rest was moved up."""
    [(noted,)] = facts.rows(_LAST_STOOD_AT, head=facts.head)
    apart = facts.anchored.contradiction
    return max(facts.head + (apart.moved_up if apart else 0), noted or 0)


def moved_positions(facts: Facts) -> list[Moved]:
    """Every such event, by account and currency."""

    def answer() -> list[Moved]:
        rows = facts.rows(_MOVED)
        if len({row[2] for row in rows}) > MOVED_AT_MOST:
            return []
        return [Moved((row[0], row[1]), *row[2:-1]) for row in rows if row[-1] and row[-2] is not None]

    found: list[Moved] = facts.once("moved positions", answer)
    return found
