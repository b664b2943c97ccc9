"""``python -m benchmarks``: run everything, write RESULTS.md and results.json beside this file."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks import machine, peer
from benchmarks.databases import Databases
from benchmarks.experiments import ENGINES, FULL, QUICK, Sizes, all_experiments
from benchmarks.report import as_data, as_markdown
from benchmarks.rounds import Measured, run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds of little work, to see that it runs")
    parser.add_argument("--only", metavar="WORDS", default="", help="only experiments with these words in their title")
    parser.add_argument("--data", type=Path, help="folder for the SQLite files (default: the temporary folder)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for RESULTS.md, results.json")
    chosen = parser.parse_args(arguments)
    command = " ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)])
    measure(
        QUICK if chosen.quick else FULL,
        out=chosen.out,
        data=chosen.data,
        command=command,
        only=chosen.only,
        tell=lambda line: print(line, flush=True),
    )


def measure(
    sizes: Sizes, *, out: Path, data: Path | None, command: str, only: str, tell: Callable[[str], None]
) -> list[Measured]:
    """Every experiment whose title holds ``only``; the report and the raw seconds go to the folder ``out``."""
    started = perf_counter()
    notes = [f"The peer was not measured on {engine}: {lack}." for engine in ENGINES if (lack := peer.missing(engine))]
    results = []
    with Databases(data) as databases:
        found = machine.describe(databases.folder, databases.server)
        for title, make in all_experiments(databases, sizes):
            if only.lower() in title.lower():
                tell(title)
                results.append(run(make(), sizes.rounds, tell))
    if not results:
        raise SystemExit(f"no experiment has {only!r} in its title")
    found["run_seconds"] = round(perf_counter() - started)
    (out / "RESULTS.md").write_text(as_markdown(command, found, results, notes), encoding="utf-8")
    written = json.dumps(as_data(command, found, results, notes), indent=1)
    (out / "results.json").write_text(written + "\n", encoding="utf-8")
    for note in notes:
        tell(note)
    tell(f"written in {found['run_seconds']} s: RESULTS.md and results.json")
    return results


if __name__ == "__main__":
    main()
