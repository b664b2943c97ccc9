"""event_misfiled: an event is in a different stream than the one it was hashed in."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="event_misfiled",
    meaning="an event was moved to another stream, so two accounts are off by its amount, in opposite directions",
    look_alikes=("half_transfer", "event_deleted"),
    remedy="restore both streams from a good backup",
    repair="restore",
    needs="hashes: the event's content fits the chain of one stream, but the event is in another",
)
