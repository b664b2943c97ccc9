"""REBUILD.md: what was measured, as tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.rebuilding.line import Line, through
from benchmarks.rebuilding.measures import Took

Measured = dict[str, dict[int, list[Took]]]
"""By strategy, then by size in events: every round's measurement."""

PEER, BASELINE, BARE = "peer: commit per 1", "drop and replay", "bare DuckDB"
AIM_BARE, AIM_PEER = 0.8, 1000


class Report(NamedTuple):
    """All that was measured: the machine at each run, seconds by title, and of filling a table of so many rows.

    A run says what it is ``of``, such as ``SQLite``.
    """

    runs: list[dict[str, Any]]
    measured: dict[str, Measured]
    filling: dict[str, float]
    rows: int

    def with_run(self, run: dict[str, Any]) -> "Report":
        """Runs whose measurements this one replaces are told no more."""
        return self._replace(runs=[*(each for each in self.runs if not each["of"].startswith(run["of"])), run])


def write(report: Report, folder: Path) -> None:
    (folder / "REBUILD.md").write_text(as_markdown(report), encoding="utf-8")
    (folder / "rebuild.json").write_text(json.dumps(report._asdict(), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Report:
    found = Report(**json.loads((folder / "rebuild.json").read_text(encoding="utf-8")))
    by_title = {
        title: {
            strategy: {int(events): [Took(*took) for took in rounds] for events, rounds in by_size.items()}
            for strategy, by_size in measured.items()
        }
        for title, measured in found.measured.items()
    }
    return found._replace(measured=by_title)


def as_markdown(report: Report) -> str:
    lines = ["# Rebuilding", ""]
    for run in report.runs:
        lines += [
            f"{run['of']}: `{run['command']}` on {run['cpu']}, {run['cores']} cores,"
            f" load at start {run['load_at_start'][0]:.1f},"
            f" {run['run_seconds']} s in all.\\"
        ]
    lines += ["Seconds are the median round's. Memory is the process's peak; of a sharded rebuild, the parent's."]
    for title, measured in report.measured.items():
        lines += ["", f"## {title}", "", *_table(measured), "", *_lines(measured)]
    lines += ["", "## Indexes on PostgreSQL", ""]
    lines += [f"{report.rows:,} rows into a table with a key and two more indexes.", ""]
    lines += ["| | seconds | gain |", "| --- | ---: | ---: |"]
    first = next(iter(report.filling.values()))
    lines += [f"| {name} | {seconds:.2f} | {first / seconds:.1f} |" for name, seconds in report.filling.items()]
    lines += ["", "## Aims", "", *_aims(report.measured), "", *_claim(report.filling)]
    return "\n".join(lines) + "\n"


def _table(measured: Measured) -> list[str]:
    limit = BASELINE if BASELINE in measured else BARE
    lines = [f"| | events | seconds (least–most) | events/s | to {limit} | read, fold, write s | peak MB |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for strategy, by_size in measured.items():
        for events, rounds in by_size.items():
            seconds = sorted(took.seconds for took in rounds)
            middle = median(seconds)
            parts = ", ".join(f"{part:.2f}" for part in rounds[-1].parts) if rounds[-1].parts else ""
            beside = measured[limit].get(events)
            gain = f"{median(took.seconds for took in beside) / middle:.2f}" if beside and strategy != limit else ""
            lines.append(
                f"| {strategy} | {events:,} | {middle:.2f} ({seconds[0]:.2f}–{seconds[-1]:.2f}) |"
                f" {events / middle:,.0f} | {gain} | {parts} | {max(took.peak_megabytes for took in rounds):,.0f} |"
            )
    return lines


def line_of(by_size: dict[int, list[Took]]) -> Line | None:
    return through([(events, median(took.seconds for took in rounds)) for events, rounds in by_size.items()])


def _lines(measured: Measured) -> list[str]:
    lines = ["| | largest miss of the line | two billion events | by the flattest and steepest slope |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for strategy, by_size in measured.items():
        line = line_of(by_size)
        if line is not None:
            between = f"{_long(line.lowest)} to {_long(line.highest)}"
            lines.append(f"| {strategy} | {line.bend:.0%} | {_long(line.seconds)} | {between} |")
    return lines if len(lines) > 2 else []


def _aims(by_title: dict[str, Measured]) -> list[str]:
    lines = []
    parquet = by_title.get("Parquet", {})
    for events, rounds in parquet.get("set-based", {}).items():
        bare = median(took.seconds for took in parquet[BARE][events])
        ratio = bare / median(took.seconds for took in rounds)
        lines.append(f"- {ratio:.2f} of bare DuckDB at {events:,} events (aim {AIM_BARE}): {_met(ratio >= AIM_BARE)}")
        for title, measured in by_title.items():
            for size, peers in measured.get(PEER, {}).items():
                times = (events / median(took.seconds for took in rounds)) / (size / median(p.seconds for p in peers))
                lines.append(
                    f"- {times:,.0f} times the peer's follower on {title} (aim {AIM_PEER:,}): {_met(times >= AIM_PEER)}"
                )
    return lines


def _claim(filling: dict[str, float]) -> list[str]:
    seconds: Sequence[float] = list(filling.values())
    return [
        "The text says that dropping indexes and copying in bulk often takes a rebuild from 6 hours to 40 minutes: that"
        f" would be 9 times as fast. Here it takes the *filling of the table* from {seconds[0]:.1f} s to"
        f" {seconds[-1]:.1f} s, {seconds[0] / seconds[-1]:.1f} times; a rebuild also reads and folds, which indexes"
        " don't change."
    ]


def _met(met: bool) -> str:
    return "met" if met else "**missed**"


def _long(seconds: float) -> str:
    if seconds < 0:
        return "below 0"
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
