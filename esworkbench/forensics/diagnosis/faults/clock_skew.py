"""clock_skew: recorded times go back while positions go on."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="clock_skew",
    meaning="recorded times go backwards while positions go up",
    look_alikes=("reordered", "backdated_insert", "gap_skipped"),
    remedy="order events by position, and correct the clock",
    repair="none",
    needs="which machine wrote each event, and how far its clock was off: a slow commit looks the same",
)
