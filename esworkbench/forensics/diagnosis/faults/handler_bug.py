"""handler_bug: the read model is wrong about one event type, every time, whatever schema version it was written in."""

from esworkbench.forensics.diagnosis.code_errors import code_errors
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanations, Left


def handler_bug(facts: Facts, left: Left) -> Explanations:
    return code_errors(facts, left, FAULT, "wrong_upcaster", in_one_version=False)


FAULT = Fault(
    name="handler_bug",
    meaning="the projection's handler gets one event type wrong",
    look_alikes=(
        "wrong_upcaster", "never_appended", "rounding", "manual_edit", "double_apply", "poison_skipped",
        "clamped_balance", "mixed_currency", "restored_read_model",
    ),
    remedy="correct the handler, then rebuild the read model",
    repair="rebuild",
    detector=handler_bug,
)  # fmt: skip
