"""clamped_balance: the read model stops at a limit that the events go beyond."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="clamped_balance",
    meaning="the read model stops at a limit that the events go beyond",
    look_alikes=("handler_bug", "manual_edit"),
    remedy="correct the handler, then rebuild the read model",
    repair="rebuild",
    needs="the projection's code, or several balances that stop at the same limit while their events go beyond it",
)
