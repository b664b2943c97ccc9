"""Every detector, in the order they are asked. The order matters: what is explained is taken off for those after.

First what the log proves by itself (dead letters, overlapping batches, late events), then what structure and hashes
prove, then patterns over many events, then what only a statement shows, and last what is named by exclusion.
"""

from collections.abc import Callable
from typing import NamedTuple

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.faults.bad_snapshot import bad_snapshot, chain_fork
from esworkbench.forensics.diagnosis.faults.double_apply import double_apply
from esworkbench.forensics.diagnosis.faults.event_deleted import event_deleted
from esworkbench.forensics.diagnosis.faults.gap_skipped import gap_skipped, gap_skipped_unseen
from esworkbench.forensics.diagnosis.faults.handler_bug import handler_bug
from esworkbench.forensics.diagnosis.faults.lag import lag
from esworkbench.forensics.diagnosis.faults.manual_edit import manual_edit, restored_read_model
from esworkbench.forensics.diagnosis.faults.payload_edited import payload_edited, serialization_drift
from esworkbench.forensics.diagnosis.faults.poison_skipped import poison_skipped
from esworkbench.forensics.diagnosis.faults.retry_duplicate import double_repair, never_appended, retry_duplicate
from esworkbench.forensics.diagnosis.faults.rounding import rounding
from esworkbench.forensics.diagnosis.faults.tail_truncated import tail_truncated
from esworkbench.forensics.diagnosis.faults.unresolved_pending import unresolved_pending
from esworkbench.forensics.diagnosis.unexplained import Answer, Left


class Detector(NamedTuple):
    """``faults`` are the names it rules out when it finds nothing."""

    faults: tuple[str, ...]
    ask: Callable[[Facts, Left], Answer]


DETECTORS = (
    Detector(("serialization_drift",), serialization_drift),
    Detector(("chain_fork",), chain_fork),
    Detector(("poison_skipped",), poison_skipped),
    Detector(("double_apply",), double_apply),
    Detector(("gap_skipped",), gap_skipped),
    Detector(("event_deleted",), event_deleted),
    Detector(("tail_truncated",), tail_truncated),
    Detector(("payload_edited",), payload_edited),
    Detector(("rounding",), rounding),
    Detector(("handler_bug", "wrong_upcaster"), handler_bug),
    Detector(("restored_read_model",), restored_read_model),
    Detector(("gap_skipped",), gap_skipped_unseen),
    Detector(("unresolved_pending",), unresolved_pending),
    Detector(("retry_duplicate",), retry_duplicate),
    Detector(("double_repair",), double_repair),
    Detector(("never_appended",), never_appended),
    Detector(("bad_snapshot",), bad_snapshot),
    Detector(("manual_edit",), manual_edit),
    Detector(("lag",), lag),
)
