"""A package's names, each fetched from its module when first asked for, so that importing one module loads no other.

The names stand in the package's ``__init__.pyi``, which type checkers and editors read. (As SPEC 1 of Scientific Python
has it.)
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def exported_by(package: str, file: str) -> tuple[Callable[[str], Any], list[str]]:
    """The package's ``__getattr__`` and ``__all__``, from the stub beside its ``file``."""
    imports = ast.parse(Path(file).with_suffix(".pyi").read_text("utf-8")).body
    home = {
        name.name: each.module
        for each in imports
        if isinstance(each, ast.ImportFrom) and each.module
        for name in each.names
    }

    def fetch(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(home[name]), name)

    return fetch, sorted(home)
