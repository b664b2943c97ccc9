"""settled_otherwise: a hold was settled for another amount than was held."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="settled_otherwise",
    meaning="a hold was settled for another amount than was held, and the statement books what was settled",
    look_alikes=("unresolved_pending", "rounding"),
    remedy="append an adjusting event; have a rule for tips and fees",
    repair="compensate",
    needs="a ledger that says where a settlement names its amount, and a statement that books that amount",
)
