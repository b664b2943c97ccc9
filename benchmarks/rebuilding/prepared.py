"""A store grown to a size, and beside it what some ways need: a snapshot at nine tenths, archives of those nine.

``python -m benchmarks.rebuilding.prepared FOLDER MILLIONS`` does it for SQLite ahead of a run that would take too long
in one piece.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.rebuilding.logs import GrowingLog
from benchmarks.rebuilding.measures import BALANCES
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.projections.rebuilding import archive_events, rebuild, take_snapshot

ARCHIVE = 10_000_000
"""Events of one archive at most: each is sorted by itself."""


class Prepared(NamedTuple):
    """Where it all is. ``folder`` holds ``snapshot`` and ``cold-1``, ``cold-2`` and so on."""

    url: str
    events: int
    folder: Path

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshot"

    @property
    def cold(self) -> list[Path]:
        return sorted(self.folder.glob("cold-*"))


def prepared(folder: Path) -> Prepared:
    """What the command of this module left in a folder."""
    url = f"sqlite:///{folder / 'log.db'}"
    store = EventStore.open(url, create=False)
    events = store.head_position()
    store.engine.dispose()
    return Prepared(url, events, folder / "beside")


def prepare(log: GrowingLog, url: str, events: int, folder: Path) -> Prepared:
    """Grow the log and fill the new folder. Raises FileExistsError for a log that was past its nine tenths before."""
    store, ready = EventStore.open(url), Prepared(url, events, folder)
    nine_tenths = events * 9 // 10
    for millions in range(ARCHIVE, nine_tenths, ARCHIVE):
        log.grow_to(millions)
        print(f"  {millions:,} events", flush=True)
    log.grow_to(nine_tenths)
    folder.mkdir()
    rebuild(store, BALANCES, strategy="set-based")
    take_snapshot(store, AccountBalances(), ready.snapshot)
    log.grow_to(events)
    for number, after in enumerate(range(0, nine_tenths, ARCHIVE), start=1):
        archive_events(store, min(after + ARCHIVE, nine_tenths), folder / f"cold-{number:03d}", after=after)
        print(f"  archive {number}", flush=True)
    store.engine.dispose()
    return ready


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rebuilding.prepared", description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder, or one whose log was stopped before nine tenths")
    parser.add_argument("millions", type=float, help="events, such as 100")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(exist_ok=True)
    url = f"sqlite:///{chosen.folder / 'log.db'}"
    EventStore.open(url).engine.dispose()
    log = GrowingLog(url)
    prepare(log, url, int(chosen.millions * 1_000_000), chosen.folder / "beside")
    log.close()


if __name__ == "__main__":
    main()
