"""split_view: the store shows one history here and another one elsewhere, each with a valid signature."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="split_view",
    meaning="an anchor obtained elsewhere, with a valid signature, disagrees with the store",
    look_alikes=("rehashed_history",),
    remedy="restore the log from a backup that agrees with that anchor",
    repair="restore",
    needs="an anchor with a valid signature that was not obtained from this store",
)
