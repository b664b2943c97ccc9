"""The text of an answer as a learner may paste it: what it imports, and the code as it stands, nothing indented."""

import ast
import builtins
import inspect
import sys
import textwrap
import types
from typing import Any


def pasteable(name: str, answer: Any) -> str:
    """Code that defines ``name`` as the answer, in a namespace that holds nothing yet; of a plain value, its ``repr``.

    What its module imports is imported as there, and what its module defines is imported from it; what a notebook's
    package gives out, be it defined in that module or in one beside it, is imported from the package.
    """
    if not isinstance(answer, types.FunctionType | type):
        return f"{name} = {answer!r}"
    code = textwrap.dedent(inspect.getsource(answer)).strip()
    imports = _imports(ast.parse(code), sys.modules[answer.__module__], own=answer.__name__)
    alias = [] if answer.__name__ == name else [f"{name} = {answer.__name__}"]
    return "\n\n\n".join(part for part in ("\n".join(imports), code, *alias) if part)


def _imports(code: ast.Module, module: types.ModuleType, *, own: str) -> list[str]:
    """A line for each name that the code reads and does not make itself, sorted as a formatter would."""
    statements = [node for node in ast.walk(ast.parse(inspect.getsource(module)))
                  if isinstance(node, ast.Import | ast.ImportFrom)]  # fmt: skip
    imported = {alias.asname or alias.name: _line(node, alias) for node in statements for alias in node.names}
    names = [node for node in ast.walk(code) if isinstance(node, ast.Name)]
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)} - {own}
    lines = set()
    for name in read:
        if name in imported:
            lines.add(imported[name])
        elif name in vars(module) and not hasattr(builtins, name):
            lines.add(f"from {_home(name, module.__name__)} import {name}")
    return sorted(lines, key=lambda line: ("esworkbench" in line, line.startswith("from"), line))


def _home(name: str, module: str) -> str:
    """The package that holds a notebook's exercises, if it has the name too; else the module."""
    package = module.rpartition(".")[0]
    there = vars(sys.modules[package]) if package in sys.modules else {}
    given_out = "exercises" in there and there.get(name) is vars(sys.modules[module])[name]
    return package if given_out else module


def _line(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    renamed = f" as {alias.asname}" if alias.asname else ""
    if isinstance(statement, ast.Import):
        return f"import {alias.name}{renamed}"
    return f"from {_home(alias.name, statement.module or '')} import {alias.name}{renamed}"
