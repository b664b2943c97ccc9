"""``python -m benchmarks.rebuilding``: measure every way to rebuild, write REBUILD.md and rebuild.json."""

import argparse
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
from benchmarks.rebuilding.prepared import Prepared, prepare, prepared
from benchmarks.rebuilding.report import BARE, BASELINE, PEER, Measured, Report, read, write
from esworkbench.event_store import EventStore
from esworkbench.projections.rebuilding import Options

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
PARQUET = "Parquet"


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


FULL = Sizes((100_000, 1_000_000, 10_000_000), 2_000, (1_000_000, 10_000_000, 100_000_000), 300_000, 3)
QUICK = Sizes((2_000, 4_000, 6_000), 200, (20_000, 40_000, 60_000), 2_000, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rebuilding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    parser.add_argument("--rounds", type=int, help="of all sizes but the largest, which has one")
    parser.add_argument(
        "--only", choices=[*ENGINES.values(), PARQUET], help="measure only this, and put it into the report that stands"
    )
    parser.add_argument("--stores", help="millions of events in the stores, such as 0.1,1,10")
    parser.add_argument("--sizes", help="millions of events in the Parquet logs, such as 1,10,100")
    parser.add_argument(
        "--grown", type=Path, help="only measure in the store that benchmarks.rebuilding.prepared left in this folder,"
        " and add it to the report that stands"
    )  # fmt: skip
    parser.add_argument("--data", type=Path, help="folder for the data (default: the temporary folder)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1], help="folder for REBUILD.md, rebuild.json"
    )
    chosen = parser.parse_args(arguments)
    sizes = QUICK if chosen.quick else FULL
    if chosen.stores:
        sizes = sizes._replace(handlers=_millions(chosen.stores))
    if chosen.rounds:
        sizes = sizes._replace(rounds=chosen.rounds)
    if chosen.sizes:
        sizes = sizes._replace(parquet=_millions(chosen.sizes))
    if (chosen.only or chosen.grown) and not (chosen.out / "rebuild.json").is_file():
        parser.error(f"{chosen.out} holds no rebuild.json to add to: measure all of it once, with --quick if need be")
    if chosen.grown and not (chosen.grown / "log.db").is_file():
        parser.error(f"{chosen.grown} holds no log.db: grow one with python -m benchmarks.rebuilding.prepared")
    command = " ".join(["python -m benchmarks.rebuilding", *(sys.argv[1:] if arguments is None else arguments)])
    if chosen.grown:
        add(chosen.grown, command, chosen.out)
    else:
        measure(sizes, chosen.only, command, chosen.data, chosen.out)


def _millions(told: str) -> list[int]:
    return [int(float(each) * 1_000_000) for each in told.split(",")]


def measure(sizes: Sizes, only: str | None, command: str, data: Path | None, out: Path) -> None:
    began = perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    report = read(out) if only else Report([], {}, {}, sizes.rows)
    with Databases(data) as databases:
        run = machine.describe(databases.folder, databases.server) | {"command": command, "of": only or "all"}
        for engine, title in ENGINES.items():
            if only in (None, title):
                report.measured[title] = _by_handlers(databases, engine, sizes)
        if only in (None, PARQUET):
            report.measured[PARQUET] = _by_query(databases.folder / "parquet", sizes)
        if only is None:
            report.filling.update(filling(databases.fresh("postgresql"), sizes.rows))
    run["run_seconds"] = round(perf_counter() - began)
    write(report.with_run(run), out)


def add(grown: Path, command: str, out: Path) -> None:
    """Written after each strategy: an hour's measurement that is stopped keeps what it has."""
    began, report, results = perf_counter(), read(out), Results()
    ready = prepared(grown)
    of = f"{ENGINES['sqlite']}, {ready.events:,} events"
    run = machine.describe(grown, None) | {"command": command, "of": of}
    report = report.with_run(run)

    def keep() -> None:
        run["run_seconds"] = round(perf_counter() - began)
        for strategy, by_size in results.measured.items():
            report.measured[ENGINES["sqlite"]].setdefault(strategy, {}).update(by_size)
        write(report, out)

    _each_way(results, ready, keep)


def _by_handlers(databases: Databases, engine: str, sizes: Sizes) -> Measured:
    url, results = databases.fresh(engine), Results()
    EventStore.open(url).engine.dispose()
    log = GrowingLog(url)
    if peer.missing(engine) is None:
        results.add(PEER, sizes.commit_each, measured(measures.by_peer, databases.fresh(engine), sizes.commit_each))
    for events in sizes.handlers:
        ready = prepare(log, url, events, databases.folder / f"{engine}-{events}")
        for _ in range(sizes.rounds_at(events, sizes.handlers)):
            _each_way(results, ready)
        shutil.rmtree(ready.folder)
    results.add(
        "drop and replay, commit per 1", sizes.commit_each, measured(measures.by_live_runner, url, 1, sizes.commit_each)
    )
    log.close()
    return results.measured


def _each_way(results: "Results", ready: Prepared, after_each: Callable[[], None] = lambda: None) -> None:
    strategies = {
        "bulk": ("bulk", Options()),
        "sharded": ("sharded", Options(workers=2)),
        "set-based": ("set-based", Options()),
        "set-based, cold": ("set-based", Options(cold=ready.cold)),
        "snapshot at nine tenths": ("snapshot", Options(snapshot=ready.snapshot)),
        "cold": ("cold", Options(cold=ready.cold)),
        "plain": ("plain", Options()),
    }
    results.add(BASELINE, ready.events, measured(measures.by_live_runner, ready.url, 1_000, None))
    after_each()
    for name, (strategy, options) in strategies.items():
        results.add(name, ready.events, measured(measures.by_strategy, ready.url, strategy, options))
        after_each()


def _by_query(folder: Path, sizes: Sizes) -> Measured:
    results = Results()
    for events in sizes.parquet:
        files = write_parquet(folder, events)
        for _ in range(sizes.rounds_at(events, sizes.parquet)):
            results.add(BARE, events, measured(measures.by_bare_duckdb, files, folder / "bare"))
            results.add("set-based", events, measured(measures.by_query, files, events, folder / "query"))
            shutil.rmtree(folder / "query")
        shutil.rmtree(folder)
    return results.measured


class Results:
    """Measurements as they come in. Two strategies that give different rows stop the run: one of them is wrong."""

    def __init__(self) -> None:
        self.measured: Measured = {}
        self._rows: dict[int, str] = {}

    def add(self, strategy: str, events: int, took: Took) -> None:
        if took.rows and self._rows.setdefault(events, took.rows) != took.rows:
            raise RuntimeError(f"{strategy!r} gave other rows at {events:,} events: its time means nothing")
        self.measured.setdefault(strategy, {}).setdefault(events, []).append(took)
        rate = events / took.seconds
        told = f"  {strategy:<30} {events:>12,} {took.seconds:>9.2f} s {rate:>12,.0f}/s {took.peak_megabytes:>7,.0f} MB"
        print(told, flush=True)


if __name__ == "__main__":
    main()
