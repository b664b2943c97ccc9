"""An accepted answer is kept as source, and later cells run on it; what doesn't run by itself is not kept."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from esworkbench.course import predictions
from esworkbench.course.answers import FOLDER, Unusable, keep_answer, kept_answer, kept_source, source_of
from esworkbench.course.grader import shown
from esworkbench.course.grader.shown import Shown
from esworkbench.course.nb02_event_store import SAFE_CHECKPOINT, exercises
from esworkbench.course.predictions import predict

RIGHT = """
import math

ONE = 1


def my_safe_checkpoint(visible, under_way, checkpoint):
    below = min(under_way, default=math.inf)
    return max((each for each in visible if each < below), default=checkpoint) * ONE


exercises.safe_checkpoint.check(my_safe_checkpoint)
"""
LEANING = """
def my_safe_checkpoint(visible, under_way, checkpoint):
    return smallest_of(visible, under_way, checkpoint)


exercises.safe_checkpoint.check(my_safe_checkpoint)
"""


class Cells:
    """A kernel's cells, run in this process."""

    def __init__(self) -> None:
        self.shell = InteractiveShell()
        self.run("from esworkbench.course.nb02_event_store import exercises")

    def run(self, cell: str) -> Any:
        done = self.shell.run_cell(cell)
        done.raise_error()
        return done.result


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shown, "_show", heard.append)
    monkeypatch.setattr(predictions, "_show", heard.append)
    return heard


@pytest.fixture
def cells() -> Cells:
    return Cells()


def test_what_was_accepted_is_what_later_cells_run_on(said: list[str], cells: Cells) -> None:
    cells.run(RIGHT)
    used = exercises.safe_checkpoint.in_use()
    assert said[-1] == "**safe_checkpoint**: from here on yours"
    assert used([3, 5, 9], [6], 2) == 5
    namespace: dict[str, Any] = {}
    exec(exercises.safe_checkpoint.source_in_use(), namespace)
    assert namespace["my_safe_checkpoint"]([3], [], 2) == 3
    assert "check(" not in exercises.safe_checkpoint.source_in_use()


def test_without_one_they_run_on_the_courses_own(said: list[str]) -> None:
    assert exercises.safe_checkpoint.in_use() is SAFE_CHECKPOINT.reference
    namespace: dict[str, Any] = {}
    exec(exercises.safe_checkpoint.source_in_use(), namespace)
    assert namespace["my_safe_checkpoint"]([3], [], 2) == 3
    assert said == ["**safe_checkpoint**: from here on the course's own; yours, once it is accepted"]


def test_an_answer_that_leans_on_another_cell_is_right_but_later_cells_are_told(said: list[str], cells: Cells) -> None:
    helper = RIGHT.partition("exercises.")[0].replace("my_safe_checkpoint", "smallest_of")
    cells.run(helper)
    cells.run(LEANING)
    assert said[-1].startswith("✔")
    assert "later cells can't use it: write what it uses into its own cell" in said[-1]
    assert exercises.safe_checkpoint.in_use() is SAFE_CHECKPOINT.reference
    cells.run(RIGHT)
    cells.run(LEANING)
    exercises.safe_checkpoint.in_use()
    assert said[-1] == "**safe_checkpoint**: from here on yours", "the one that ran by itself stays"


def test_a_wrong_answer_is_not_kept(said: list[str], cells: Cells, tmp_path: Path) -> None:
    cells.run(RIGHT.replace("max(", "min("))
    assert said[-1].startswith("✘")
    assert not (tmp_path / "work" / FOLDER).exists()


def test_an_answer_to_another_task_of_the_same_name_is_not_used(tmp_path: Path) -> None:
    keep_answer("02.append", "def my_append(log): ...", "my_append = 1\n", tmp_path)
    assert kept_source("02.append", "def my_append(log): ...", tmp_path) == "my_append = 1\n"
    assert kept_source("02.append", "def my_append(log, stream): ...", tmp_path) is None


@pytest.mark.parametrize("damage", ["raise SystemError('torn')\n", "def my_append(", "other = 1\n", "x = \x00"])
def test_a_damaged_answer_is_said_and_the_courses_own_used(said: list[str], damage: str, tmp_path: Path) -> None:
    keep_answer("02.safe_checkpoint", SAFE_CHECKPOINT.stub, damage)
    with pytest.raises(Unusable, match=r"nb02_safe_checkpoint\.py does not run by itself"):
        kept_answer("02.safe_checkpoint", "my_safe_checkpoint")
    assert exercises.safe_checkpoint.in_use() is SAFE_CHECKPOINT.reference
    assert "from here on the course's own, for nb02_safe_checkpoint.py does not run" in said[-1]


def test_a_value_is_kept_as_it_is_written() -> None:
    assert source_of("my_wanted", {"a": [1, 2]}) == "my_wanted = {'a': [1, 2]}\n"


def test_a_class_is_kept_with_what_decorates_it(said: list[str], cells: Cells) -> None:
    written = (
        "from dataclasses import dataclass\n\n\n@dataclass\nclass My:\n    x: int = 1\n\n    def y(self): return 2\n"
    )
    cells.run(written)
    kept = source_of("My", cells.shell.user_ns["My"])
    assert "@dataclass\nclass My:" in kept
    assert "from dataclasses import dataclass" in kept


CACHED = """
import functools


@functools.lru_cache
def answer(checkpoint):
    return checkpoint + 1


class Answer:
    @functools.lru_cache
    def next(self, checkpoint):
        return checkpoint + 1
"""


@pytest.mark.parametrize("name", ["answer", "Answer"])
def test_a_cached_function_is_kept_as_it_is_written(said: list[str], cells: Cells, name: str) -> None:
    cells.run(CACHED)
    kept: dict[str, Any] = {}
    exec(source_of(name, cells.shell.user_ns[name]), kept)
    assert kept["answer"](1) == kept["Answer"]().next(1) == 2


def test_where_no_file_can_be_written_the_verdict_stands(said: list[str], cells: Cells, tmp_path: Path) -> None:
    (tmp_path / "work").write_text("in the way", encoding="utf-8")
    cells.run(RIGHT)
    assert said[-1].startswith("✔ **safe_checkpoint** is correct")


def test_a_guess_is_kept_beside_what_came_out(said: list[str], tmp_path: Path) -> None:
    predict("How much is paid?", 80).was(160)
    predict("How much is paid?", 160).was(160)
    predict("How much is paid?").was(160)
    assert said[1] == "✘ You said **80**. It was **160**."
    assert said[3] == "✔ You said **160**. It was **160**."
    assert said[5] == "It was **160**. (You made no guess.)"
    lines = (tmp_path / "work" / predictions.RECORD).read_text(encoding="utf-8").splitlines()
    assert lines == [
        '{"question":"How much is paid?","guess":"80","was":"160"}',
        '{"question":"How much is paid?","guess":"160","was":"160"}',
    ]


def test_what_is_no_notebooks_cell_is_no_source() -> None:
    made: dict[str, Any] = {}
    exec("def nowhere(): return 1", made)
    with pytest.raises(Unusable, match="isn't to be found"):
        source_of("nowhere", made["nowhere"])
    with pytest.raises(Unusable, match="no source of its own"):
        source_of("made", partial(max, 1))
    assert Shown("esworkbench.course.nb02_event_store", SAFE_CHECKPOINT).key == "02.safe_checkpoint"
