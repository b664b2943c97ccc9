"""The table of contents of the course, read from the notebooks themselves: it can't fall behind them."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from esworkbench.resources import notebooks_path

DAYS = {
    "day 1": ("00", "01", "02", "03", "04", "05"),
    "day 2": ("07", "08", "11", "12", "13", "14"),
}
"""The two-day path, by the notebooks' numbers. All others are ``BEYOND``."""

BEYOND = "beyond"
ESSENTIAL = "**essential**"
"""Marks, in a notebook, the exercises that belong to the two-day path."""

_MINUTES = re.compile(r"\*\*Minutes:\*\* (?:about )?(\d+)")
_CHECKED = re.compile(r"^exercises\.(\w+)\.check\(", re.MULTILINE)


class Entry(NamedTuple):
    """One notebook: its file's name without ``.ipynb``, title, minutes, day of the path, and essential exercises."""

    notebook: str
    title: str
    minutes: int
    day: str
    essential: list[str]


def contents(folder: Path | None = None) -> list[Entry]:
    """An entry for each notebook, in order; ``folder`` defaults to the package's notebooks."""
    return [_entry(path) for path in sorted((folder or notebooks_path()).glob("[0-9][0-9]_*.ipynb"))]


def as_markdown(entries: Iterable[Entry]) -> str:
    """The entries as a table whose first column links to the notebooks beside this one."""
    rows = [
        f"| [{each.notebook[:2]}]({each.notebook}.ipynb) | {each.title} | {each.day} | {each.minutes} "
        f"| {', '.join(f'`{name}`' for name in each.essential)} |"
        for each in entries
    ]
    return "\n".join(
        ["| | notebook | when | minutes | essential exercises |", "| --- | --- | --- | --- | --- |", *rows]
    )


def _entry(path: Path) -> Entry:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = "".join(cells[0]["source"])
    minutes = _MINUTES.search(first)
    title = first.splitlines()[0].removeprefix(f"# {path.stem[:2]} · ")
    day = next((day for day, numbers in DAYS.items() if path.stem[:2] in numbers), BEYOND)
    return Entry(path.stem, title, int(minutes[1]) if minutes else 0, day, list(_essential(cells)))


def _essential(cells: list[dict[str, Any]]) -> Iterator[str]:
    """Names of the exercises whose task, the cell before the check, is marked."""
    for task, check in pairwise(cells):
        if task["cell_type"] == "markdown" and check["cell_type"] == "code" and ESSENTIAL in "".join(task["source"]):
            yield from _CHECKED.findall("".join(check["source"]))
