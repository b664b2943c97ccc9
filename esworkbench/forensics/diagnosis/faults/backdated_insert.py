"""backdated_insert: an event was slipped in with an earlier time than its neighbours."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="backdated_insert",
    meaning="an event was slipped in with an earlier time than its neighbours",
    look_alikes=("clock_skew", "valid_time_shift", "reordered"),
    remedy="find out who wrote it; compensate it",
    repair="compensate",
    needs="an anchor signed before the event was written, and a statement of that time which lacks it",
)
