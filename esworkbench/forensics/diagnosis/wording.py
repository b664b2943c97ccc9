"""Small helpers that keep every detector's findings worded alike."""

from collections.abc import Sequence

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty, Finding


def finding(
    fault: Fault,
    key: Key | None,
    *,
    amount: int = 0,
    events: Sequence[tuple[int, str]] = (),
    positions: Sequence[int] | None = None,
    source: str | None = None,
    certainty: Certainty = "proven",
    healthy: bool | None = None,
    proof: str,
    remedy: str | None = None,
) -> Finding:
    """A finding that is healthy and remedied as its fault's record says, unless told otherwise here.

    ``events`` are (position, event id).
    """
    ordered = sorted(events)
    return Finding(
        fault=fault.name,
        account=key[0] if key else None,
        currency=key[1] if key else None,
        positions=[position for position, _ in ordered] if positions is None else sorted(positions),
        event_ids=[event_id for _, event_id in ordered],
        amount=amount,
        healthy=fault.healthy if healthy is None else healthy,
        certainty=certainty,
        proof=proof,
        remedy=remedy or fault.remedy,
        source=source,
        sources=[source] if source else [],
    )


def places(positions: Sequence[int]) -> str:
    """``position 7``, or ``positions 3, 4 and 9``; a long list is cut in the middle."""
    shown = [str(position) for position in sorted(positions)]
    if not shown:
        return "no position"
    if len(shown) == 1:
        return f"position {shown[0]}"
    if len(shown) > 8:
        shown = [*shown[:4], "…", *shown[-3:]]
    return f"positions {', '.join(shown[:-1])} and {shown[-1]}"


def twins_of(facts: Facts, key: Key, event_id: str) -> list[int]:
    """Positions of other events of the same account, type, day and amount: what this one could be mistaken for."""
    found = facts.rows(
        """
        SELECT other.position FROM postings AS mine JOIN postings AS other
            ON other.account = mine.account AND other.currency = mine.currency AND other.kind = mine.kind
            AND other.amount_minor = mine.amount_minor AND other.event_id <> mine.event_id
            AND abs(epoch(other.valid_at) - epoch(mine.valid_at)) <= 86400
        WHERE mine.account = $account AND mine.currency = $currency AND mine.event_id = $event_id
        ORDER BY 1
        """,
        account=key[0],
        currency=key[1],
        event_id=event_id,
    )
    return [position for (position,) in found]
