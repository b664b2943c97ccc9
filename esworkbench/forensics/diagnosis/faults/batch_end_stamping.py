"""batch_end_stamping: every row of a batch carries the batch's last running balance; the next batch heals it."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="batch_end_stamping",
    meaning="every row of a batch carries the running value of the batch's end",
    look_alikes=("reordered",),
    remedy="none needed for the sum; stamp each row with its own value",
    repair="none",
    needs="a checkpoint log that says where batches end, and running balances wrong up to exactly there",
)
