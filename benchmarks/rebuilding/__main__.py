"""``python -m benchmarks.rebuilding``: measure every way to rebuild, write REBUILD.md and rebuild.json."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks import machine, peer
from benchmarks.databases import Databases
from benchmarks.rebuilding import measures
from benchmarks.rebuilding.indexes import filling
from benchmarks.rebuilding.logs import GrowingLog, write_parquet
from benchmarks.rebuilding.measures import Took, measured
from benchmarks.rebuilding.report import BARE, BASELINE, PEER, Measured, as_markdown
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.projections.rebuilding import Options, archive_events, take_snapshot

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Sizes(NamedTuple):
    """Events: of the logs that handlers replay, of those with a commit per event, of the Parquet; and table rows."""

    handlers: Sequence[int]
    commit_each: int
    parquet: Sequence[int]
    rows: int
    rounds: int

    def rounds_at(self, events: int, sizes: Sequence[int]) -> int:
        """One at the largest size: it takes ten times as long, and noise weighs a tenth as much."""
        return 1 if events == max(sizes) else self.rounds


FULL = Sizes((100_000, 300_000, 1_000_000), 2_000, (1_000_000, 10_000_000, 100_000_000), 300_000, 3)
QUICK = Sizes((2_000, 4_000, 6_000), 200, (20_000, 40_000, 60_000), 2_000, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rebuilding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    parser.add_argument("--stores", help="millions of events in the stores, such as 0.1,1,10")
    parser.add_argument("--sizes", help="millions of events in the Parquet logs, such as 1,10,100")
    parser.add_argument("--data", type=Path, help="folder for the data (default: the temporary folder)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1], help="folder for REBUILD.md, rebuild.json"
    )
    chosen = parser.parse_args(arguments)
    sizes = QUICK if chosen.quick else FULL
    if chosen.stores:
        sizes = sizes._replace(handlers=_millions(chosen.stores))
    if chosen.sizes:
        sizes = sizes._replace(parquet=_millions(chosen.sizes))
    command = " ".join(["python -m benchmarks.rebuilding", *(sys.argv[1:] if arguments is None else arguments)])
    measure(sizes, command, chosen.data, chosen.out, tell=lambda line: print(line, flush=True))


def _millions(told: str) -> list[int]:
    return [int(float(each) * 1_000_000) for each in told.split(",")]


def measure(sizes: Sizes, command: str, data: Path | None, out: Path, tell: Callable[[str], None]) -> None:
    began = perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    with Databases(data) as databases:
        found = machine.describe(databases.folder, databases.server) | {"command": command}
        by_title = {title: _by_handlers(databases, engine, sizes, tell) for engine, title in ENGINES.items()}
        by_title["Parquet"] = _by_query(databases.folder / "parquet", sizes, tell)
        filled = filling(databases.fresh("postgresql"), sizes.rows)
    found["run_seconds"] = round(perf_counter() - began)
    (out / "REBUILD.md").write_text(as_markdown(found, by_title, filled, sizes.rows), encoding="utf-8")
    raw = {"machine": found, "measured": by_title, "filling": filled}
    (out / "rebuild.json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    tell(f"written in {found['run_seconds']} s: REBUILD.md and rebuild.json")


def _by_handlers(databases: Databases, engine: str, sizes: Sizes, tell: Callable[[str], None]) -> Measured:
    url = databases.fresh(engine)
    store, results = EventStore.open(url), Results(tell)
    log = GrowingLog(url)
    if peer.missing(engine) is None:
        results.add(PEER, sizes.commit_each, measured(measures.by_peer, databases.fresh(engine), sizes.commit_each))
    for events in sizes.handlers:
        log.grow_to(events)
        folder = databases.folder / f"{engine}-{events}"
        folder.mkdir()
        nine_tenths = events * 9 // 10
        cold = [folder / "cold"]
        archive_events(store, nine_tenths, cold[0])
        measured(measures.by_live_runner, url, 20_000, nine_tenths)
        take_snapshot(store, AccountBalances(), folder / "snapshot")
        ways = {
            "plain": ("plain", Options()),
            "bulk": ("bulk", Options()),
            "sharded": ("sharded", Options(workers=2)),
            "cold": ("cold", Options(cold=cold)),
            "set-based": ("set-based", Options()),
            "set-based, cold": ("set-based", Options(cold=cold)),
            "snapshot at nine tenths": ("snapshot", Options(snapshot=folder / "snapshot")),
        }
        for _ in range(sizes.rounds_at(events, sizes.handlers)):
            results.add(BASELINE, events, measured(measures.by_live_runner, url, 1_000, None))
            for name, (way, options) in ways.items():
                results.add(name, events, measured(measures.by_way, url, way, options))
        shutil.rmtree(folder)
    results.add(
        "drop and replay, commit per 1", sizes.commit_each, measured(measures.by_live_runner, url, 1, sizes.commit_each)
    )
    log.close()
    store.engine.dispose()
    return results.measured


def _by_query(folder: Path, sizes: Sizes, tell: Callable[[str], None]) -> Measured:
    results = Results(tell)
    for events in sizes.parquet:
        files = write_parquet(folder, events)
        for _ in range(sizes.rounds_at(events, sizes.parquet)):
            results.add(BARE, events, measured(measures.by_bare_duckdb, files, folder / "bare"))
            results.add("set-based", events, measured(measures.by_query, files, events, folder / "query"))
            shutil.rmtree(folder / "query")
        shutil.rmtree(folder)
    return results.measured


class Results:
    """Measurements as they come in. Two ways that give different rows stop the run: one of them is wrong."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.measured: Measured = {}
        self._rows: dict[int, str] = {}
        self._tell = tell

    def add(self, way: str, events: int, took: Took) -> None:
        if took.rows and self._rows.setdefault(events, took.rows) != took.rows:
            raise RuntimeError(f"{way!r} gave other rows at {events:,} events: its time means nothing")
        self.measured.setdefault(way, {}).setdefault(events, []).append(took)
        rate = events / took.seconds
        self._tell(f"  {way:<30} {events:>12,} {took.seconds:>9.2f} s {rate:>12,.0f}/s {took.peak_megabytes:>7,.0f} MB")


if __name__ == "__main__":
    main()
