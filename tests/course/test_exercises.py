"""Every exercise tells an untouched stub, the reference and each known mistake apart, each mistake with its own hint."""

import importlib
import pkgutil
from typing import Any

import pytest

from esworkbench import course
from esworkbench.lab.exercises import Exercise, Exercises, Outcome
from tests.notebooks.execute import code_cells, read
from tests.notebooks.test_shape import ALL

FEWEST = 4
FEWEST_MISTAKES = 2


def exercises_of(module: str) -> Exercises:
    found = importlib.import_module(f"esworkbench.course.{module}").exercises
    assert isinstance(found, Exercises)
    return found


MODULES = [module.name for module in pkgutil.iter_modules(course.__path__) if module.name[:2] == "nb"]
EVERY = [(module, exercise) for module in MODULES for exercise in exercises_of(module)]


@pytest.fixture(params=EVERY, ids=lambda pair: f"{pair[0]}.{pair[1].name}")
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return request.param[1]


def test_the_stub_is_not_attempted(exercise: Exercise) -> None:
    assert exercise.judge(exercise.stub).outcome is Outcome.NOT_ATTEMPTED


def test_the_reference_is_correct(exercise: Exercise) -> None:
    verdict = exercise.judge(exercise.reference)
    assert verdict.outcome is Outcome.CORRECT, verdict.hint


def test_each_mistake_is_told_apart(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= FEWEST_MISTAKES
    hints = []
    for name, mistake in exercise.mistakes.items():
        verdict = exercise.judge(mistake.answer)
        assert verdict.outcome is Outcome.INCORRECT, name
        assert mistake.hint_says in verdict.hint, f"{name}: {verdict.hint}"
        hints.append(verdict.hint)
    assert len(set(hints)) == len(hints), "two mistakes get one hint"


def test_it_says_what_is_asked_and_helps(exercise: Exercise) -> None:
    assert exercise.task
    assert exercise.hints


@pytest.mark.parametrize("path", [path for path in ALL if path.stem[:2] != "00"], ids=lambda path: path.stem)
def test_a_notebook_asks_its_exercises(path: Any) -> None:
    """Each in a cell with its stub and its check, so that an untouched notebook runs and says: not attempted."""
    module = f"nb{path.stem}"
    if module not in MODULES:
        pytest.skip(f"{path.stem} has no exercises yet")
    exercises = exercises_of(module)
    assert len(exercises) >= FEWEST
    cells = [cell.source for cell in code_cells(read(path))]
    for exercise in exercises:
        assert any(f"exercises.{exercise.name}.check(" in cell for cell in cells), exercise.name
