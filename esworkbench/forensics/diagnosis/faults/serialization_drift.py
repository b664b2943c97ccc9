"""serialization_drift: all contents fail their hash at once, or all since a deploy, though none of them was edited."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.failing_hashes import failing_hashes, is_drift
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places


def serialization_drift(facts: Facts, left: Left) -> Explanations:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    failing = failing_hashes(facts)
    if not is_drift(facts, left, failing):
        return []
    proof = (
        f"all {len(failing)} events from {places([failing[0].position])} on fail their content hash while every link "
        "is intact: they are written differently than they were hashed, which editing single events doesn't do"
    )
    events = [(event.position, event.event_id) for event in failing]
    return [Explanation(finding(FAULT, None, events=events, proof=proof), [])]


FAULT = Fault(
    name="serialization_drift",
    meaning="the same content is now serialized to different bytes, so all hashes fail at once with nothing edited",
    look_alikes=("payload_edited",),
    remedy="correct the serializer; the content is intact",
    repair="none",
    healthy=True,
    detector=serialization_drift,
)
