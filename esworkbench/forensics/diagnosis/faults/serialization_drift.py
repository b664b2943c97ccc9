"""serialization_drift: all contents fail their hash at once, or all since a deploy, and no one of them was edited."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.failing_hashes import failing_hashes, is_drift
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places


def serialization_drift(facts: Facts, left: Left) -> Answer:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    failing = failing_hashes(facts)
    if not is_drift(facts, left, failing):
        return []
    proof = (
        f"all {len(failing)} events from {places([failing[0].position])} on fail their content hash and every link "
        "still holds: their bytes are written another way than they were hashed, which no editor of single events does"
    )
    events = [(event.position, event.event_id) for event in failing]
    return [Claim(finding(FAULT, None, events=events, proof=proof), [])]


FAULT = Fault(
    name="serialization_drift",
    meaning="the same content is now written as other bytes: hashes fail everywhere at once, nothing was edited",
    look_alikes=("payload_edited",),
    remedy="correct the serializer; the content is whole",
    repair="none",
    healthy=True,
    detector=serialization_drift,
)
