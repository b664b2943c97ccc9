"""A snapshotter made to be killed: it catches up with the bank's log and kills itself on the way.

Arguments: database URL, folder of the snapshots or ``beside`` for the events' own database, order (``sound`` or
``checkpoint first``), crash point, and how often that point is passed before it strikes.
"""

import sys
from pathlib import Path
from typing import Any

from esworkbench.aggregates.snapshots import SnapshotFolder, Snapshots, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.lab.processes.killed_snapshotter import CheckpointFirst
from esworkbench.snapshotting.background import Snapshotter
from tests.projections.killed_runner import die, die_at

EVERY = 5
CRASH_POINTS = [
    "before a snapshot",
    "after a snapshot",
    "between rows and checkpoint",
    "between checkpoint and log",
    "before the commit",
    "after the commit",
]


class DyingRepository(SnapshottingRepository[BankAccount]):
    """It dies at a snapshot, before or after it is kept."""

    point, left = "", 0

    def take_snapshot(self, aggregate: BankAccount) -> None:
        self._reached("before a snapshot")
        super().take_snapshot(aggregate)
        self._reached("after a snapshot")

    def _reached(self, point: str) -> None:
        if point == self.point:
            if self.left == 0:
                die()
            self.left -= 1


def snapshots_in(place: str, store: EventStore) -> Snapshots:
    return SnapshotStore(store.engine) if place == "beside" else SnapshotFolder(Path(place))


def main(url: str, place: str, order: str, point: str, passes: str) -> None:
    store = EventStore.open(url)
    accounts = DyingRepository(store, BankAccount, bank_decoder(), snapshots=snapshots_in(place, store))
    accounts.point, accounts.left = point, int(passes)
    die_at(store.engine, point, int(passes))
    made: Any = CheckpointFirst if order == "checkpoint first" else Snapshotter
    made(store, accounts, every=EVERY, run_id="killed", batch_size=20).catch_up()


if __name__ == "__main__":
    main(*sys.argv[1:])
