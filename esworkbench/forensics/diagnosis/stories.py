"""What each source says against the log on one account: of rewritten history these are the witnesses."""

from collections.abc import Iterator
from typing import NamedTuple

from esworkbench.forensics.compare.records import REPEATED, Key, Residual
from esworkbench.forensics.compare.residuals import EVERY_EVENT
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.numbered_otherwise import off_alike, readings
from esworkbench.forensics.diagnosis.unexplained import Left
from esworkbench.forensics.diagnosis.witnesses import was_reset

READ_MODELS = ("head", "running", "daily")
"""The kinds of claim that one grant on the store's read models is enough to change."""


class Story(NamedTuple):
    """What one source says against the log on one account: by how much in all, and at which events, where it knows.

    ``amounts`` are what it may be compared by: of a snapshot every claim counts all that went before. ``ahead`` is what
    the events past its checkpoint post that it has read all the same.
    """

    source: str
    kind: str
    amounts: frozenset[int]
    at: dict[str, int]
    ahead: int = 0


_AHEAD = """
    SELECT event_id, any_value(position), sum(amount_minor)::BIGINT FROM postings
    WHERE account = $account AND currency = $currency AND position > $cut AND event_id IN (
        SELECT event_id FROM assertions WHERE kind = 'running' AND source = $source AND account = $account
            AND currency = $currency)
    GROUP BY event_id ORDER BY 2
"""


def told_against(facts: Facts, left: Left, key: Key) -> Iterator[Story]:
    read_ahead = _read_ahead(facts, key)
    for source in facts.sources:
        ahead = read_ahead.get(source.name, {})
        extra = sum(ahead.values())
        if source.kind == "head":
            stands = left.head(source.name, key)
            if stands:
                yield Story(source.name, source.kind, frozenset({stands, stands - extra} - {0}), {}, extra)
            continue
        steps = [step for step in left.steps(source=source.name, key=key) if step.reason != REPEATED]
        if source.kind in EVERY_EVENT:
            steps = that_stay([step for step in steps if step.event_id not in ahead])
        if not steps:
            continue
        total = sum(step.amount for step in steps)
        amounts = {total, total - extra} if source.kind == "daily" else {total}
        if source.kind == "snapshot":
            since = [version for version in readings(facts, key) if version >= steps[0].place > 0]
            amounts = {step.amount for step in steps} | {*off_alike(facts, key, since).values()}
        at = {step.event_id: step.amount for step in steps if step.event_id and source.kind in EVERY_EVENT}
        yield Story(source.name, source.kind, frozenset(amounts - {0}), at, extra)


def _read_ahead(facts: Facts, key: Key) -> dict[str, dict[str, int]]:
    """By read model, the events past its checkpoint of which rows of events tell: positions may have been moved.

    What they post is no difference between a claim and the log, whatever the checkpoint says.
    """
    told = [
        row
        for source in facts.sources if source.kind == "running"
        for row in facts.rows(_AHEAD, source=source.name, cut=source.cut, account=key[0], currency=key[1])
    ]  # fmt: skip
    return {
        source.name: {event_id: amount for event_id, position, amount in told if position > source.cut}
        for source in facts.sources if told and source.kind in READ_MODELS
    }  # fmt: skip


def that_stay(steps: list[Residual]) -> list[Residual]:
    """Without each step that the very next one undoes: there a row is wrong, or gone, and no event."""
    kept: list[Residual] = []
    for step in steps:
        if kept and kept[-1].amount == -step.amount:
            kept.pop()
        else:
            kept.append(step)
    return kept


def agreeing_with_the_log(facts: Facts, left: Left, key: Key, told: list[Story]) -> list[str]:
    """Sources that speak of this account and find nothing wrong: rebuilt ones repeat what the log says, and don't
    count."""
    against = {story.source for story in told}
    claimed = facts.rows(
        "SELECT DISTINCT source FROM assertions WHERE account = $account AND currency = $currency",
        account=key[0], currency=key[1],
    )  # fmt: skip
    return [source for (source,) in claimed if source not in against and not was_reset(facts, source)]
