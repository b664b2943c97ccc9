"""invariant_broken: a rule that the ledger names does not hold after an event."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="invariant_broken",
    meaning="an event was let in after which a rule of the ledger no longer holds: closed with money, a limit passed",
    look_alikes=("lost_update",),
    remedy="compensate; put the rule back into the command",
    repair="compensate",
    needs="an invariant in the ledger, and the events that it is about, folded one by one",
)
