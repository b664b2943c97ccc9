"""wrong_upcaster: the read model is wrong about one stored schema version of a type, and right about the others."""

from esworkbench.forensics.diagnosis.code_errors import code_errors
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanations, Left


def wrong_upcaster(facts: Facts, left: Left) -> Explanations:
    return code_errors(facts, left, FAULT, "handler_bug", in_one_version=True)


FAULT = Fault(
    name="wrong_upcaster",
    meaning="an upcaster turns one stored schema version into wrong values",
    look_alikes=("handler_bug", "never_appended", "restored_read_model"),
    remedy="correct the upcaster, then rebuild the read model",
    repair="rebuild",
    detector=wrong_upcaster,
)
