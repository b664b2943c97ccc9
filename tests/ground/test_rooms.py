"""A folder of the package says what is in it: its docstring has a line for each of its modules."""

import importlib
import pkgutil
import re

import pytest

import esworkbench

SAID_ELSEWHERE = {"forensics.diagnosis.faults"}
"""One module a fault, listed in ``catalogue.py``, as tests/forensics/test_catalogue.py checks."""
ROOMS = [
    room
    for each in pkgutil.walk_packages(esworkbench.__path__, "esworkbench.")
    if each.ispkg and (room := each.name.removeprefix("esworkbench.")) not in SAID_ELSEWHERE
]


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_has_a_line_for_each_module(room: str) -> None:
    package = importlib.import_module(f"esworkbench.{room}")
    heads = [re.split(r":|\s{2,}", line)[0] for line in (package.__doc__ or "").splitlines()]
    named = {name.rstrip("/") for head in heads for name in re.findall(r"[\w/]+", head)}
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert modules - named == set()
