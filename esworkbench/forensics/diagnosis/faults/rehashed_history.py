"""rehashed_history: the log was changed and hashed again, so that only something outside it can tell."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="rehashed_history",
    meaning="events were changed, and every later hash was computed again to match",
    look_alikes=("payload_edited", "split_view", "manual_edit", "bad_snapshot"),
    remedy="restore the log from a backup that agrees with the anchor, and rebuild nothing from this log until then",
    repair="restore",
    needs="an anchor signed before the change, or two independent witnesses among read model, snapshot and statement",
)
