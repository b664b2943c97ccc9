"""Whether a fault may have been put right by hand already: then nothing shows that its money is still owed.

A clerk corrects under any reference, in parts or together with a fee, and often before anybody captures, or between the
capture and the repair. What a statement covers is weighed with its lines; what comes after its end the log alone knows.
So later events of the account that move it the way that a repair would, and that no statement covers, are named, and
while there are any, the fault is no better than likely. (Money moves on proof alone.)

Where a statement books neither the fault's events nor the adjustment that takes them back, nothing is owed: statement
and events agree from there on, whichever of them is right about what happened in between.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec

from esworkbench.forensics.compare.holds import REPAIRS
from esworkbench.forensics.compare.records import NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import adjusting_types
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.findings import Finding
from esworkbench.forensics.diagnosis.unexplained import Explanation, Left, Share, whole
from esworkbench.forensics.diagnosis.wording import places

# What answers a hold, or says that it repairs another event, was meant for that.
_SINCE = f"""
    WITH {REPAIRS}
    SELECT p.position, e.type, sum(p.amount_minor)::BIGINT AS amount
    FROM postings AS p JOIN events AS e USING (event_id)
    WHERE p.account = $account AND p.currency = $currency AND p.position > $after
      AND NOT list_contains($ids, p.event_id)
      AND NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.event_id = p.event_id AND pairs.account = p.account)
      AND NOT EXISTS (SELECT 1 FROM statement_steps AS s WHERE s.event_id = p.event_id AND s.account = p.account)
      AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.answered_by = p.event_id)
      AND NOT EXISTS (SELECT 1 FROM repairs WHERE repair = p.event_id AND NOT list_contains($ids, original))
    GROUP BY ALL HAVING amount * $sign > 0
    ORDER BY p.position
"""

_AMOUNTS = """
    SELECT DISTINCT -sum(amount_minor)::BIGINT FROM postings
    WHERE list_contains($ids, event_id) AND account = $account AND currency = $currency GROUP BY event_id
"""


class Later(NamedTuple):
    """An event that moves the account by ``amount`` minor units."""

    position: int
    type: str
    amount: int


def weighed(facts: Facts, left: Left, explanation: Explanation) -> Explanation:
    """The explanation, no better than likely where what it would have compensated may have been made up for since; and
    healthy where it has been.
    """
    finding = explanation.finding
    if finding.amount and finding.account is not None and finding.currency is not None and finding.source is not None:
        key = finding.account, finding.currency
        made_up = adjustments_of(facts, left, key, finding.amount, after=max(finding.positions, default=0))
        if made_up and _cancel(explanation.shares, made_up):
            return _put_right(explanation, made_up)
        if made_up:
            # Of statements that tell of different days, one may show the fault alone, and another what made up for it.
            return _doubted(explanation, [step.position or 0 for step in made_up], "and no line tells of that")
    if not finding.amount or not finding.event_ids or finding.account is None:
        return explanation
    since = _corrections(facts, finding)
    if not since:
        return explanation
    return _doubted(explanation, [each.position for each in since], "and no statement covers that")


def _doubted(explanation: Explanation, positions: Iterable[int], why: str) -> Explanation:
    finding = explanation.finding
    if finding.certainty == "possible":
        return explanation
    proof = (
        f"{finding.proof}; but {places(sorted({*positions}))} moved this account the other way since, {why}: it may "
        "have been put right already"
    )
    return explanation._replace(finding=msgspec.structs.replace(finding, certainty="likely", proof=proof))


def adjustments_of(
    facts: Facts, left: Left, key: Key, owed: int, *, after: int, but: Collection[Residual] = ()
) -> list[Residual]:
    """The adjustment, or the few, after that position that come to just what is owed, and that no line tells.

    In every statement that lacks them. Empty where there are none; ``but`` are told already.
    """
    adjusting = adjusting_types(facts.evidence.ledger)
    told = {step.event_id for step in but}
    mine: dict[str, list[Residual]] = {}
    for step in left.steps(key=key, kind="statement"):
        if step.reason != NO_ROW or step.type not in adjusting or step.event_id is None or step.event_id in told:
            continue
        if (step.position or 0) > after:
            mine.setdefault(step.event_id, []).append(step)
    for count in range(1, MOST_PARTS + 1):
        for parts in combinations(list(mine.values())[:MOST_ADJUSTMENTS], count):
            if -sum(steps[0].amount for steps in parts) == owed:
                return [step for steps in parts for step in steps]
    return []


def _cancel(shares: Iterable[Share], made_up: Iterable[Residual]) -> bool:
    """Whether every statement that lacks the one lacks the other, so that nothing is left in any."""
    rest = Counter[str]()
    for share in shares:
        rest[share.source] += share.amount
    for step in made_up:
        rest[step.source] += step.amount
    return not any(rest.values())


def _put_right(explanation: Explanation, made_up: list[Residual]) -> Explanation:
    finding = explanation.finding
    them = places(sorted({step.position or 0 for step in made_up}))
    found = msgspec.structs.replace(
        finding, amount=0, healthy=True, certainty="possible" if finding.certainty == "possible" else "likely",
        proof=(
            f"{finding.proof}; this was until {them}, which moved this account back by just that, and of which no line "
            "tells either: it has been put right already, and from there on both agree"
        ),
        remedy=f"move no money for it: {them} has put it right already",
    )  # fmt: skip
    return Explanation(found, [*explanation.shares, *(whole(step) for step in made_up)])


def _corrections(facts: Facts, finding: Finding) -> list[Later]:
    """An adjustment of whatever amount, and of other events one or two that come to just what is owed."""
    given = {"account": finding.account, "currency": finding.currency, "ids": finding.event_ids}
    sign = 1 if finding.amount > 0 else -1
    later = [Later(*row) for row in facts.rows(_SINCE, **given, after=min(finding.positions), sign=sign)]
    owed = {finding.amount, *(amount for (amount,) in facts.rows(_AMOUNTS, **given))}
    adjusting = adjusting_types(facts.evidence.ledger)
    found = {each for each in later if each.type in adjusting}
    others = [each for each in later if each.type not in adjusting and abs(each.amount) <= abs(finding.amount)]
    found |= {each for each in others if each.amount in owed}
    found |= {each for two in _pairs_of(others) if sum(one.amount for one in two) in owed for each in two}
    return sorted(found)


MOST_PARTS = 3
"""A clerk corrects in so many parts at most; of more, chance would find some that fit."""
MOST_ADJUSTMENTS = 40
"""Of so many adjustments without a line parts are looked for."""
MOST = 200
"""Of so many events pairs are looked for; among more, chance would find one."""


def _pairs_of(events: Sequence[Later]) -> Iterable[tuple[Later, Later]]:
    return combinations(events[:MOST], 2)
