"""How far each named cause reaches over all accounts, and what was decided on a balance while it was wrong.

A cause found on one account is looked for on every other: diagnosis asks about all of them at once, so that its reach
is counted and not sampled. What was decided on a wrong balance (interest worked out from it, a withdrawal allowed by
it) is listed for a person to look at; the ledger names those event types in ``depends_on_balance``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.findings import Decided, DecidedEvent, FaultReach, Finding

Money = Callable[[int, str], str]
"""How an amount in minor units of a currency is written."""

SHOWN = 10
"""So many of the decisions are listed; all of them are counted."""


def reach_of_each(evidence: Evidence, findings: Sequence[Finding]) -> dict[str, FaultReach]:
    """The reach of every fault that somebody has to act on. Of two names for one cause the second isn't counted."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        if not finding.healthy and finding.alternative_to is None:
            found.setdefault(finding.fault, []).append(finding)
    ends = {fault: _ends(mine) for fault, mine in found.items()}
    moments = _moments(evidence, {position for pair in ends.values() for position in pair if position is not None})
    return {
        fault: FaultReach(
            accounts=len({each.account for each in mine if each.account is not None}), amounts=amounts_of(mine),
            first=ends[fault][0], last=ends[fault][1],
            first_at=moments.get(ends[fault][0]), last_at=moments.get(ends[fault][1]),
        )
        for fault, mine in found.items()
    }  # fmt: skip


def amounts_of(findings: Iterable[Finding]) -> dict[str, int]:
    """The sum of the findings' shares per currency, in minor units; each cause once."""
    amounts: dict[str, int] = {}
    for finding in findings:
        if finding.currency is not None and finding.alternative_to is None:
            amounts[finding.currency] = amounts.get(finding.currency, 0) + finding.amount
    return amounts


def decided_on_wrong_balances(evidence: Evidence, findings: Sequence[Finding]) -> Decided | None:
    """What was decided on each wrong balance; None where the ledger names no such event types."""
    types = evidence.ledger.depends_on_balance
    if not types:
        return None
    since: dict[Key, int | None] = {}
    for finding in findings:
        if finding.account is None or finding.currency is None or finding.healthy:
            continue
        for account, amount in {**finding.elsewhere, finding.account: finding.amount}.items():
            key = (account, finding.currency)
            places = [place for place in (since.get(key), min(finding.positions, default=None)) if place is not None]
            if amount:
                since[key] = min(places, default=None)
    known = {key: place for key, place in since.items() if place is not None}
    events = _after(evidence, known)
    amounts: dict[str, int] = {}
    by_type: dict[str, int] = {}
    for event in events:
        by_type[event.type] = by_type.get(event.type, 0) + 1
        if event.currency is not None and event.amount is not None:
            amounts[event.currency] = amounts.get(event.currency, 0) + abs(event.amount)
    return Decided(
        types=list(types), count=len(events), by_type=by_type, amounts=amounts,
        accounts=len({event.account for event in events}), unknown_since=len(since) - len(known),
        events=events[:SHOWN],
    )  # fmt: skip


def reach_in_words(reach: Mapping[str, FaultReach], money: Money) -> list[str]:
    """One sentence a fault."""
    sentences = []
    for fault, each in reach.items():
        amounts = ", ".join(money(amount, currency) for currency, amount in sorted(each.amounts.items()) if amount)
        where = "" if each.first is None else f", between positions {each.first} and {each.last}"
        whose = f"{each.accounts:,} account{'s' * (each.accounts != 1)}" if each.accounts else "the store as a whole"
        sentences.append(f"{fault} touches {whose}" + (f", {amounts} in all" if amounts else "") + where)
    return sentences


def decided_in_words(decided: Decided, money: Money) -> str:
    """One sentence."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(decided.by_type.items()))
    amounts = ", ".join(money(amount, currency) for currency, amount in sorted(decided.amounts.items()))
    words = (
        f"decided on a balance that was wrong by then: {decided.count:,} event{'s' * (decided.count != 1)} on "
        f"{decided.accounts:,} account{'s' * (decided.accounts != 1)} ({kinds}; {amounts} moved)"
        if decided.count
        else "no event that was decided on a wrong balance is known"
    )
    if decided.unknown_since:
        words += f"; since when it was wrong is not known of {decided.unknown_since:,} more"
    return words


# An event that posts nothing on the account (it was closed, say) is its own where it stands in its stream.
_AFTER = """
    WITH wrong AS (
        SELECT unnest($accounts::VARCHAR[]) AS account, unnest($currencies::VARCHAR[]) AS currency,
            unnest($places::BIGINT[]) AS place
    ), posted AS (
        SELECT p.account, p.currency, p.position, sum(p.amount_minor)::BIGINT AS amount
        FROM postings p JOIN wrong w ON p.account = w.account AND p.currency = w.currency AND p.position > w.place
        GROUP BY ALL
    ), streams AS (
        SELECT p.stream_id, min(w.account) AS account, min(w.place) AS place
        FROM postings p JOIN wrong w ON p.account = w.account
        GROUP BY p.stream_id
    )
    SELECT coalesce(p.account, s.account), e.position, e.event_id, e.type, e.recorded_at, p.amount, p.currency
    FROM events e LEFT JOIN posted p ON p.position = e.position LEFT JOIN streams s ON s.stream_id = e.stream_id
    WHERE list_contains($types, e.type) AND (p.account IS NOT NULL OR (
        e.position > s.place AND e.position NOT IN (SELECT position FROM postings)))
    ORDER BY e.position, 1
"""


def _after(evidence: Evidence, since: dict[Key, int]) -> list[DecidedEvent]:
    if not since:
        return []
    rows = evidence.rows(
        _AFTER, accounts=[account for account, _ in since], currencies=[currency for _, currency in since],
        places=list(since.values()), types=list(evidence.ledger.depends_on_balance),
    )  # fmt: skip
    return [
        DecidedEvent(
            account=account, position=position, event_id=event_id, type=kind, recorded_at=recorded_at, amount=amount,
            currency=currency,
        )
        for account, position, event_id, kind, recorded_at, amount, currency in rows
    ]  # fmt: skip


def _ends(findings: Sequence[Finding]) -> tuple[int | None, int | None]:
    positions = [position for finding in findings for position in finding.positions]
    return min(positions, default=None), max(positions, default=None)


def _moments(evidence: Evidence, positions: set[int]) -> dict[int | None, datetime | None]:
    found = evidence.rows(
        "SELECT position, recorded_at FROM events WHERE position IN (SELECT unnest($positions::BIGINT[]))",
        positions=sorted(positions),
    )
    return dict(found)
