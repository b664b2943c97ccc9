"""What a learner reads stays small: the core, and all that it imports here, is counted line by line.

The count is told on the page that leads through it, ``docs/reading-the-core.md``, and must be the true one.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.ground.core import CORE, ROOT, file_of

PAGE = ROOT / "docs" / "reading-the-core.md"

NOT_COUNTED = (
    "errors", "money", "resources",
    "event_store.database", "event_store.columns", "event_store.guards", "event_store.cursors",
)  # fmt: skip
FOLDERS_NOT_COUNTED = ("event_store.sqlite", "event_store.postgres")
GROUND_AT_MOST = {"errors": 79, "money": 71, "resources": 12}
"""The ground isn't counted, so it must not grow unseen."""


def lines_of(module: str) -> int:
    """Lines of the module that aren't blank: code, docstrings and comments. A package's list of contents isn't one."""
    path = file_of(module)
    assert path is not None, module
    text = path.read_text("utf-8")
    if path.name == "__init__.py":
        text = re.sub(r'\A""".*?"""', "", text, flags=re.DOTALL)
    return sum(1 for line in text.splitlines() if line.strip())


def imports_of(module: str) -> Iterator[str]:
    """What the module imports of this package, wherever in it the import stands, and the packages these lie in."""
    path = file_of(module)
    assert path is not None, module
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in named:
            parts = name.split(".")
            if parts[0] == "esworkbench":
                yield from (".".join(parts[1:end]) for end in range(2, len(parts) + 1))


def needed(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    to_do = list(modules)
    while to_do:
        module = to_do.pop()
        if module not in found and file_of(module) is not None:
            found.add(module)
            to_do += imports_of(module)
    return found


def is_counted(module: str) -> bool:
    return module in CORE or not (module in NOT_COUNTED or module.startswith(FOLDERS_NOT_COUNTED))


def test_the_core_is_as_long_as_its_page_says() -> None:
    counted = {module: lines_of(module) for module in needed(CORE) if is_counted(module)}
    told = re.search(r"\*\*([\d,]+) lines\*\*", PAGE.read_text("utf-8"))
    assert told is not None
    assert int(told[1].replace(",", "")) == sum(counted.values()), sorted(counted.items())


def test_the_page_names_every_file_that_is_counted() -> None:
    """Those of the core in the order in which they are read; the rest anywhere."""
    page = PAGE.read_text("utf-8")
    places = [page.index(f"## `{module.replace('.', '/')}.py`") for module in CORE]
    assert places == sorted(places)
    beside = {module for module in needed(CORE) if is_counted(module)} - set(CORE)
    for module in beside:
        path = file_of(module)
        assert path is not None
        name = path.relative_to(ROOT / "esworkbench").as_posix()
        assert path.name == "__init__.py" or f"`{name}`" in page, name


def test_the_ground_does_not_grow_unseen() -> None:
    assert {module: lines_of(module) for module in GROUND_AT_MOST} == GROUND_AT_MOST


def test_the_core_loads_nothing_that_is_not_core() -> None:
    """What is imported in fact, in a fresh interpreter: no read model but one, no snapshot, no rebuilding."""
    import subprocess
    import sys

    program = (
        "import sys\n"
        + "".join(f"import esworkbench.{module}\n" for module in CORE)
        + "print(*sorted(name for name in sys.modules if name.startswith('esworkbench.')))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("esworkbench.") for name in ran.stdout.split()}
    assert loaded <= needed(CORE)
