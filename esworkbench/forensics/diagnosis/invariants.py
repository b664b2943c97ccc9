"""Where an invariant that the ledger names doesn't hold after an event, though claims and events agree.

Where they don't agree, an event may be missing or changed, and what looks like a broken rule is a consequence of that:
so such an account is left out from there on, unless a witness tells of each event up to the broken rule as the log
does. Then what differs is a read model's own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.rewritten import REWRITTEN
from esworkbench.forensics.diagnosis.unexplained import Left
from esworkbench.forensics.diagnosis.witnesses import vouchers

_BALANCES = """
    WITH posted AS (
        SELECT account, currency, position, any_value(stream_id) AS stream_id, any_value(version) AS version,
            any_value(event_id) AS event_id, sum(amount_minor) AS amount
        FROM postings GROUP BY account, currency, position
    ), balances AS (
        SELECT *, sum(amount) OVER (PARTITION BY account, currency ORDER BY position
            ROWS UNBOUNDED PRECEDING) AS balance FROM posted
    )
"""

_BELOW = f"""
    {_BALANCES}, granted AS (
        SELECT stream_id, position, coalesce(TRY_CAST(json_extract_string(payload, $field) AS BIGINT), 0) AS overdraft
        FROM events WHERE type = $grants AND json_valid(payload)
    )
    SELECT b.account, b.currency, b.stream_id, b.version, b.position, b.event_id, b.balance::BIGINT,
        $minimum - coalesce(g.overdraft, 0)
    FROM balances AS b JOIN events AS e ON e.position = b.position
    ASOF LEFT JOIN granted AS g ON g.stream_id = b.stream_id AND b.position >= g.position
    WHERE b.amount < 0 AND b.balance < $minimum - coalesce(g.overdraft, 0)
      AND (len($binds) = 0 OR list_contains($binds, e.type))
    ORDER BY b.position
"""

_CLOSED = f"""
    {_BALANCES}, closed AS (
        SELECT stream_id, version, position, event_id,
            CASE WHEN contains(stream_id, '-') THEN substr(stream_id, strpos(stream_id, '-') + 1) ELSE stream_id END
                AS account
        FROM events WHERE type = $closing
    )
    SELECT c.account, b.currency, c.stream_id, c.version, c.position, c.event_id, b.balance::BIGINT, NULL
    FROM closed AS c ASOF JOIN balances AS b ON b.account = c.account AND c.position >= b.position
    WHERE b.balance <> 0
    UNION ALL
    SELECT c.account, b.currency, b.stream_id, b.version, b.position, b.event_id, b.balance::BIGINT, NULL
    FROM closed AS c JOIN balances AS b ON b.account = c.account AND b.position > c.position
    WHERE b.amount <> 0
    ORDER BY 5
"""

_DECIDED = """
    SELECT mine.position, other.position, other.event_id FROM events AS mine JOIN events AS other
        ON other.stream_id = mine.stream_id AND other.decided_on_version = mine.decided_on_version
        AND other.version < mine.version
        AND (mine.correlation_id IS NULL OR other.correlation_id IS DISTINCT FROM mine.correlation_id)
    WHERE mine.position IN (SELECT unnest($positions)) AND mine.decided_on_version < mine.version - 1
    ORDER BY 1, 2
"""


OTHER_EVENTS = (*REWRITTEN, "event_misfiled")
"""Faults after which the account's events in the log aren't those that were written for it."""


class Violation(NamedTuple):
    """An event after which an invariant doesn't hold. ``rivals`` are earlier events, as position and id, that were
    decided on the same version of the stream. Behind contents that are written otherwise than they were hashed, and
    that nothing else contradicts, it is as likely as it is that these are healthy."""

    key: Key
    position: int
    event_id: str
    words: str
    rivals: tuple[tuple[int, str], ...]
    certainty: Certainty


def names_invariants(facts: Facts) -> bool:
    """Whether the ledger says what must not happen."""
    rules = facts.evidence.ledger.invariants
    return rules.minimum_balance_minor is not None or rules.closing_event is not None


def least_certain(broken: Sequence[Violation]) -> Certainty:
    """How certain a finding of all these is."""
    return "proven" if all(each.certainty == "proven" for each in broken) else "likely"


def violations(facts: Facts, left: Left) -> list[Violation]:
    """Events that break a rule of the ledger, on accounts that nothing disputes up to there, in order of position."""
    rules = facts.evidence.ledger.invariants
    rows: list[tuple[Any, ...]] = []
    if rules.minimum_balance_minor is not None:
        rows += facts.rows(
            _BELOW, minimum=rules.minimum_balance_minor, grants=rules.overdraft_event or "",
            field=json_path(rules.overdraft_field), binds=rules.minimum_after,
        )  # fmt: skip
    closing = {"closing": rules.closing_event or ""}
    if facts.rows("SELECT position FROM events WHERE type = $closing LIMIT 1", **closing):
        rows += facts.rows(_CLOSED, **closing)
    disputed = _disputed(facts, left)
    rows = [row for row in rows if not disputed.holds(facts, (row[0], row[1]), row[4])]
    rivals: dict[int, list[tuple[int, str]]] = {}
    if rows:
        for position, *rival in facts.rows(_DECIDED, positions=[row[4] for row in rows]):
            rivals.setdefault(position, []).append((rival[0], rival[1]))
    found = []
    for account, currency, _, _, position, event_id, balance, least in rows:
        key = (account, currency)
        words = f"the event at position {position} leaves {facts.money(balance, key)}"
        words += " on a closed account" if least is None else f", where {facts.money(least, key)} is the least allowed"
        certainty: Certainty = "proven" if facts.hashed and not disputed.drifted(account, position) else "likely"
        found.append(Violation(key, position, event_id, words, tuple(rivals.get(position, ())), certainty))
    return sorted(found, key=lambda each: each.position)


class _Disputed(NamedTuple):
    """By account, the first position from which something may matter. What is broken later makes nothing wrong before.

    ``log``: in its streams something is broken. ``claims``: a read model parts from the events, for no reason of its
    own; a witness for these settles that. ``drift``: contents fail their hash, and that is healthy.
    """

    log: dict[str, int]
    claims: dict[str, int]
    drift: dict[str, int]

    def holds(self, facts: Facts, key: Key, position: int) -> bool:
        """Whether the account's balance after that position is disputed."""
        if position >= self.log.get(key[0], position + 1):
            return True
        return position >= self.claims.get(key[0], position + 1) and not vouchers(facts, key, up_to=position)

    def drifted(self, account: str, position: int) -> bool:
        return position >= self.drift.get(account, position + 1)


def _disputed(facts: Facts, left: Left) -> _Disputed:
    found = _Disputed({}, {}, {})

    def dispute(since: dict[str, int], account: str, position: int | None) -> None:
        since[account] = min(position or 0, since.get(account, position or 0))

    heads = {source.name for source in facts.sources if source.kind == "head"}
    parted = [step for step in left.steps() if step.kind in ("running", "daily", "snapshot")]
    # Only a claim about single events says where it begins.
    told = {step.key for step in parted if step.kind == "running"}
    for account, _ in {key for name in heads for key in left.heads(name)} | {step.key for step in parted} - told:
        dispute(found.claims, account, 0)
    for step in parted:
        if step.kind == "running":
            dispute(found.claims, step.account, step.position)
    for each in left.all_found():
        if each.account is not None and not each.healthy:
            if each.fault in OTHER_EVENTS:
                # One that was hashed again may have stood anywhere.
                anywhere = each.fault == "event_misfiled" and each.certainty != "proven"
                dispute(found.log, each.account, 0 if anywhere else min(each.positions, default=0))
            elif each.certainty == "possible":
                since = found.claims if each.source in heads else found.log
                dispute(since, each.account, min(each.positions, default=0))
    drifted = {position for each in left.found("serialization_drift") for position in each.positions}
    for broken in facts.damage:
        if broken.stream_id is not None:
            healthy = broken.kind == "content" and broken.position in drifted
            dispute(found.drift if healthy else found.log, account_of(broken.stream_id), broken.position)
    return found
