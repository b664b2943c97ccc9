"""Every exercise of the course, for tests that prove something of each."""

import importlib
import pkgutil
from types import ModuleType

import pytest

from esworkbench import course
from esworkbench.course.grader.exercise import Exercise

NOTEBOOKS = [module.name for module in pkgutil.iter_modules(course.__path__) if module.name[:2] == "nb"]
EVERY: list[tuple[str, Exercise]] = [
    (name, exercise)
    for name in NOTEBOOKS
    for exercise in importlib.import_module(f"esworkbench.course.{name}").exercises
]


@pytest.fixture(params=EVERY, ids=lambda pair: f"{pair[0]}.{pair[1].name}")
def pair(request: pytest.FixtureRequest) -> tuple[str, Exercise]:
    name, exercise = request.param
    return name, exercise


@pytest.fixture
def exercise(pair: tuple[str, Exercise]) -> Exercise:
    return pair[1]


@pytest.fixture
def answers(pair: tuple[str, Exercise]) -> ModuleType:
    return importlib.import_module(f"tests.course.answers.{pair[0]}")
