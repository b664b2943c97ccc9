"""Snapshots: a state kept so that loading needs only the events after it. Never the truth, always safe to delete.

Every snapshot says which shape of state it holds and which shapes of events it was folded from. One that today's code
can't vouch for is passed over, never guessed at. Older snapshots are kept: beside the events they are what a wrong one
is found by. (Greg Young, *Versioning in an Event Sourced System*, chapter on snapshots.)

- `snapshot`: what a snapshot is, and what is asked of a place that keeps them
- `repository`: the repository that loads from them
- `aggregate_snapshots`: which of them may be used
- `migrations`: from an older shape of state to today's
- `proof`: holding a load against the fold of every event
- `store`: kept in a table
- `table`: that table
- `folder`: kept as files
"""

from esworkbench.aggregates.snapshots.aggregate_snapshots import AggregateSnapshots
from esworkbench.aggregates.snapshots.folder import SnapshotFolder
from esworkbench.aggregates.snapshots.proof import SnapshotProof
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.aggregates.snapshots.snapshot import Snapshot, Snapshots
from esworkbench.aggregates.snapshots.store import SnapshotStore

__all__ = [
    "AggregateSnapshots",
    "Snapshot",
    "SnapshotFolder",
    "SnapshotProof",
    "SnapshotStore",
    "Snapshots",
    "SnapshottingRepository",
]
