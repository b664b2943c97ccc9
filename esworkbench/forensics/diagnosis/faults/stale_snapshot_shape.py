"""stale_snapshot_shape: a snapshot of an older shape was migrated wrongly to a newer one."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="stale_snapshot_shape",
    meaning="a snapshot of an older shape was migrated wrongly to a newer one",
    look_alikes=("bad_snapshot",),
    remedy="migrate the older snapshot correctly, or invalidate it",
    repair="none",
    needs="a correct snapshot of the older shape, and the one made from it, which names it as its base",
)
