"""backdated_insert: an event was slipped in with an earlier time than its neighbours."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="backdated_insert",
    meaning="an event was added later, with a recorded time earlier than its neighbours'",
    look_alikes=("clock_skew", "valid_time_shift", "reordered"),
    remedy="find out who wrote the event, and compensate it",
    repair="compensate",
    needs="an anchor signed before the event was written, and a statement of that time that doesn't have it",
)
