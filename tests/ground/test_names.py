"""One word per thing, and each word says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.ground.core import ROOT

PACKAGE = ROOT / "esworkbench"

TWICE_ON_PURPOSE = {"OrderPlaced"}
"""The event as it is today, and as the frozen contract v1 promised it: subscribers know both by this one name."""

SAY_NOTHING = {"building", "handed", "mend", "mending", "rebuilt", "site", "way", "ways"}


def parsed() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text("utf-8"))


def names_in(path: Path, tree: ast.Module) -> Iterator[str]:
    """Those of the module and its folders, and of all that it defines, binds or takes as a parameter."""
    yield from path.with_suffix("").parts
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case ast.alias(asname=str(name)):
                yield name


def test_no_two_classes_bear_one_name() -> None:
    where: dict[str, list[str]] = {}
    for path, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                where.setdefault(node.name, []).append(path.as_posix())
    assert {name: paths for name, paths in where.items() if len(paths) > 1}.keys() == TWICE_ON_PURPOSE


def test_no_name_is_a_word_that_says_nothing() -> None:
    found = [f"{path}: {name}" for path, tree in parsed() for name in names_in(path, tree)
             if name.strip("_").lower() in SAY_NOTHING]  # fmt: skip
    assert found == []
