"""batch_end_stamping: every row of a batch carries the batch's last running balance; the next batch begins right."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="batch_end_stamping",
    meaning="every row of a batch carries the running balance of the end of the batch",
    look_alikes=("reordered",),
    remedy="stamp each row with its own running balance; the sum is right as it is",
    repair="none",
    needs="a checkpoint log that says where batches end, and running balances wrong up to exactly there",
)
