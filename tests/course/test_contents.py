"""The table of contents in notebook 00 names every notebook, links to it, and says which belong to the two days."""

import json
from pathlib import Path
from typing import Any

from esworkbench.course.contents import BEYOND, Entry, as_markdown, contents, minutes
from tests.notebooks.execute import NOTEBOOKS, code_cells, read
from tests.notebooks.test_shape import ALL


def write_notebook(folder: Path, name: str, *cells: tuple[str, str]) -> None:
    written: list[dict[str, Any]] = [{"cell_type": kind, "source": [text]} for kind, text in cells]
    (folder / f"{name}.ipynb").write_text(json.dumps({"cells": written}), encoding="utf-8")


def test_an_entry_is_read_from_its_notebook(tmp_path: Path) -> None:
    first = "# 06 · Snapshots\n\n**Goal:** load.\n\n**Minutes:** about 30, without the exercises. **Before this:** 05."
    write_notebook(
        tmp_path,
        "06_snapshots",
        ("markdown", first),
        ("markdown", "The two marked **essential** belong to the two days."),
        ("markdown", "### dial · **essential**"),
        ("code", "def my_dial(): ...\n\n\nexercises.dial.check(my_dial)"),
        ("markdown", "### proof · beyond"),
        ("code", "def my_proof(): ...\n\n\nexercises.proof.check(my_proof)"),
    )
    write_notebook(tmp_path, "notes", ("markdown", "# 07 · no notebook of the course"))
    assert contents(tmp_path) == [Entry("06_snapshots", "Snapshots", 15, BEYOND, ["dial"])]


def test_minutes_are_counted_from_words_lines_and_exercises_before_what_is_beyond() -> None:
    words = {"cell_type": "markdown", "source": ["word " * 300]}
    lines = {"cell_type": "code", "source": ["x = 1\n\n" * 60]}
    asked = {"cell_type": "code", "source": ["exercises.dial.check(my_dial)"]}
    beyond = {"cell_type": "markdown", "source": ["## Beyond\n\nmore"]}
    assert minutes([words, lines]) == 5  # two minutes and five: seven, in fives
    assert minutes([words, lines, lines, asked]) == 20
    assert minutes([words, lines, lines, asked, beyond, words, lines, lines, asked]) == 20


def test_day_one_is_done_in_six_hours() -> None:
    assert sum(each.minutes for each in contents() if each.day == "day 1") <= 360


def test_every_notebook_is_in_the_table_with_title_and_minutes() -> None:
    entries = contents(NOTEBOOKS)
    assert [each.notebook for each in entries] == [path.stem for path in ALL]
    assert [each.notebook for each in entries if not (each.title and each.minutes)] == []


def test_notebook_00_was_committed_with_the_table_as_it_is_now() -> None:
    (shown,) = [cell for cell in code_cells(read(NOTEBOOKS / "00_start_here.ipynb")) if "contents()" in cell.source]
    assert shown.outputs[0].data["text/markdown"] == as_markdown(contents(NOTEBOOKS)), (
        "run python -m tests.notebooks.execute notebooks/00_start_here.ipynb"
    )
