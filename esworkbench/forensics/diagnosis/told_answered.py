"""What claims and edited events tell of a hold that the log leaves open: it was answered, or of another amount."""

from collections.abc import Sequence

from esworkbench.evidence.ledger import Pending
from esworkbench.forensics.compare.records import NO_ROW
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.edited_or_drifted import edited_or_drifted
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash
from esworkbench.forensics.diagnosis.witnesses import was_reset
from esworkbench.forensics.diagnosis.wording import places

_AFTER = """
    SELECT e.event_id, e.type IN ($settle, $cancel) AND e.event_id NOT IN
        (SELECT answered_by FROM requests WHERE answered_by IS NOT NULL)
    FROM events AS e JOIN events AS asked ON asked.stream_id = e.stream_id AND asked.version <= e.version
    WHERE asked.event_id = $event_id AND e.position IN (SELECT unnest($positions))
"""


def told_answered(facts: Facts, event_ids: Sequence[str]) -> str:
    """Which read model of holds, never rebuilt, has read these requests and has no row for some of them; or nothing."""
    steps = [
        step for step in facts.residuals
        if step.kind == "holds" and step.reason == NO_ROW and step.event_id in event_ids
        and not was_reset(facts, step.source)
    ]  # fmt: skip
    if not steps:
        return ""
    at = places([step.position or 0 for step in steps if step.source == steps[0].source])
    return f"{steps[0].source}, which has read all that, has no row for the hold of {at}"


def answer_was_edited(facts: Facts, pending: Pending, event_id: str) -> bool:
    """Whether the answer to this request is an event whose content was edited, or the request itself is one.

    A read model that knew it answered says so; else an edited answer that answers nothing.
    """
    positions = [event.position for event in _edited(facts)]
    if not positions:
        return False
    given = {"settle": pending.settle, "cancel": pending.cancel}
    after = facts.rows(_AFTER, event_id=event_id, positions=positions, **given)
    if after and told_answered(facts, [event_id]):
        return True
    if any(source.kind == "holds" and not was_reset(facts, source.name) for source in facts.columns):
        return False
    return any(answers_nothing for _, answers_nothing in after)


def changed_by_edits(facts: Facts) -> dict[str, int]:
    """By event that was edited, what a claim says that it posted before less what it posts now, in minor units.

    A row of a running balance tells, else a row of a hold.
    """
    ids = {event.event_id for event in _edited(facts)}
    found: dict[str, int] = {}
    for kind in ("holds", "running"):
        for step in facts.residuals if ids else ():
            # A hold is money gone, so what its row tells is posted with the other sign.
            if step.kind == kind and step.event_id in ids and step.reason != NO_ROW:
                found[step.event_id or ""] = -step.amount if kind == "holds" else step.amount
    return found


def _edited(facts: Facts) -> list[FailingHash]:
    """Events whose content was edited, and more than the id."""

    def answer() -> list[FailingHash]:
        found = edited_or_drifted(facts)
        return [event for event in found.edited if not (event.id_then or event.position in found.with_neighbours)]

    edited: list[FailingHash] = facts.once("contents edited", answer)
    return edited
