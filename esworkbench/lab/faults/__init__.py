"""The faults the lab can plant, by their names in the catalogue. Wherever a process can cause one, a process does."""

from esworkbench.lab.faults.by_hand import EventDeleted, ManualEdit, PayloadEdited, TailTruncated
from esworkbench.lab.faults.double_apply import DoubleApply
from esworkbench.lab.faults.gap_skipped import GapSkipped
from esworkbench.lab.faults.handler_bug import HandlerBug
from esworkbench.lab.faults.lag import Lag
from esworkbench.lab.faults.rounding import Rounding
from esworkbench.lab.faults.scene import Fault, Scene
from esworkbench.lab.faults.unresolved_pending import UnresolvedPending

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Fault,
        UnresolvedPending,
        DoubleApply,
        GapSkipped,
        ManualEdit,
        EventDeleted,
        PayloadEdited,
        TailTruncated,
        HandlerBug,
        Rounding,
        Lag,
    )
}

__all__ = ["FAULTS", "Fault", "Scene"]
