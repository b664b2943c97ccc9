"""rehashed_history: the log was changed and hashed anew, so that only what stands outside it can tell."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="rehashed_history",
    meaning="events were changed and every later hash computed anew",
    look_alikes=("payload_edited", "split_view", "manual_edit", "bad_snapshot"),
    remedy="restore from a backup that agrees with the anchor; rebuild nothing from this log meanwhile",
    repair="restore",
    needs="an anchor signed before the change, or two independent witnesses among read model, snapshot and statement",
)
