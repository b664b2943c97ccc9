"""What the pages and notebooks point at is there: files, commands with their options, targets of make."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from esworkbench.cli import app
from tests.ground.tracked import TOP, tracked_files
from tests.notebooks.execute import NOTEBOOKS, code_cells, read
from tests.notebooks.test_shape import ALL

DOCS = sorted((TOP / "docs").glob("*.md"))
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", TOP / "CHANGELOG.md", *DOCS, *ALL]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:|#")
SPAN = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
TABLE_ROW = re.compile(r"^\| (`.+?`) \|", re.MULTILINE)
OF_EVERY_COMMAND = {"--help"}
NO_COMMANDS = {"esworkbench COMMAND --help"}


def text_of(page: Path) -> str:
    """A page as its reader sees it: a notebook's prose, and the tables that its cells show."""
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    notebook = read(page)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    shown = [
        output.get("data", {}).get("text/markdown", "") for cell in code_cells(notebook) for output in cell.outputs
    ]
    return "\n\n".join([*prose, *shown])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [target for target in LINK.findall(text_of(page)) if not ELSEWHERE.match(target)]
    assert [target for target in targets if not (page.parent / target.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_notebook_links_only_to_its_neighbours_for_it_is_read_in_a_copy(path: Path) -> None:
    targets = [target for target in LINK.findall(text_of(path)) if not ELSEWHERE.match(target)]
    assert [target for target in targets if (NOTEBOOKS / target).parent != NOTEBOOKS] == []


PATH = re.compile(r"[\w.-]+(?:/[\w.<>-]+)*/?")
FILE = re.compile(r".+\.(?:py|pyi|toml|md|ipynb|sql|j2)")
OF_THE_READER = {"ledger.toml", "layout.toml", "shop.toml"}
"""Files that a page tells its reader to write."""


def places() -> set[str]:
    """Every tracked file and its folders, as pages name them: from the top, from the package, or a file by its name."""
    found: set[str] = set()
    for path in tracked_files():
        for each in (path, *path.parents):
            found |= {each.as_posix(), each.as_posix().removeprefix("esworkbench/")}
        found.add(path.name)
    return found


def paths_named(text: str) -> list[str]:
    """The paths in backticks, each cut before a part that stands for many, as in ``faults/<name>.py``."""
    tops = {place for place in places() if "/" not in place}
    spans = [span for span in SPAN.findall(FENCE.sub("", text)) if PATH.fullmatch(span)]
    named = [span for span in spans if FILE.fullmatch(span) or ("/" in span and span.partition("/")[0] in tops)]
    return [re.sub(r"/?[^/]*<.*", "", span).rstrip("/") for span in named if span not in OF_THE_READER]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_path_in_backticks_is_there(page: Path) -> None:
    there = places()
    assert [path for path in paths_named(text_of(page)) if path and path not in there] == []


def test_paths_are_told_from_other_words() -> None:
    text = (
        "`errors.py`, `cli/`, `tests/ground`, `domains/<domain>/events.py`, `and/or`, `esworkbench diff`, `ledger.toml`"
    )
    assert paths_named(text) == ["errors.py", "cli", "tests/ground", "domains"]
    assert paths_named("`forensics/faults/`") == ["forensics/faults"]
    assert "forensics/faults" not in places()


def command_lines(page: Path) -> Iterator[str]:
    """Every line that starts ``esworkbench …``: in a block, in a span, or in the table of commands without the word."""
    text = text_of(page)
    for block in FENCE.findall(text):
        for line in block.splitlines():
            yield line.partition("  #")[0].strip()
    text = FENCE.sub("", text)
    if page.name == "README.md":
        _, _, table = text.partition("| command | does |")
        for row in TABLE_ROW.findall(table.partition("\n\n")[0]):
            yield from (f"esworkbench {span}" for span in SPAN.findall(row))
    yield from SPAN.findall(text)


def told(page: Path) -> list[str]:
    return [
        line
        for line in dict.fromkeys(command_lines(page))
        if re.match(r"(\.venv/bin/)?esworkbench\s", line) and line not in NO_COMMANDS
    ]


def missing(line: str) -> str:
    """What the line names that the command line hasn't; empty where all is there."""
    words = shlex.split(line.replace("[", " ").replace("]", " "))[1:]
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith(("-", "OPTIONS")):
        name = words.pop(0)
        if name not in command.commands:
            return f"no command {name!r}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | OF_EVERY_COMMAND
    unknown = sorted(set(OPTION.findall(" ".join(words))) - known)
    return f"{command.name} has no {', '.join(unknown)}" if unknown else ""


COMMANDS = [(page, line) for page in PAGES for line in told(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page.stem}: {line}" for page, line in COMMANDS])
def test_every_command_is_there_with_its_options(page: Path, line: str) -> None:
    assert missing(line) == ""


def test_the_readme_names_commands_and_this_check_sees_what_is_wrong() -> None:
    assert len(told(TOP / "README.md")) > 20
    assert missing("esworkbench divide EVIDENCE") == "no command 'divide'"
    assert missing("esworkbench diff EVIDENCE [--loudly]") == "diff has no --loudly"
    assert missing("esworkbench incident forget URL") == "no command 'forget'"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_target_of_make_is_there(page: Path) -> None:
    text = text_of(page)
    said = set(
        re.findall(r"(?:^|`)make ([a-z]+)", "\n".join([*FENCE.findall(text), *re.findall(r"`make [a-z]+", text)]))
    )
    said |= set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    assert said <= set(TARGET.findall((TOP / "Makefile").read_text(encoding="utf-8")))


MOVED = re.compile(r"^  \| (`.+`.*?) \| .*? \| `([\w.]+)` \|$", re.MULTILINE)


def test_every_name_is_where_the_changelog_says() -> None:
    rows = MOVED.findall(text_of(TOP / "CHANGELOG.md"))
    assert len(rows) > 30
    for names, module in rows:
        for name in SPAN.findall(names.partition(" (")[0]):
            assert hasattr(import_module(f"esworkbench.{module}"), name), f"{module} has no {name}"
