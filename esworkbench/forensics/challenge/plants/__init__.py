"""How each fault is planted: in one account of a working copy, as its cause would have left it.

A plant knows the evidence and its ledger, no bank; and nothing of what finds it. Where the evidence has nothing to
plant a fault in, it says so with ``CantPlant``.

stored_events  events changed, moved or taken away after they were stored
writers        events that a writer should not have written, or not so
runners        events that a read model got never, not yet or twice
handlers       what a read model's own code makes of events
derived_state  read models, checkpoints and snapshots changed outside the runner
statements     a statement that has more than the log, or less than itself
holds          holds without an answer, or with another one
accounts       what a working copy holds of one account
required       what a plant may need of the evidence and its ledger
planted        what a plant is, and says it did
"""

from esworkbench.forensics.challenge.plants.derived_state import (
    bad_snapshot,
    checkpoint_moved,
    manual_edit,
    restored_read_model,
    row_lost,
)
from esworkbench.forensics.challenge.plants.handlers import (
    batch_end_stamping,
    clamped_balance,
    day_boundary,
    handler_bug,
    mixed_currency,
    rounding,
    wrong_upcaster,
)
from esworkbench.forensics.challenge.plants.holds import settled_otherwise, unresolved_pending
from esworkbench.forensics.challenge.plants.planted import Plant, Planted
from esworkbench.forensics.challenge.plants.runners import double_apply, gap_skipped, lag, poison_skipped, twin_dropped
from esworkbench.forensics.challenge.plants.statements import (
    never_appended,
    statement_incomplete,
    statement_inconsistent,
)
from esworkbench.forensics.challenge.plants.stored_events import (
    event_deleted,
    event_misfiled,
    payload_edited,
    rehashed_history,
    reordered,
    serialization_drift,
    tail_truncated,
)
from esworkbench.forensics.challenge.plants.writers import (
    backdated_insert,
    chain_fork,
    clock_skew,
    double_repair,
    half_transfer,
    invariant_broken,
    lost_update,
    retry_duplicate,
)

__all__ = ["PLANTS", "Plant", "Planted"]

PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        payload_edited, rehashed_history, event_deleted, tail_truncated, reordered, event_misfiled, chain_fork,
        serialization_drift, backdated_insert, clock_skew, gap_skipped, poison_skipped, double_apply, manual_edit,
        row_lost, batch_end_stamping, clamped_balance, rounding, mixed_currency, handler_bug, wrong_upcaster,
        twin_dropped, lag, restored_read_model, checkpoint_moved, day_boundary, bad_snapshot, never_appended,
        statement_incomplete, statement_inconsistent, unresolved_pending, settled_otherwise, retry_duplicate,
        double_repair, half_transfer, lost_update, invariant_broken,
    )
}  # fmt: skip
"""What can be planted, by the fault's name."""
