"""Notebooks run again in one kernel, each cell twice, on both engines, on our answers and on a learner's: the same.

`make notebooks` runs each once more, in a kernel of its own.
"""

import importlib
from pathlib import Path
from typing import Any

import pytest

from esworkbench.course.answers import keep_answer
from esworkbench.course.grader.pasteable import pasteable
from tests.course.test_exercises import MODULES, exercises_of
from tests.notebooks.execute import code_cells, kernel_for, read, run_all
from tests.notebooks.test_shape import ALL, is_compared

AT_ONCE = ("03", "05")
"""Which are built upon what a learner wrote; the others take minutes, in the sweep."""
RUN = [
    pytest.param(path, store, id=f"{path.stem}-{store}", marks=[] if now else [pytest.mark.sweep])
    for path in ALL
    for store in ("postgres", "sqlite")
    for now in [store == "postgres" and path.stem[:2] in AT_ONCE]
]


@pytest.mark.parametrize(("path", "store"), RUN)
def test_it_says_the_same_with_each_cell_run_twice_and_on_the_answers_of_a_learner(
    path: Path, store: str, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL, by changing one line: `make notebooks` has run it on SQLite, on our own answers."""
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", postgres_server)
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    committed = compared(read(path))
    notebook = read(path)
    code_cells(notebook)[0].source = f'STORE = "{store}"'
    keep_answers_of_a_learner(tmp_path / "work")
    with kernel_for(notebook, tmp_path) as client:
        run_all(client, times=2)
    assert compared(notebook) == committed
    said = [
        output.data.get("text/markdown", "")
        for cell in code_cells(notebook) for output in cell.outputs if "data" in output
    ]  # fmt: skip
    assert [text for text in said if "from here on the course's own" in text] == []


def keep_answers_of_a_learner(work: Path) -> None:
    """The last of the right answers in another style to each exercise, as if it had been accepted."""
    for module in MODULES:
        answers = importlib.import_module(f"tests.course.answers.{module}").RIGHT
        for exercise in exercises_of(module):
            answer = answers[exercise.name][-1]
            keep_answer(f"{module[2:4]}.{exercise.name}", exercise.stub, pasteable(exercise.asked, answer), work)


def compared(notebook: Any) -> list[tuple[str, list[str]]]:
    """What the marked cells say, as text."""
    return [
        (cell.source, [output.get("text") or output.data["text/plain"] for output in cell.outputs])
        for cell in code_cells(notebook)
        if is_compared(cell)
    ]
