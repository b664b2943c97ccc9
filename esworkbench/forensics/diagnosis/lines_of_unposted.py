"""Lines of a statement that tell of an event which is in the log and posts nothing, as nobody can read what it says.

Such a line has no movement to match, and yet its event was written. Account and reference say which it is.
"""

from typing import NamedTuple

from esworkbench.events import LOG_RECORDS
from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import NO_EVENT, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left

# An account's name is that of its stream without the category.
_UNPOSTED = """
    WITH unposted AS (
        SELECT position, event_id, type, schema_version, substr(stream_id, strpos(stream_id, '-') + 1) AS account,
            CASE WHEN json_valid(payload) THEN json_extract_string(payload, $key) END AS reference
        FROM events WHERE NOT list_contains($silent, type) AND event_id NOT IN (SELECT event_id FROM postings)
    )
    SELECT account, reference, position, event_id, type || ' v' || coalesce(schema_version::VARCHAR, '?')
    FROM unposted WHERE list_contains($references, reference) ORDER BY position
"""


class UnpostedEvent(NamedTuple):
    """An event that moves no money here, and the line that says what it moved."""

    position: int
    event_id: str
    kind: str
    line: Residual


def lines_of_unposted(facts: Facts, left: Left) -> dict[str, UnpostedEvent]:
    """By event id: each event with the first line, of those left, that is of its account and bears its reference."""
    lines: dict[tuple[str, str], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        if step.reason == NO_EVENT and step.type:
            lines.setdefault((step.account, step.type), []).append(step)
    if not lines:
        return {}
    ledger = facts.evidence.ledger
    rows = facts.rows(
        _UNPOSTED, key=json_path(ledger.business_key), references=sorted({reference for _, reference in lines}),
        silent=sorted({*ledger.without_posting, *LOG_RECORDS}),
    )  # fmt: skip
    found = {}
    for account, reference, position, event_id, kind in rows:
        if waiting := lines.get((account, reference)):
            found[event_id] = UnpostedEvent(position, event_id, kind, waiting.pop(0))
    return found
