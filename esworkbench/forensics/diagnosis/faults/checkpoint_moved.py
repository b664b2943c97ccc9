"""checkpoint_moved: the rows are right at one position and the checkpoint is at another, and no run explains why."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="checkpoint_moved",
    meaning="the checkpoint was moved but the rows were not, so events are skipped, applied again, or only seem to lag",
    look_alikes=("restored_read_model", "lag", "tail_truncated", "double_apply"),
    remedy="set the checkpoint to the position at which the rows are right, or rebuild the read model",
    repair="rebuild",
    needs="a checkpoint log whose last run ends somewhere else than the checkpoint, and rows that are right there",
)
