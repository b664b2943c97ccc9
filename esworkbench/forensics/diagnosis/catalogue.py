"""The catalogue: every fault, in the order in which diagnosis asks. What one explains is taken off for those after it.

First what the log shows of itself, then what checkpoint log and dead letters prove, what was lost from the log, what
follows a pattern over many events, where several claims contradict the log alike, what only a statement shows, and
last what is left after all of these.
"""

from collections.abc import Iterator

from esworkbench.forensics.diagnosis.fault import Detector, Fault
from esworkbench.forensics.diagnosis.faults import (
    backdated_insert,
    bad_snapshot,
    batch_end_stamping,
    chain_fork,
    checkpoint_moved,
    clamped_balance,
    clock_skew,
    day_boundary,
    double_apply,
    double_repair,
    event_deleted,
    event_misfiled,
    gap_skipped,
    half_transfer,
    handler_bug,
    index_differs,
    invariant_broken,
    lag,
    lost_update,
    manual_edit,
    mixed_currency,
    never_appended,
    payload_edited,
    poison_skipped,
    rehashed_history,
    reordered,
    restored_read_model,
    retry_duplicate,
    rounding,
    row_lost,
    serialization_drift,
    settled_otherwise,
    shredded_payload,
    split_view,
    stale_snapshot_shape,
    statement_incomplete,
    statement_inconsistent,
    tail_truncated,
    twin_dropped,
    unresolved_pending,
    valid_time_shift,
    wrong_upcaster,
)

FAULTS: dict[str, Fault] = {
    module.FAULT.name: module.FAULT
    for module in (
        # the log itself
        serialization_drift, shredded_payload, chain_fork, event_misfiled, reordered, backdated_insert, clock_skew,
        # days that another midnight cuts, or rows would seem lost
        day_boundary,
        # what a runner notes down
        poison_skipped, double_apply, row_lost, gap_skipped, checkpoint_moved,
        # what the log has lost, and a witness kept
        event_deleted, tail_truncated, payload_edited, split_view,
        # patterns over many events; what is off by a cent an event may be anything, so it comes behind an exact fit
        batch_end_stamping, clamped_balance, restored_read_model, rounding, mixed_currency, handler_bug,
        wrong_upcaster, twin_dropped,
        # where several claims contradict a log whose hashes hold
        rehashed_history,
        # what a statement shows
        valid_time_shift, statement_incomplete, statement_inconsistent, unresolved_pending, settled_otherwise,
        retry_duplicate, double_repair, half_transfer, never_appended, lost_update,
        invariant_broken,
        # what stands alone, or is named by exclusion
        stale_snapshot_shape, bad_snapshot, index_differs, manual_edit, lag,
    )
}  # fmt: skip
"""Every fault by name."""


def detectors() -> Iterator[tuple[Fault, Detector]]:
    """Every detector in the order in which it is asked: what was signed, then what has a signature of its own, then
    what only exclusion names."""
    for fault in FAULTS.values():
        if fault.by_anchor is not None:
            yield fault, fault.by_anchor
    for fault in FAULTS.values():
        if fault.detector is not None:
            yield fault, fault.detector
    for fault in FAULTS.values():
        if fault.by_exclusion is not None:
            yield fault, fault.by_exclusion
