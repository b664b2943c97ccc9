"""event_misfiled: an event stands in another stream than the one it was hashed in."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="event_misfiled",
    meaning="an event was moved to another stream: two accounts are off by its amount, one each way",
    look_alikes=("half_transfer", "event_deleted"),
    remedy="restore both streams from a good backup",
    repair="restore",
    needs="hashes: the event's content fits the chain of one stream and stands in another",
)
