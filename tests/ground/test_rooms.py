"""A folder of the package says what is in it: its docstring has a line for each of its modules."""

import importlib
import pkgutil

import pytest

ROOMS = [
    "course",
    "lab",
    "lab.incidents",
    "lab.incidents.faults",
    "lab.inherited",
    "lab.inherited.upcasters",
    "lab.models",
    "lab.processes",
    "lab.world",
    "widgets",
]


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_has_a_line_for_each_module(room: str) -> None:
    package = importlib.import_module(f"esworkbench.{room}")
    lines = (package.__doc__ or "").splitlines()
    named = [line[2 : line.index("``:")] for line in lines if line.startswith("``") and "``:" in line]
    assert sorted(named) == sorted(module.name for module in pkgutil.iter_modules(package.__path__))
