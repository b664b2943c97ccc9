"""A package's names, each imported from its module when it is first asked for, so that importing one loads no other.

The names stand in the package's ``__init__.pyi``, which type checkers and editors read. (As SPEC 1 of Scientific Python
has it.)
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def exported_by(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """The package's ``__getattr__``, ``__dir__`` and ``__all__``, from the stub beside its ``file``."""
    imports = ast.parse(Path(file).with_suffix(".pyi").read_text("utf-8")).body
    home = {
        name.asname or name.name: (each.module, name.name)
        for each in imports
        if isinstance(each, ast.ImportFrom) and each.module
        for name in each.names
    }
    public = sorted(name for name in home if not name.startswith("_"))

    def fetch(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, there = home[name]
        return getattr(import_module(module), there)

    return fetch, lambda: sorted({*vars(import_module(package)), *home}), public
