"""The levels of a drill: which faults may be drawn, in which time, with how much help."""

from random import Random
from typing import NamedTuple

from esworkbench.lab import FAULTS

ANY = tuple(name for name in FAULTS if name != "none")
"""All of the catalogue: a drill's bank is a SQLite file, so that every fault can be planted in it, and found."""

HARD = (
    "twin_dropped", "wrong_upcaster", "batch_end_stamping", "clamped_balance", "mixed_currency", "day_boundary",
    "restored_read_model", "checkpoint_moved", "bad_snapshot", "rehashed_history", "backdated_insert", "split_view",
    "never_appended", "clock_skew",
)  # fmt: skip
"""Those that nothing proves by itself: they are told from a look-alike by what is missing, or by a witness that has to
be sought."""


class Level(NamedTuple):
    """``faults`` may be drawn. ``hints`` counts those on offer.

    Where ``complaint_in_full`` is False, the customer only says which account is wrong: neither what it should hold
    nor what the app is off by. The bank's statement lies in the outside folder at every level.
    """

    faults: tuple[str, ...]
    minutes: int
    hints: int
    complaint_in_full: bool


LEVELS = {
    1: Level(("unresolved_pending", "double_apply", "event_deleted", "payload_edited"), 60, 3, complaint_in_full=True),
    2: Level(tuple(name for name in ANY if name not in HARD), 45, 3, complaint_in_full=True),
    3: Level(ANY, 45, 2, complaint_in_full=False),
    4: Level(ANY, 20, 1, complaint_in_full=False),
}
"""The first draws among faults that one question to the evidence proves."""


def drawn_fault(level: int, seed: int) -> str:
    """The fault of this level and seed: the same for a whole class, and not to be guessed from either."""
    return Random(f"{seed}/drill").choice(LEVELS[level].faults)
