"""reordered: the events of a stream are all there, but in a different order than they were written."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="reordered",
    meaning="the events of a stream are all there, but in a different order than they were written",
    look_alikes=("clock_skew", "batch_end_stamping", "bad_snapshot", "backdated_insert"),
    remedy="restore the order from a good backup",
    repair="restore",
    needs="a hash chain that breaks where the events were swapped, and running balances whose residuals cancel there",
)
