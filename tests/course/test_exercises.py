"""Every notebook asks its exercises, each with its stub, in the words of its task."""

import importlib
import pkgutil
from itertools import pairwise
from pathlib import Path

import pytest

from esworkbench import course
from esworkbench.course.contents import DAYS, Entry, contents
from esworkbench.course.grader.exercise import Exercises
from tests.notebooks.execute import code_cells, read
from tests.notebooks.test_shape import ALL, WITHOUT_EXERCISES

FEWEST = 4
ESSENTIAL = 2


def exercises_of(module: str) -> Exercises:
    found = importlib.import_module(f"esworkbench.course.{module}").exercises
    assert isinstance(found, Exercises)
    return found


MODULES = [module.name for module in pkgutil.iter_modules(course.__path__) if module.name[:2] == "nb"]


@pytest.fixture(params=[path for path in ALL if path.stem[:2] not in WITHOUT_EXERCISES], ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_a_notebook_asks_its_exercises(path: Path) -> None:
    """Each in a cell of its own with its stub and its check, after a cell that says what is asked."""
    assert f"nb{path.stem}" in MODULES, f"{path.stem} has no exercises: write them in esworkbench/course/nb{path.stem}"
    exercises = exercises_of(f"nb{path.stem}")
    assert len(exercises) >= FEWEST
    pairs = list(pairwise(read(path).cells))
    for exercise in exercises:
        asked = [before for before, cell in pairs if f"exercises.{exercise.name}.check(" in cell.source]
        assert [before.cell_type for before in asked] == ["markdown"], exercise.name


def test_a_notebook_asks_each_exercise_in_the_words_of_its_task(path: Path) -> None:
    for before, cell in pairwise(read(path).cells):
        for exercise in exercises_of(f"nb{path.stem}"):
            if f"exercises.{exercise.name}.check(" in cell.source:
                heading, _, asked = before.source.rpartition("### ")[2].partition("\n\n")
                assert (heading.partition(" · ")[0], asked) == (exercise.name, exercise.task)


def test_an_untouched_notebook_says_that_nothing_was_attempted(path: Path) -> None:
    said = [
        output.data["text/markdown"]
        for cell in code_cells(read(path))
        if ".check(" in cell.source and "exercises." in cell.source
        for output in cell.outputs
    ]
    exercises = exercises_of(f"nb{path.stem}")
    assert [text.partition(":")[0] for text in said] == [f"… **{each.name}** is not attempted" for each in exercises]


def test_a_notebook_is_broken_before_it_ends(path: Path) -> None:
    heads = [cell.source.splitlines()[0] for cell in read(path).cells if cell.source.startswith("## ")]
    assert "## Break it" in heads
    assert heads[-1] == "## What to take along"


ON_THE_PATH = [
    each
    for each in contents()
    if each.notebook[:2] in sum(DAYS.values(), ()) and each.notebook[:2] not in WITHOUT_EXERCISES
]


@pytest.mark.parametrize("entry", ON_THE_PATH, ids=lambda entry: entry.notebook)
def test_two_exercises_of_a_notebook_on_the_two_day_path_are_essential(entry: Entry) -> None:
    known = {exercise.name for exercise in exercises_of(f"nb{entry.notebook}")}
    assert len(set(entry.essential) & known) == ESSENTIAL, entry.essential


def test_every_module_of_exercises_has_its_notebook() -> None:
    assert {module.removeprefix("nb") for module in MODULES} == {path.stem for path in ALL} - {
        path.stem for path in ALL if path.stem[:2] in WITHOUT_EXERCISES
    }


def test_a_notebook_holds_each_stub_and_its_check(path: Path) -> None:
    cells = [cell.source for cell in code_cells(read(path))]
    for exercise in exercises_of(f"nb{path.stem}"):
        assert f"{exercise.stub}\n\n\nexercises.{exercise.name}.check({exercise.asked})" in cells, exercise.name
