"""The catalogue: every fault by name."""

from typing import NamedTuple


class Fault(NamedTuple):
    """An entry of the catalogue: the name, what it means in one line, and what to do about it."""

    name: str
    meaning: str
    remedy: str
    look_alikes: tuple[str, ...] = ()


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "unresolved_pending",
            "a withdrawal was requested and, past the limit, neither settled nor cancelled",
            "append the missing WithdrawalCancelled, or settle it; watch for requests older than the limit",
            ("never_appended",),
        ),
        Fault(
            "retry_duplicate",
            "one intent was recorded twice: two event ids share a business key",
            "compensate one of the two; have clients send an idempotency key",
            ("twin_dropped",),
        ),
        Fault(
            "twin_dropped",
            "two genuine look-alike events were taken for one by the read model or the statement",
            "rebuild the read model; tell events apart by id, not by value",
            ("retry_duplicate", "gap_skipped", "event_deleted"),
        ),
        Fault(
            "never_appended",
            "something happened in the world and no event was ever written",
            "append the missing fact, dated when it was true",
            ("handler_bug", "wrong_upcaster", "unresolved_pending"),
        ),
        Fault(
            "event_deleted",
            "an event was removed from the middle of a stream",
            "restore the event from a good backup; keep the read model as a witness until then",
            ("tail_truncated", "twin_dropped"),
        ),
        Fault(
            "tail_truncated",
            "the newest events were cut off; all that remains agrees with itself",
            "restore the tail from a good backup; keep the read model and its checkpoint as witnesses until then",
            ("restored_read_model", "event_deleted", "lag"),
        ),
        Fault(
            "payload_edited",
            "the stored content of one event was changed after it was written",
            "restore that event from a good backup; find who could write to the table",
            ("serialization_drift", "rehashed_history"),
        ),
        Fault(
            "rehashed_history",
            "events were changed and every later hash computed anew",
            "restore from a backup that agrees with the anchor",
            ("payload_edited", "split_view"),
        ),
        Fault(
            "reordered",
            "the same events stand in another order than they were written",
            "restore the order from a good backup",
            ("clock_skew",),
        ),
        Fault(
            "backdated_insert",
            "an event was slipped in with an earlier time than its neighbours",
            "find out who wrote it; compensate it",
            ("clock_skew", "valid_time_shift"),
        ),
        Fault(
            "chain_fork",
            "two events of one stream name the same predecessor",
            "find the writer that appends without the version check",
            ("lost_update",),
        ),
        Fault(
            "serialization_drift",
            "the same content is now written as other bytes: hashes fail everywhere at once, nothing was edited",
            "correct the serializer; the content is whole",
            ("payload_edited",),
        ),
        Fault(
            "gap_skipped",
            "a reader passed a position that was filled only later, and never came back",
            "rebuild the read model; read up to the first open gap only",
            ("twin_dropped", "lag", "poison_skipped"),
        ),
        Fault(
            "double_apply",
            "events were applied twice: rows were saved without the checkpoint that covers them",
            "rebuild the read model; save rows and checkpoint in one transaction",
            ("manual_edit", "handler_bug"),
        ),
        Fault(
            "lag",
            "the read model is right up to its checkpoint and has newer events still to read",
            "none: let the projection catch up",
            ("gap_skipped", "tail_truncated"),
        ),
        Fault(
            "poison_skipped",
            "events that the handler could not take were parked, and the read model goes on without them",
            "correct the handler, then rebuild so that the parked events are applied in their place",
            ("gap_skipped", "handler_bug"),
        ),
        Fault(
            "wrong_upcaster",
            "an upcaster turns one stored schema version into wrong values",
            "correct the upcaster, then rebuild",
            ("handler_bug", "never_appended"),
        ),
        Fault(
            "handler_bug",
            "the projection's handler does the wrong thing with one event type",
            "correct the handler, then rebuild",
            ("wrong_upcaster", "never_appended", "rounding"),
        ),
        Fault(
            "manual_edit",
            "somebody changed a read-model row by hand: it moved with no event",
            "rebuild the read model; revoke the grant that let it be edited",
            ("double_apply", "gap_skipped", "twin_dropped"),
        ),
        Fault(
            "restored_read_model",
            "the read model is right, but at another position than its checkpoint says",
            "rebuild from the position it is right at",
            ("tail_truncated", "lag"),
        ),
        Fault(
            "bad_snapshot",
            "folding from the snapshot gives another state than folding from the first event",
            "drop the snapshot",
            ("stale_snapshot_shape",),
        ),
        Fault(
            "stale_snapshot_shape",
            "a snapshot of an older shape was carried into a new one wrongly",
            "migrate the older snapshot properly, or invalidate it",
            ("bad_snapshot",),
        ),
        Fault(
            "rounding",
            "amounts of interest, fees or conversions are rounded by another rule than the events",
            "append a rounding event, and write the rule down",
            ("handler_bug",),
        ),
        Fault(
            "batch_end_stamping",
            "every row of a batch carries the running value of the batch's end",
            "none needed for the sum; stamp each row with its own value",
            ("reordered",),
        ),
        Fault(
            "clamped_balance",
            "the read model stops at a limit that the events go beyond",
            "correct the handler, then rebuild",
            ("handler_bug",),
        ),
        Fault(
            "half_transfer",
            "one side of a transfer is missing",
            "complete the transfer or reverse it",
            ("never_appended",),
        ),
        Fault(
            "lost_update",
            "two writers decided on the same version and both were let in",
            "compensate; restore the version check",
            ("chain_fork",),
        ),
        Fault(
            "mixed_currency",
            "one figure adds amounts of two currencies",
            "rebuild the read model with one figure per currency",
            ("handler_bug",),
        ),
        Fault(
            "day_boundary",
            "daily sums are cut at another midnight than the ledger's",
            "correct the time zone, then rebuild",
            ("valid_time_shift",),
        ),
        Fault(
            "valid_time_shift",
            "the statement books on another value date; both agree in the end",
            "none",
            ("day_boundary", "never_appended"),
        ),
        Fault(
            "shredded_payload",
            "personal fields were erased by destroying their key; amounts and links are whole",
            "none",
            ("payload_edited",),
        ),
        Fault(
            "split_view",
            "a validly signed anchor obtained elsewhere disagrees with the store",
            "restore from a backup that agrees with that anchor",
            ("rehashed_history",),
        ),
        Fault(
            "double_repair",
            "one fault was compensated twice",
            "compensate the second repair",
            ("retry_duplicate",),
        ),
        Fault(
            "clock_skew",
            "recorded times go back while positions go on",
            "order by position, and correct the clock",
            ("reordered", "backdated_insert"),
        ),
    )
}
"""All 34 names, in the catalogue's order."""
