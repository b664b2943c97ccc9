"""The proof that a snapshot and the events after it give what all the events give."""

import logging
from random import Random
from typing import Any

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.snapshots.snapshot import state_as_kept
from esworkbench.errors import SnapshotDisagrees

logger = logging.getLogger(__name__)


class SnapshotProof:
    """How often a load from a snapshot is held against the fold of every event, and what a difference leads to.

    ``share`` of such loads, 0 to 1, are proved, drawn from ``random``, which only a share between the two needs. With
    ``raises`` a difference ends the load with SnapshotDisagrees: for tests, where it must stop somebody. Without it,
    for production, the fold of every event is the answer, and the difference is logged as an error and counted in
    ``disagreed``: refusing an account whose right state is at hand would protect nobody, while the unproved loads go
    on. ``proved`` counts the proofs; both are what a monitor should watch.
    """

    def __init__(self, share: float = 1.0, *, random: Random | None = None, raises: bool = True) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share must lie between 0 and 1, not {share}")
        if 0 < share < 1 and random is None:
            raise ValueError(f"a share of {share} is drawn by chance: hand in random.Random(seed)")
        self.share = share
        self.raises = raises
        self.proved = 0
        self.disagreed = 0
        self._random = random

    def is_due(self) -> bool:
        """Whether the load at hand is to be proved."""
        if self._random is None:
            return self.share == 1
        return self._random.random() < self.share

    def holds(self, from_snapshot: Aggregate, whole: Aggregate) -> bool:
        """Whether the two, of one version, agree. Raises SnapshotDisagrees if they don't and ``raises`` is set."""
        self.proved += 1
        kept, folded = state_as_kept(from_snapshot), state_as_kept(whole)
        if kept == folded:
            return True
        self.disagreed += 1
        assert from_snapshot.snapshot_version is not None
        disagreement = SnapshotDisagrees(
            whole.stream_id, from_snapshot.snapshot_version, whole.version, _differences(kept, folded)
        )
        if self.raises:
            raise disagreement
        logger.error("%s", disagreement)
        return False


def _differences(kept: dict[str, Any], folded: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that differ: what the snapshot leads to, and what the events say; None where one lacks the field."""
    return {
        field: (kept.get(field), folded.get(field))
        for field in [*folded, *(field for field in kept if field not in folded)]
        if kept.get(field) != folded.get(field)
    }
