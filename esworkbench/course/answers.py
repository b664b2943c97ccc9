"""Accepted answers, kept as source beside the notebooks' work: what a learner wrote is what later cells run on."""

import ast
import hashlib
import importlib.util
import inspect
import linecache
import sys
import types
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from esworkbench.course.workspace import work_folder
from esworkbench.errors import UnusableInput
from esworkbench.kept_files import read_kept, replace_whole

FOLDER = "answers"


class Unusable(Exception):
    """An answer that can't be written down, or one on record that doesn't run; the message says why."""


def source_of(name: str, answer: Any) -> str:
    """The cell in which the answer was written, without what it only runs, such as its check.

    Raises Unusable where the answer is in no cell or file, as what `partial` makes is.
    """
    inside = map(inspect.unwrap, vars(answer).values() if isinstance(answer, type) else [answer])
    code = next((each.__code__ for each in inside if isinstance(each, types.FunctionType)), None)
    if code is None:
        text = f"{name} = {answer!r}\n"
        try:
            ast.parse(text)
        except SyntaxError:
            raise Unusable("it has no source of its own: write it as a function, with `def`") from None
        return text
    text = "".join(linecache.getlines(code.co_filename))
    if not text:
        raise Unusable("its source isn't to be found")
    kept = [node for node in ast.parse(text).body if not isinstance(node, ast.Expr)]
    return "\n\n".join(_with_decorators(node, text.splitlines()) for node in kept) + "\n"


def keep_answer(key: str, stub: str, source: str, folder: Path | None = None) -> None:
    """Write an answer to the exercise ``key`` ("02.append") down, over an earlier one. Raises OSError."""
    path = _path(key, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(path, f"{_first_line(stub)}\n{source}".encode())


def drop_answer(key: str, folder: Path | None = None) -> None:
    """Nothing is kept for the exercise any more."""
    _path(key, folder).unlink(missing_ok=True)


def kept_source(key: str, stub: str, folder: Path | None = None) -> str | None:
    """The source on record; None where there is none, or where the exercise asks for something else by now."""
    try:
        first, _, source = read_kept(_path(key, folder)).decode().partition("\n")
    except (OSError, UnicodeDecodeError, UnusableInput):
        return None
    return source if first == _first_line(stub) else None


def kept_answer(key: str, name: str, folder: Path | None = None) -> Any:
    """The answer on record, made by running its source. Raises Unusable where that fails or doesn't make ``name``."""
    path = _path(key, folder).absolute()
    spec = importlib.util.spec_from_file_location(f"accepted_{path.stem}", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and `inspect` look for what it defines
    cloudpickle.register_pickle_by_value(module)  # another process can't import it
    try:
        # Not by the loader: it would take the bytes of an older answer that was written in the same second.
        exec(compile(read_kept(path), path, "exec"), vars(module))
        return vars(module)[name]
    except Exception as error:  # noqa: BLE001 - the learner's own code may raise anything
        raise Unusable(f"{path.name} does not run by itself: {type(error).__name__}: {error}") from None


def _path(key: str, folder: Path | None) -> Path:
    return (folder or work_folder()) / FOLDER / f"nb{key.replace('.', '_')}.py"


def _first_line(stub: str) -> str:
    return f"# accepted for the task with the stub {hashlib.sha256(stub.encode()).hexdigest()[:12]}"


def _with_decorators(node: ast.stmt, lines: list[str]) -> str:
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    return "\n".join(lines[first - 1 : node.end_lineno])
