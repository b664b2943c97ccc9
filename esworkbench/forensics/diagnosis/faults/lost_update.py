"""lost_update: two writers decided on the same version of a stream, and both were let in."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="lost_update",
    meaning="two writers decided on the same version, and both were let in",
    look_alikes=("chain_fork", "invariant_broken"),
    remedy="compensate the event that should have been refused, and restore the version check",
    repair="compensate",
    needs="events that carry the version they were decided on, and an invariant in the ledger that one breaks",
)
