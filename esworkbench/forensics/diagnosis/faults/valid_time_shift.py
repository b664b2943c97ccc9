"""valid_time_shift: a statement books the amount on a different date, and agrees later."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="valid_time_shift",
    meaning="the statement books the amount on a different date, and both agree in the end",
    look_alikes=("day_boundary", "never_appended", "backdated_insert"),
    remedy="none: wait for the later statement",
    repair="none",
    healthy=True,
    needs="a statement that goes on past the later of the two dates",
)
