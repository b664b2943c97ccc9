"""The faults the lab can plant, by their names in the catalogue. Where a process can cause one, a process does.

``scene``: what a fault works with, and the base class of all faults.
``unresolved_pending``: an answer lost on the message bus.
``double_apply``: a checkpoint saved apart from its rows, and a kill between the two.
``gap_skipped``: a reader that goes past a position filled later.
``by_hand``: a row edited; an event deleted or edited; the end of the log cut off. All by SQL.
``handler_bug``: a release of a handler that gets one event type wrong.
``rounding``: a release of a handler that rounds by its own rule.
``lag``: a runner that stops before the head. Healthy.
``twin_dropped``, ``poison_skipped``, ``batch_end_stamping``, ``clamped_balance``, ``mixed_currency``, ``day_boundary``:
releases of a handler, each with the bug it is named after.
``wrong_upcaster``: a release with an upcaster that gets one shape wrong.
``restored_read_model``: rows put back from an older copy, under a checkpoint that stays.
``read_model_by_hand``: a checkpoint moved, a row deleted, by SQL.
``index_differs``: a row that its table holds and its index doesn't lead to.
``wrong_snapshots``: a worker that folds one event twice; a wrong migration to a new shape.
``rewritten_log``: an event changed and all hashed again; two swapped; one filed in another stream. By SQL.
``split_view``: the same by who holds the key of the anchors, too, and signs them again.
``backdated_insert``: an event written under a clock that was set back.
``serialization_drift``: a release of the store that hashes other bytes than it writes. Healthy.
``shredded_payload``: a name whose key was destroyed. Healthy.
``buggy_handlers``: the code of the releases of ``handler_bug`` and ``rounding``.
``broken_readers``: the code of the others.
``naive_runner``: the runner that saves rows and checkpoint in two transactions.
``killed_process``: starts that runner in a child process, and kills it.
``killed_child``: the child.
``retry_duplicate``: a client without a key that gets no reply, and asks again.
``never_appended``: a cash machine killed after it has paid, and before it has written that down.
``half_transfer``: a transfer in two appends, and a kill between the two.
``lost_update``: two cash machines that decide on one version, and no check.
``chain_fork``: a writer that reads the last hash without the lock.
``invariant_broken``: a release of the withdrawal that doesn't look at the balance.
``settled_otherwise``: a tip, settled beside what was held.
``double_repair``: a repair that is run twice.
``clock_skew``: a second server whose clock is behind.
``valid_time_shift``: a cheque that is booked days after it was credited. Healthy.
``statement_incomplete``: a printer that leaves a line out.
``statement_inconsistent``: a printer that swaps two digits of a balance.
``broken_writers``: the code of those writers that run in a process of their own.
``writer_process``: starts one, holds it at a named point, and kills it or lets it go on.
``writer_child``: the child.
"""

from esworkbench.lab.incidents.faults.backdated_insert import BackdatedInsert
from esworkbench.lab.incidents.faults.batch_end_stamping import BatchEndStamping
from esworkbench.lab.incidents.faults.by_hand import EventDeleted, ManualEdit, PayloadEdited, TailTruncated
from esworkbench.lab.incidents.faults.chain_fork import ChainFork
from esworkbench.lab.incidents.faults.clamped_balance import ClampedBalance
from esworkbench.lab.incidents.faults.clock_skew import ClockSkew
from esworkbench.lab.incidents.faults.day_boundary import DayBoundary
from esworkbench.lab.incidents.faults.double_apply import DoubleApply
from esworkbench.lab.incidents.faults.double_repair import DoubleRepair
from esworkbench.lab.incidents.faults.gap_skipped import GapSkipped
from esworkbench.lab.incidents.faults.half_transfer import HalfTransfer
from esworkbench.lab.incidents.faults.handler_bug import HandlerBug
from esworkbench.lab.incidents.faults.index_differs import IndexDiffers
from esworkbench.lab.incidents.faults.invariant_broken import InvariantBroken
from esworkbench.lab.incidents.faults.lag import LaggingReadModel
from esworkbench.lab.incidents.faults.lost_update import LostUpdate
from esworkbench.lab.incidents.faults.mixed_currency import MixedCurrency
from esworkbench.lab.incidents.faults.never_appended import NeverAppended
from esworkbench.lab.incidents.faults.poison_skipped import PoisonSkipped
from esworkbench.lab.incidents.faults.read_model_by_hand import CheckpointMoved, RowLost
from esworkbench.lab.incidents.faults.restored_read_model import RestoredReadModel
from esworkbench.lab.incidents.faults.retry_duplicate import RetryDuplicate
from esworkbench.lab.incidents.faults.rewritten_log import EventMisfiled, RehashedHistory, Reordered
from esworkbench.lab.incidents.faults.rounding import Rounding
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene
from esworkbench.lab.incidents.faults.serialization_drift import SerializationDrift
from esworkbench.lab.incidents.faults.settled_otherwise import SettledOtherwise
from esworkbench.lab.incidents.faults.shredded_payload import ShreddedPayload
from esworkbench.lab.incidents.faults.split_view import SplitView
from esworkbench.lab.incidents.faults.statement_incomplete import StatementIncomplete
from esworkbench.lab.incidents.faults.statement_inconsistent import StatementInconsistent
from esworkbench.lab.incidents.faults.twin_dropped import TwinDropped
from esworkbench.lab.incidents.faults.unresolved_pending import UnresolvedPending
from esworkbench.lab.incidents.faults.valid_time_shift import ValidTimeShift
from esworkbench.lab.incidents.faults.wrong_snapshots import BadSnapshot, StaleSnapshotShape
from esworkbench.lab.incidents.faults.wrong_upcaster import WrongUpcaster

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
        TwinDropped,
        PoisonSkipped,
        WrongUpcaster,
        BatchEndStamping,
        ClampedBalance,
        MixedCurrency,
        DayBoundary,
        RestoredReadModel,
        CheckpointMoved,
        RowLost,
        IndexDiffers,
        BadSnapshot,
        StaleSnapshotShape,
        RehashedHistory,
        Reordered,
        EventMisfiled,
        BackdatedInsert,
        SerializationDrift,
        SplitView,
        ShreddedPayload,
        RetryDuplicate,
        NeverAppended,
        HalfTransfer,
        LostUpdate,
        ChainFork,
        InvariantBroken,
        SettledOtherwise,
        DoubleRepair,
        ClockSkew,
        ValidTimeShift,
        StatementIncomplete,
        StatementInconsistent,
    )
}
"""Every fault, and the healthy bank. Whatever is added comes at the end."""

MYSTERIES = tuple(name for name in FAULTS if name not in ("none", "index_differs"))
"""What a seed draws a mystery from: every fault whose answer can be found in a capture and in the folder outside. A
name more here, and every seed draws another one.

``index_differs`` alone can't be drawn: PostgreSQL lets only a superuser plant it, and to refuse would be to tell. In a
bank that is known to be SQLite, as a drill's, it can.
"""

__all__ = ["FAULTS", "MYSTERIES", "PlantableFault", "Scene"]
