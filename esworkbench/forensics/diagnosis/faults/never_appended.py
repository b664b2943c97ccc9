"""never_appended: a statement has a line with no event to match, and no event of the account is missing."""

from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.whole_log import broken
from esworkbench.forensics.diagnosis.wording import finding

# A second answer to one hold is in the log, so what it booked is not missing from it: the hold was for once.
_ANSWERED_AGAIN = """
    SELECT DISTINCT h.account, h.currency, json_extract_string(asked.payload, $key)
    FROM events AS e JOIN holds AS h ON h.stream_id = e.stream_id AND h.hold = json_extract_string(e.payload, $id)
        JOIN events AS asked ON asked.event_id = h.event_id
    WHERE e.type = $settle AND json_valid(e.payload)
      AND e.event_id NOT IN (SELECT answered_by FROM holds WHERE answered_by IS NOT NULL)
"""


def never_appended(facts: Facts, left: Left) -> Explanations:
    """Lines of a statement with no event to match, where no event of the account is missing."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    again = _answered_again(facts)
    groups: dict[tuple[str, Key], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        if step.reason == NO_EVENT and (*step.key, step.type) not in again:
            groups.setdefault((step.source, step.key), []).append(step)
    return [
        _missing(facts, file, key, steps)
        for (file, key), steps in groups.items()
        if not _known_inside(left, key, steps)
    ]


FAULT = Fault(
    name="never_appended",
    meaning="something happened in the world, but no event was ever written for it",
    look_alikes=("handler_bug", "wrong_upcaster", "unresolved_pending", "half_transfer", "valid_time_shift"),
    remedy="append the missing event, dated when it was true",
    repair="none",
    detector=never_appended,
)


def _answered_again(facts: Facts) -> set[tuple[str, str, str]]:
    pending = facts.evidence.ledger.pending
    if pending is None:
        return set()
    paths = {"key": json_path(facts.evidence.ledger.business_key), "id": json_path(pending.id_field)}
    return set(facts.rows(_ANSWERED_AGAIN, settle=pending.settle, **paths))


def _known_inside(left: Left, key: Key, steps: list[Residual]) -> bool:
    """A read model or snapshot that counts the same amount has seen an event: it was written, and is gone."""
    amounts = {step.amount for step in steps} | {sum(step.amount for step in steps)}
    inside = [step.amount for step in left.steps(key=key) if step.kind != "statement"]
    return any(amount in amounts for amount in [*inside, *left.heads_of(key)])


def _missing(facts: Facts, file: str, key: Key, steps: list[Residual]) -> Explanation:
    amount = sum(step.amount for step in steps)
    references = ", ".join(step.type or "?" for step in steps[:5])
    proof = f"{file} books {references}, {facts.money(amount, key)} in all, and no event says the same"
    lost = broken(facts, key)
    proof += (
        ", but events of this account are missing from the log: it may be one of them" if lost
        else ", and no version of the account's stream is missing"
    )  # fmt: skip
    found = finding(FAULT, key, amount=amount, source=file, certainty="possible" if lost else "likely", proof=proof)
    return Explanation(found, [whole(step) for step in steps])
