"""The catalogue's rules as data: how exactly each fault has to be named, and what evidence can't tell it apart from.

Written down from the catalogue of faults by hand, beside the lab and beside the detectors, which don't read it.
"""

from typing import Literal, NamedTuple

Precision = Literal["exact", "covers", "any"]
"""``exact``: just these events. ``covers``: all of them, and others where the evidence only gives a range. ``any``: the
catalogue promises no events, as where there are none, or where no witness kept which."""


class Rule(NamedTuple):
    """``pairs`` are the faults that it may be named beside, the two together being the answer. ``unprovable_without``
    says what evidence would name it alone; without that it may also stand among what was left untested.
    """

    events: Precision = "exact"
    amount: Precision = "exact"
    pairs: tuple[str, ...] = ()
    unprovable_without: str = ""


RULES: dict[str, Rule] = {
    "unresolved_pending": Rule(),
    "retry_duplicate": Rule(pairs=("twin_dropped",)),
    "twin_dropped": Rule(pairs=("gap_skipped", "retry_duplicate", "manual_edit")),
    "never_appended": Rule(
        events="any",
        pairs=("handler_bug", "wrong_upcaster", "half_transfer", "valid_time_shift", "tail_truncated"),
    ),
    "event_deleted": Rule(pairs=("twin_dropped",)),
    "tail_truncated": Rule(
        events="any", amount="any", pairs=("restored_read_model", "never_appended"),
        unprovable_without="an anchor, or a checkpoint from before",
    ),
    "payload_edited": Rule(pairs=("serialization_drift",)),
    "rehashed_history": Rule(
        events="any", amount="any", pairs=("manual_edit", "bad_snapshot", "payload_edited"),
        unprovable_without="an anchor",
    ),
    "reordered": Rule(events="covers", pairs=("bad_snapshot",)),
    "backdated_insert": Rule(pairs=("clock_skew",)),
    "chain_fork": Rule(events="covers"),
    "serialization_drift": Rule(events="covers", pairs=("payload_edited",)),
    "gap_skipped": Rule(pairs=("twin_dropped", "clock_skew")),
    "double_apply": Rule(),
    "lag": Rule(),
    "poison_skipped": Rule(),
    "wrong_upcaster": Rule(pairs=("handler_bug", "never_appended"), unprovable_without="the projection's code"),
    "handler_bug": Rule(
        pairs=("wrong_upcaster", "manual_edit", "never_appended"), unprovable_without="the projection's code"
    ),
    "manual_edit": Rule(
        events="any",
        pairs=("restored_read_model", "handler_bug", "wrong_upcaster", "twin_dropped", "clamped_balance", "rounding"),
    ),
    "restored_read_model": Rule(events="any", pairs=("manual_edit", "tail_truncated")),
    "bad_snapshot": Rule(events="any", pairs=("rehashed_history", "reordered")),
    "stale_snapshot_shape": Rule(events="any", pairs=("bad_snapshot",)),
    "rounding": Rule(pairs=("manual_edit",)),
    "batch_end_stamping": Rule(events="covers", amount="any"),
    "clamped_balance": Rule(events="any", pairs=("manual_edit",)),
    "half_transfer": Rule(pairs=("never_appended",)),
    "lost_update": Rule(amount="any"),
    "mixed_currency": Rule(events="any"),
    "day_boundary": Rule(events="any", amount="any"),
    "valid_time_shift": Rule(events="covers", pairs=("never_appended",)),
    "shredded_payload": Rule(events="covers"),
    "split_view": Rule(events="any", amount="any", unprovable_without="the other anchor"),
    "double_repair": Rule(),
    "settled_otherwise": Rule(),
    "invariant_broken": Rule(amount="any"),
    "event_misfiled": Rule(),
    "checkpoint_moved": Rule(events="any"),
    "row_lost": Rule(events="covers"),
    "index_differs": Rule(events="any", amount="any"),
    "statement_incomplete": Rule(events="covers"),
    "statement_inconsistent": Rule(events="any"),
    "clock_skew": Rule(events="covers", pairs=("gap_skipped",)),
}  # fmt: skip
"""One rule for each fault of the catalogue."""

HEALTHY = ("lag", "serialization_drift", "valid_time_shift", "shredded_payload")
"""What may be said of a bank in which nothing is wrong."""
