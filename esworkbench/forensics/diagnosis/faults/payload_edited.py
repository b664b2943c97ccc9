"""payload_edited: an event's content doesn't match the hash stored beside it, in a chain that is otherwise intact."""

from esworkbench.forensics.compare.records import DIFFERS, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash, failing_hashes, is_drift
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.witnesses import shares_of, witnessed
from esworkbench.forensics.diagnosis.wording import finding, places


def payload_edited(facts: Facts, left: Left) -> Explanations:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    failing = failing_hashes(facts)
    if is_drift(facts, left, failing):
        return []
    groups: dict[Key | None, list[FailingHash]] = {}
    for event in failing:
        if event.linked:
            for key in _keys(facts, event):
                groups.setdefault(key, []).append(event)
    return [_explanation(facts, left, key, events) for key, events in groups.items()]


FAULT = Fault(
    name="payload_edited",
    meaning="the stored content of an event was changed after it was written",
    look_alikes=("serialization_drift", "rehashed_history", "shredded_payload"),
    remedy="restore the event from a good backup, and find out who could write to the table",
    repair="restore",
    detector=payload_edited,
)


def _keys(facts: Facts, event: FailingHash) -> list[Key | None]:
    found = facts.rows(
        "SELECT DISTINCT account, currency FROM postings WHERE event_id = $event_id ORDER BY 1, 2",
        event_id=event.event_id,
    )
    return [*found] or [*facts.accounts_of_stream(event.stream_id)] or [None]


def _explanation(facts: Facts, left: Left, key: Key | None, edited: list[FailingHash]) -> Explanation:
    ids = {event.event_id for event in edited}
    steps: list[Residual] = [
        step for step in left.steps(key=key) if step.event_id in ids and step.reason == DIFFERS
    ] if key else []  # fmt: skip
    amount, witness = witnessed(facts, left, key, steps)
    many = len(edited) > 1
    versions = ", ".join(f"{event.stream_id} version {event.version}" for event in edited[:5])
    proof = (
        f"the content of the event{'s' * many} at {places([event.position for event in edited])} ({versions}) doesn't "
        f"match the hash stored with {'them' if many else 'it'}, while every link before and after is intact"
    )
    if witness and key:
        proof += f"; {witness} still counts what it said before: claimed − event sum = {facts.money(amount, key)}"
    else:
        proof += "; all claims agree with the events, so the amount was not touched, or all claims were rebuilt since"
    events = [(event.position, event.event_id) for event in edited]
    found = finding(FAULT, key, amount=amount, events=events, source=witness, proof=proof)
    return Explanation(found, list(shares_of(facts, left, key, amount, steps)) if witness and key else [])
