"""stale_snapshot_shape: a snapshot of an older shape was carried into a newer one wrongly."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="stale_snapshot_shape",
    meaning="a snapshot of an older shape was carried into a new one wrongly",
    look_alikes=("bad_snapshot",),
    remedy="migrate the older snapshot properly, or invalidate it",
    repair="none",
    needs="a snapshot of the older shape that is right, and the one made from it, which names it as its base",
)
