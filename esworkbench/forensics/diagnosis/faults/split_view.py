"""split_view: the store shows one history here and another one elsewhere, each with a valid signature."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="split_view",
    meaning="a validly signed anchor obtained elsewhere disagrees with the store",
    look_alikes=("rehashed_history",),
    remedy="restore from a backup that agrees with that anchor",
    repair="restore",
    needs="an anchor with a valid signature that was obtained elsewhere than from this store",
)
