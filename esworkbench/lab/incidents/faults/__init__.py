"""The faults the lab can plant, by their names in the catalogue. Wherever a process can cause one, a process does."""

from esworkbench.lab.incidents.faults.by_hand import EventDeleted, ManualEdit, PayloadEdited, TailTruncated
from esworkbench.lab.incidents.faults.double_apply import DoubleApply
from esworkbench.lab.incidents.faults.gap_skipped import GapSkipped
from esworkbench.lab.incidents.faults.handler_bug import HandlerBug
from esworkbench.lab.incidents.faults.lag import LaggingReadModel
from esworkbench.lab.incidents.faults.rounding import Rounding
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.faults.unresolved_pending import UnresolvedPending

FAULTS: dict[str, type[PlantableFault]] = {
    fault.name: fault
    for fault in (
        PlantableFault,
        UnresolvedPending,
        DoubleApply,
        GapSkipped,
        ManualEdit,
        EventDeleted,
        PayloadEdited,
        TailTruncated,
        HandlerBug,
        Rounding,
        LaggingReadModel,
    )
}

__all__ = ["FAULTS", "PlantableFault", "Scene"]
