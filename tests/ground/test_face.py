"""`import esworkbench` gives a few names; each comes lazily, has its type, and an example that runs."""

import ast
import doctest
from importlib import import_module
from pathlib import Path

import pytest

import esworkbench

FACE = Path(esworkbench.__file__)
EXAMPLES = doctest.DocTestFinder(recurse=False).find(esworkbench, "esworkbench")[0].examples


def test_the_examples_run_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(esworkbench, report=True)
    assert tried == len(EXAMPLES)
    assert failed == 0
    assert {"bank.db", "evidence"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", esworkbench.__all__)
def test_each_name_is_called_in_an_example_and_explained_where_it_stands(name: str) -> None:
    trees = [ast.parse(example.source) for example in EXAMPLES]
    called = {ast.unparse(node.func).partition(".")[0] for tree in trees for node in ast.walk(tree) if is_call(node)}
    assert name in called
    assert getattr(esworkbench, name).__doc__
    assert name in dir(esworkbench)


def is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call)


STUBS = sorted(FACE.parent.rglob("__init__.pyi"))


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_what_a_type_checker_reads_of_a_package_is_what_a_program_gets(stub: Path) -> None:
    package = import_module(".".join(["esworkbench", *stub.parent.relative_to(FACE.parent).parts]))
    tree = ast.parse(stub.read_text("utf-8"))
    listed = [ast.literal_eval(line.value) for line in tree.body if isinstance(line, ast.Assign)]
    seen = set(*listed)
    for line in tree.body:
        if isinstance(line, ast.ImportFrom):
            for alias in line.names:
                name = alias.asname or alias.name
                assert getattr(package, name) is getattr(import_module(str(line.module)), alias.name)
                assert name in dir(package)
                seen |= {name} if alias.asname == alias.name else set()
    assert package.__all__ == sorted(name for name in seen if not name.startswith("_"))


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'balance_of'"):
        _ = esworkbench.balance_of  # type: ignore[attr-defined]


def test_types_are_shipped() -> None:
    assert FACE.with_name("py.typed").is_file()
