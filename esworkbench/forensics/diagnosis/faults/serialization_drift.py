"""serialization_drift: events were written down again in other bytes, all of them or a stretch, and none was edited."""

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.edited_or_drifted import Sorted, edited_or_drifted
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable
from esworkbench.forensics.diagnosis.wording import finding, places


def serialization_drift(facts: Facts, left: Left) -> Explanations:
    """Proven where another spelling of the stored JSON fits the hash; likely where a whole stretch fails alike."""
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    found = edited_or_drifted(facts)
    drifted = found.drifted
    if not drifted:
        return []
    events = [(event.position, event.event_id) for event in drifted]
    proof = (
        f"{len(drifted)} events, at {places([event.position for event in drifted])}, fail their content hash while "
        f"every link is intact{_why(found)}"
    )
    certainty: Certainty = "likely" if found.alike else "proven"
    unknown = () if found.respelled else (LookAlike("payload_edited", _UNKNOWN),)
    return [Explanation(finding(FAULT, None, events=events, certainty=certainty, proof=proof), [], unknown)]


FAULT = Fault(
    name="serialization_drift",
    meaning="the same content is now serialized to different bytes, so its hashes fail with nothing edited",
    look_alikes=("payload_edited",),
    remedy="correct the serializer; the content is intact",
    repair="none",
    healthy=True,
    detector=serialization_drift,
)

_UNKNOWN = (
    "no spelling of the stored JSON fits the hashes, so an edit of every event in this stretch looks the same; "
    "a backup from before would tell"
)


def _why(found: Sorted) -> str:
    if not found.alike:
        return ": spelled otherwise, the same JSON hashes to what is stored, so nothing was edited"
    if found.respelled:
        return (
            f": spelled otherwise, {len(found.respelled)} of them hash to what is stored, and the others are of event "
            "types that no known spelling fits"
        )
    return ": a whole stretch of the log is written differently than it was hashed, and no claim contradicts it"
