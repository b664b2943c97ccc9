"""The faults the lab can plant, by their names in the catalogue. Where a process can cause one, a process does.

``scene``: what a fault works with, and the base class of all faults.
``unresolved_pending``: an answer lost on the message bus.
``double_apply``: a checkpoint saved apart from its rows, and a kill between the two.
``gap_skipped``: a reader that goes past a position filled later.
``by_hand``: a row edited; an event deleted or edited; the end of the log cut off. All by SQL.
``handler_bug``: a release of a handler that gets one event type wrong.
``rounding``: a release of a handler that rounds by its own rule.
``lag``: a runner that stops before the head. Healthy.
``buggy_handlers``: the code of those two releases.
``naive_runner``: the runner that saves rows and checkpoint in two transactions.
``killed_process``: starts that runner in a child process, and kills it.
``killed_child``: the child.
"""

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
"""Every fault, and the healthy bank. Whatever is added comes at the end."""

MYSTERIES = (
    "unresolved_pending", "double_apply", "gap_skipped", "manual_edit", "event_deleted", "payload_edited",
    "tail_truncated", "handler_bug", "rounding", "lag",
)  # fmt: skip
"""What a seed draws a mystery from. A name more here, and every seed draws another one."""

__all__ = ["FAULTS", "MYSTERIES", "PlantableFault", "Scene"]
