"""What a notebook must be before it is run: short cells, outputs committed, something compared, no widget state."""

import json
import re
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from esworkbench.course.contents import minutes
from esworkbench.course.interview.cards import load_cards
from esworkbench.forensics.glossary import WORDS
from tests.notebooks.execute import NOTEBOOKS, WIDGET, code_cells, read

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
COMPARED = "nbval-check-output"
"""Tags a cell whose output is compared with the committed one."""

MOST_CODE_CELLS = 40
LONGEST_CELL_LINES = 22
FEWEST_COMPARED = 6
LATEST_EXERCISE = 14
WITHOUT_EXERCISES = {"00", "18"}
"""Notebooks, by number, without exercises: the first one, which shows the way, and the interview, which only asks."""

MACHINE_PATH = re.compile(r"(?<![\w.])/(tmp|home|root|work|usr|var|opt|Users|private)/")


def test_there_are_notebooks() -> None:
    assert {path.name[:2] for path in ALL} >= {"00", "11", "12", "13", "14"}


@pytest.fixture(params=ALL, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def notebook(path: Path) -> Any:
    return read(path)


def prose(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def is_compared(cell: Any) -> bool:
    return COMPARED in cell.metadata.get("tags", [])


def asks(cell: Any) -> bool:
    """Whether the learner is to write something in it: an answer or a guess."""
    return ".check(" in cell.source or "predict(" in cell.source


def statements(cell: Any) -> int:
    """Lines to be read, without the imports that every stub brings along."""
    return sum(bool(line.strip()) and not line.startswith(("import ", "from ")) for line in cell.source.splitlines())


def test_it_opens_with_goal_minutes_and_what_comes_before(notebook: Any, path: Path) -> None:
    first = notebook.cells[0].source
    assert first.startswith(f"# {path.name[:2]} · ")
    assert all(f"**{word}:**" in first for word in ("Goal", "Minutes", "Before this"))
    assert f"**Minutes:** about {minutes(notebook.cells)} " in first, "the number is that of `contents.minutes`"


def test_it_ends_with_the_question_it_answers(notebook: Any, path: Path) -> None:
    """``**The question it answers:** … (card `id`)``: the card's own words, and a proof in this notebook."""
    if path.name[:2] == "18":
        return  # it asks them all
    last = notebook.cells[-1].source.splitlines()
    asked = [line for line in last if line.startswith("**The question it answers:**")]
    assert len(asked) == 1
    card = load_cards().by_id(asked[0].rpartition("(card `")[2].removesuffix("`)"))
    assert asked[0] == f"**The question it answers:** {card.question} (card `{card.id}`)"
    assert path.name[:2] in {point.proof.notebook for point in card.points if point.proof}


def test_something_is_to_be_written_before_long(notebook: Any, path: Path) -> None:
    if path.name[:2] in WITHOUT_EXERCISES:
        return
    before = list(takewhile(lambda cell: not asks(cell), code_cells(notebook)))
    assert len(before) <= LATEST_EXERCISE


def test_one_line_says_where_the_events_are_kept(notebook: Any) -> None:
    assert code_cells(notebook)[0].source == 'STORE = "sqlite"'
    assert sum("STORE =" in cell.source for cell in code_cells(notebook)) == 1


def test_cells_are_small_and_words_are_few(notebook: Any) -> None:
    lines = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    words = [len(text.split()) for text in prose(notebook)]
    assert sum(not asks(cell) for cell in code_cells(notebook)) <= MOST_CODE_CELLS
    assert max(lines) <= LONGEST_CELL_LINES
    assert median(map(statements, code_cells(notebook))) <= 7
    assert median(words) <= 30


def test_cells_were_run_in_order_and_without_an_error(notebook: Any) -> None:
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_results_are_committed_and_compared(notebook: Any) -> None:
    compared = [cell for cell in code_cells(notebook) if is_compared(cell)]
    assert len(compared) >= FEWEST_COMPARED
    assert [cell.source for cell in compared if not cell.outputs] == []


def test_no_picture_is_compared_since_its_bytes_may_differ(notebook: Any) -> None:
    pictures = [
        cell.source
        for cell in code_cells(notebook)
        if is_compared(cell) and any("image/png" in output.get("data", {}) for output in cell.outputs)
    ]
    assert pictures == []


def test_every_picture_says_in_words_what_is_to_be_seen(notebook: Any) -> None:
    shown = [cell.source for cell in code_cells(notebook) if "show(" in cell.source and "def " not in cell.source]
    assert shown
    assert [source for source in shown if not re.search(r'show\([\s\S]+"[^"]{20,}",?\s*\)', source)] == []


def test_no_widget_is_committed_since_it_breaks_the_page_elsewhere(path: Path) -> None:
    written = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in written["metadata"]
    assert WIDGET not in path.read_text(encoding="utf-8")


def test_no_output_names_a_place_on_this_machine(notebook: Any) -> None:
    outputs = json.dumps(
        [
            {**output, "data": {kind: text for kind, text in output.get("data", {}).items() if kind != "image/png"}}
            for cell in code_cells(notebook)
            for output in cell.outputs
        ]
    )
    assert MACHINE_PATH.findall(outputs) == []


def test_every_notebook_it_names_is_there(notebook: Any) -> None:
    named = set(re.findall(r"`(\d\d_\w+)`", "\n".join(prose(notebook))))
    assert named <= {path.stem for path in ALL}


def test_the_readme_lists_it(path: Path) -> None:
    assert f"`{path.stem}`" in (NOTEBOOKS.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("word", "where"), [(word, each.notebook) for word, each in WORDS.items()])
def test_a_word_is_explained_where_the_glossary_says(word: str, where: str) -> None:
    (shown_in,) = [path for path in ALL if path.stem == where]
    text = "\n".join(prose(read(shown_in)))
    assert re.search(rf"\*\*{re.escape(word)}s?\*\*", text, re.IGNORECASE), f"{where} does not explain {word!r}"
