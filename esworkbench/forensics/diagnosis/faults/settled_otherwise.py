"""settled_otherwise: a hold was settled for a different amount than was held."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="settled_otherwise",
    meaning="a hold was settled for a different amount than was held, and the statement shows what was settled",
    look_alikes=("unresolved_pending", "rounding"),
    remedy="append an adjusting event, and have a rule for tips and fees",
    repair="compensate",
    needs="a ledger that says where a settlement names its amount, and a statement that books that amount",
)
