"""invariant_broken: after an event, a rule that the ledger names no longer holds."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="invariant_broken",
    meaning="an event was accepted that breaks a rule of the ledger, such as closing an account that holds money",
    look_alikes=("lost_update",),
    remedy="compensate the event, and put the rule back into the command",
    repair="compensate",
    needs="an invariant in the ledger, and the events that it is about, folded one at a time",
)
