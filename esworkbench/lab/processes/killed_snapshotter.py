"""A snapshotter in a process of its own, killed while it takes the bank's snapshots into a folder.

The child says on standard output that it is about to keep the snapshot it was told to die at, and waits there for
the parent's SIGKILL. So it dies exactly there, on every machine, and no clock is involved.
"""

import subprocess
import sys
from pathlib import Path

import msgspec

from esworkbench.aggregates.snapshots import SnapshotFolder
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.snapshotting.background import Snapshotter

REACHED = "reached"


class SnapshotterTask(msgspec.Struct):
    """What the child is to do. The URL may hold a password, so it travels on standard input, never as an argument."""

    url: str
    folder: str
    every: int
    kept_before: int
    checkpoint_first: bool


class CheckpointFirst(Snapshotter[BankAccount]):
    """Naive: says that a batch is done, and then does it. Killed between the two, it loses snapshots."""

    def run_once(self) -> int:
        after = self.checkpoint()
        batch = self._store.read_all(after=after, limit=self._batch_size)
        if batch:
            self._save(after, batch[-1].global_position, parked=[])
            self._take_due(batch)
        return len(batch)


class DyingRepository(SnapshottingRepository[BankAccount]):
    """Keeps ``left`` more snapshots, and stops before the next one."""

    left = 0

    def take_snapshot(self, aggregate: BankAccount) -> None:
        if self.left == 0:
            print(REACHED, flush=True)
            sys.stdin.buffer.read()
        self.left -= 1
        super().take_snapshot(aggregate)


def run_and_kill(url: str, folder: Path, *, every: int, kept_before: int, checkpoint_first: bool = False) -> int:
    """Start the child and kill it when it has kept ``kept_before`` snapshots. Returns its exit code, -9 on POSIX.

    Raises RuntimeError if it ended before that.
    """
    task = SnapshotterTask(url, str(folder), every, kept_before, checkpoint_first)
    command = [sys.executable, "-m", "esworkbench.lab.processes.killed_snapshotter"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(task) + b"\n")
        child.stdin.flush()
        said = child.stdout.readline().decode("utf-8").strip()
        child.kill()
    if said != REACHED:
        raise RuntimeError(f"the snapshotter to be killed ended before it had kept {kept_before} snapshots")
    return child.returncode


def main() -> None:
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=SnapshotterTask)
    store = EventStore.open(task.url, create=False)
    accounts = DyingRepository(store, BankAccount, bank_decoder(), snapshots=SnapshotFolder(Path(task.folder)))
    accounts.left = task.kept_before
    snapshotter = CheckpointFirst if task.checkpoint_first else Snapshotter
    snapshotter(store, accounts, every=task.every, run_id="killed").catch_up()


if __name__ == "__main__":
    main()
