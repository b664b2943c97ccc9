"""The snapshotter that notebook 04 kills dies where it is told to; the sound one loses nothing, the naive one does."""

from pathlib import Path

import pytest

from esworkbench.aggregates.snapshots import SnapshotFolder, SnapshotProof
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.lab.processes.killed_snapshotter import run_and_kill
from esworkbench.lab.stream_profiles import deposits
from esworkbench.snapshotting.background import Snapshotter

EVERY = 10
STREAMS = [f"BankAccount-{name}" for name in "abcd"]


@pytest.mark.parametrize(("checkpoint_first", "kept_in_the_end"), [(False, 4), (True, 1)])
def test_killed_after_its_first_snapshot(
    store_url: str, tmp_path: Path, checkpoint_first: bool, kept_in_the_end: int
) -> None:
    store = EventStore.open(store_url)
    for stream in STREAMS:
        store.append(stream, deposits(EVERY), expected_version=0)
    snapshots = SnapshotFolder(tmp_path)

    def kept() -> int:
        return sum(1 for stream in STREAMS for _ in snapshots.candidates(stream))

    code = run_and_kill(store_url, tmp_path, every=EVERY, kept_before=1, checkpoint_first=checkpoint_first)
    assert (code, kept()) == (-9, 1)
    accounts = SnapshottingRepository(store, BankAccount, bank_decoder(), snapshots=snapshots, proof=SnapshotProof())
    survivor = Snapshotter(store, accounts, every=EVERY, run_id="survivor")
    assert survivor.checkpoint() == (store.head_position() if checkpoint_first else 0)
    survivor.catch_up()
    assert kept() == kept_in_the_end
    for stream in STREAMS:
        accounts.load(stream.removeprefix("BankAccount-"))
    store.engine.dispose()


def test_one_that_has_less_to_keep_is_told_of(sqlite_url: str, tmp_path: Path) -> None:
    EventStore.open(sqlite_url)
    with pytest.raises(RuntimeError, match="ended before it had kept 1 snapshots"):
        run_and_kill(sqlite_url, tmp_path, every=EVERY, kept_before=1)
