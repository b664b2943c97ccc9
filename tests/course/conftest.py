"""Every exercise of the course, for tests that prove something of each."""

import importlib
import pkgutil
import time
from collections.abc import Iterator
from types import ModuleType

import pytest

from esworkbench import course
from esworkbench.course.grader.exercise import Exercise
from esworkbench.course.grader.worker import ZONE

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
def exercise(pair: tuple[str, Exercise]) -> Iterator[Exercise]:
    """In the zone in which answers are judged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", ZONE)
        time.tzset()
        yield pair[1]
    time.tzset()


@pytest.fixture
def answers(pair: tuple[str, Exercise]) -> ModuleType:
    return importlib.import_module(f"tests.course.answers.{pair[0]}")
