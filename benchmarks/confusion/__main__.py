"""``python -m benchmarks.confusion``: build every bank, diagnose it, judge the answer, write CONFUSION.md.

Results are kept as they come; run again, it goes on with what is left, as long as the code is the same.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.confusion.journal import TOP, Journal, this_code
from benchmarks.confusion.processes import all_held
from benchmarks.confusion.report import Run, as_markdown, went_well
from benchmarks.confusion.trials import ENGINES, all_trials

SEEDS, MIXED, CLEAN = 20, 200, 500


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.confusion", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of each single fault on each engine")
    parser.add_argument("--mixed", type=int, default=MIXED, help="banks with two to four faults at once")
    parser.add_argument("--clean", type=int, default=CLEAN, help="healthy banks")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="trials such as 'single/lag/*' or '*/7/sqlite'")
    parser.add_argument("--engine", choices=ENGINES, help="only this engine")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that build and diagnose")
    parser.add_argument("--state", type=Path, default=TOP / ".confusion", help="folder of the results so far")
    parser.add_argument(
        "--report-only", action="store_true", help="write the table of the results so far, hold nothing"
    )
    parser.add_argument("--anew", action="store_true", help="forget the results so far of this very code")
    parser.add_argument("--out", type=Path, default=TOP / "benchmarks" / "CONFUSION.md", help="the report's file")
    chosen = parser.parse_args(arguments)
    engines = (chosen.engine,) if chosen.engine else ENGINES
    trials = all_trials(chosen.seeds, chosen.mixed, chosen.clean, engines=engines, only=chosen.only)
    if not trials:
        parser.error("no trial is named so: those of --only look like single/lag/7/sqlite, mixed/3/postgresql")
    code = this_code()
    journal = Journal(chosen.state, code.digest)
    if chosen.anew:
        journal.path.unlink(missing_ok=True)
    held = journal.held()
    left = [each for each in trials if each.name not in held and not chosen.report_only]
    before = sum(each.name in held for each in trials)
    print(f"{before} of {len(trials)} trials of {code.commit} ({code.digest}) were held before", flush=True)
    for done, one in enumerate(all_held(left, max(1, chosen.workers)), 1):
        journal.append(one)
        held[one.trial] = one
        print(f"{done}/{len(left)} {one.trial}: {'well' if went_well(one) else 'NOT WELL'}", flush=True)
    mine = [held[each.name] for each in trials if each.name in held]
    command = " ".join(["python -m benchmarks.confusion", *(sys.argv[1:] if arguments is None else arguments)])
    planned = Counter(str(each.kind) for each in all_trials(SEEDS, MIXED, CLEAN))
    chosen.out.write_text(as_markdown(Run(code.commit, command, planned, mine)), encoding="utf-8")
    wrong = sum(not went_well(each) for each in mine)
    print(f"{len(mine)} trials, {wrong} of them not as promised: {chosen.out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
