"""What a learner has tried and solved: attempts are kept as they happen, and the table is derived from them.

The record is a file of JSON lines beside the notebooks' work. It stays on the learner's machine: a trainer sees what
the learner exports, and nothing else.
"""

import importlib
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from esworkbench.course.contents import contents
from esworkbench.course.workspace import work_folder
from esworkbench.errors import UnusableInput
from esworkbench.kept_files import append_line, decoded, read_kept

RECORD = "progress.jsonl"


class Attempt(msgspec.Struct, frozen=True):
    """One answer that was checked: of which exercise (``"02.append"``), with which outcome, when (UTC)."""

    exercise: str
    outcome: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]


class Row(NamedTuple):
    """One exercise: how often it was tried, and when it was solved first; None: not yet."""

    notebook: str
    exercise: str
    essential: bool
    attempts: int
    solved: datetime | None


def keep(attempt: Attempt, folder: Path | None = None) -> None:
    """Append the attempt to the record in ``folder``, by default the notebooks' work folder.

    Raises OSError, and UnusableInput where it is no file.
    """
    append_line((folder or work_folder()) / RECORD, msgspec.json.encode(attempt))


def attempts(folder: Path | None = None) -> list[Attempt]:
    """Every attempt on record, oldest first; of a line that was cut off in writing, nothing.

    Raises UnusableInput where the record can't be read, naming the line.
    """
    path = (folder or work_folder()) / RECORD
    try:
        lines = read_kept(path).split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found.append(decoded(line, Attempt))
        except (ValueError, RecursionError) as error:
            if line.startswith(b'{"exercise"') and not line.endswith(b"}"):
                continue  # cut off: whoever was killed while writing it had seen the verdict, and can check again
            raise UnusableInput(f"line {number} of {path} is no attempt ({error}): remove it, or the file") from None
    return found


def progress(folder: Path | None = None) -> list[Row]:
    """A row for each exercise of the course, in its order."""
    return derive(attempts(folder))


def as_markdown(rows: Iterable[Row]) -> str:
    """A line for each notebook: how many of its exercises are solved, and which essential ones are not yet."""
    lines = ["| notebook | solved | essential ones to go |", "| --- | --- | --- |"]
    for notebook, of_it in groupby(rows, key=lambda row: row.notebook):
        asked = list(of_it)
        solved = sum(row.solved is not None for row in asked)
        to_go = ", ".join(f"`{row.exercise}`" for row in asked if row.essential and not row.solved)
        lines.append(f"| [{notebook}]({notebook}.ipynb) | {solved} of {len(asked)} | {to_go} |")
    return "\n".join(lines)


def derive(tried: Iterable[Attempt]) -> list[Row]:
    """The table that these attempts make."""
    by_exercise: dict[str, list[Attempt]] = {}
    for attempt in tried:
        by_exercise.setdefault(attempt.exercise, []).append(attempt)
    rows = []
    for entry in contents():
        for name in _exercises_of(entry.notebook):
            of_it = by_exercise.get(f"{entry.notebook[:2]}.{name}", [])
            solved = min((attempt.at for attempt in of_it if attempt.outcome == "correct"), default=None)
            rows.append(Row(entry.notebook, name, name in entry.essential, len(of_it), solved))
    return rows


def _exercises_of(notebook: str) -> list[str]:
    try:
        module = importlib.import_module(f"esworkbench.course.nb{notebook}")
    except ModuleNotFoundError:
        return []
    return [exercise.name for exercise in module.exercises]
