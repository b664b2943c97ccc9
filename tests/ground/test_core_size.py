"""What a learner reads stays small: the core, and all that it imports here, is counted line by line.

Two numbers are told on the page that leads through it, ``docs/reading-the-core.md``, and must be the true ones: what is
held to a limit, and what a learner reads who opens every file of the list.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.ground.core import CORE, ROOT, file_of

PAGE = ROOT / "docs" / "reading-the-core.md"

GROUND = {
    "credentials": 93, "errors": 91, "events": 100, "lazy_exports": 25, "money": 71, "resources": 12, "shown": 23,
}  # fmt: skip
"""What everything stands on isn't counted, so it must not change unseen: today's lines."""

BESIDE = (
    "event_store.database", "event_store.columns", "event_store.guards", "event_store.missing_guards",
    "event_store.triggers", "event_store.cursors",
)  # fmt: skip
FOLDERS_BESIDE = ("event_store.sqlite", "event_store.postgres")
"""What makes and opens databases, and speaks to one kind of them."""

COUNTED_AT_MOST = 1730


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
    return not (module in GROUND or module in BESIDE or module.startswith(FOLDERS_BESIDE))


def counted() -> dict[str, int]:
    return {module: lines_of(module) for module in needed(CORE) if is_counted(module)}


def told(number: str) -> int:
    """The number that the page has in bold before these words."""
    found = re.search(rf"\*\*([\d,]+) lines\*\*\s+{number}", PAGE.read_text("utf-8"))
    assert found is not None, number
    return int(found[1].replace(",", ""))


def test_the_core_stays_small() -> None:
    lines = counted()
    assert sum(lines.values()) <= COUNTED_AT_MOST, sorted(lines.items())


def test_the_page_tells_both_numbers() -> None:
    lines = counted()
    assert told("are counted") == sum(lines.values()), sorted(lines.items())
    read = lines | {module: lines_of(module) for module in CORE}
    assert told("are read") == sum(read.values())


def test_the_page_names_every_file_that_is_counted() -> None:
    """Those of the core in the order in which they are read; the rest anywhere."""
    page = PAGE.read_text("utf-8")
    places = [page.index(f"## `{module.replace('.', '/')}.py`") for module in CORE]
    assert places == sorted(places)
    for module in set(counted()) - set(CORE):
        path = file_of(module)
        assert path is not None
        name = path.relative_to(ROOT / "esworkbench").as_posix()
        assert path.name == "__init__.py" or f"`{name}`" in page, name


def test_the_ground_does_not_grow_unseen() -> None:
    assert {module: lines_of(module) for module in GROUND} == GROUND


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
