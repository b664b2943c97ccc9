"""half_transfer: one side of a transfer was recorded, and the other never was."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="half_transfer",
    meaning="one side of a transfer is missing",
    look_alikes=("never_appended", "event_misfiled"),
    remedy="complete the transfer, or reverse it",
    repair="compensate",
    needs="correlation ids on the events, and a ledger that says which event types are the two sides of one transfer",
)
