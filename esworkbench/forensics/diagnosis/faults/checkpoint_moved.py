"""checkpoint_moved: the rows are right at one position and the checkpoint stands at another, which no run explains."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="checkpoint_moved",
    meaning="the checkpoint was moved and the rows were not: events are skipped, applied again, or only seem to lag",
    look_alikes=("restored_read_model", "lag", "tail_truncated", "double_apply"),
    remedy="set the checkpoint from the rows, or rebuild",
    repair="rebuild",
    needs="a checkpoint log whose last run ends elsewhere than at the checkpoint, and rows that are right there",
)
