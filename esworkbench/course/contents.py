"""The table of contents of the course, read from the notebooks themselves: it can't fall behind them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
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

BEYOND_HEADING = "## Beyond"
"""What stands below it in a notebook is for later, and isn't counted in its minutes."""

WORDS_A_MINUTE, LINES_A_MINUTE, MINUTES_AN_EXERCISE = 150, 12, 8

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


def minutes(cells: Iterable[Mapping[str, Any]]) -> int:
    """About how long a notebook takes, from its size: words read, lines of code read, exercises done; in fives.

    An estimate for somebody who reads every line once and tries everything, and nothing that anybody measured.
    """
    words = lines = exercises = 0
    for cell in cells:
        text = "".join(cell["source"])
        if text.startswith(BEYOND_HEADING):
            break
        if cell["cell_type"] == "markdown":
            words += len(text.split())
        else:
            lines += sum(bool(line.strip()) for line in text.splitlines())
            exercises += len(_CHECKED.findall(text))
    exact = words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + exercises * MINUTES_AN_EXERCISE
    return max(5, round(exact / 5) * 5)


def _entry(path: Path) -> Entry:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = "".join(cells[0]["source"])
    title = first.splitlines()[0].removeprefix(f"# {path.stem[:2]} · ")
    day = next((day for day, numbers in DAYS.items() if path.stem[:2] in numbers), BEYOND)
    return Entry(path.stem, title, minutes(cells), day, list(_essential(cells)))


def _essential(cells: list[dict[str, Any]]) -> Iterator[str]:
    """Names of the exercises whose task, the cell before the check, is marked."""
    for task, check in pairwise(cells):
        if task["cell_type"] == "markdown" and check["cell_type"] == "code" and ESSENTIAL in "".join(task["source"]):
            yield from _CHECKED.findall("".join(check["source"]))
