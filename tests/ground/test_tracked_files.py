"""House rules that can be read off the files themselves."""

import ast

import pytest

from tests.ground.core import CORE, file_of
from tests.ground.tracked import TOP, tracked_files

MOST_LINES = 300

# In two halves, so that this file doesn't hold what it looks for.
REGISTRY_HOSTS = [
    first + second
    for first, second in [
        ("pypi", ".org"),
        ("pypi", ".python.org"),
        ("python", "hosted.org"),
        ("anaconda", ".org"),
        ("anaconda", ".com"),
        ("npm", "js.org"),
        ("npm", "js.com"),
        ("deb.", "debian.org"),
        ("repo1.", "maven.org"),
        ("crates", ".io"),
    ]
]


def test_no_file_names_a_package_registrys_host() -> None:
    named = []
    for path in tracked_files():
        content = (TOP / path).read_bytes().lower()
        named += [f"{path}: {host}" for host in REGISTRY_HOSTS if host.encode() in content]
    assert named == []


@pytest.mark.parametrize("module", CORE)
def test_no_file_that_a_learner_reads_is_longer_than_300_lines(module: str) -> None:
    """The core's alone: elsewhere a file is as long as its idea."""
    path = file_of(module)
    assert path is not None
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("wrong", ["metaclass", "os.fork"])
def test_the_package_uses_no_magic_a_learner_would_trip_over(wrong: str) -> None:
    found = []
    for path in tracked_files():
        if path.parts[0] == "esworkbench" and path.suffix == ".py":
            for node in ast.walk(ast.parse((TOP / path).read_text(encoding="utf-8"))):
                is_metaclass = isinstance(node, ast.keyword) and node.arg == "metaclass"
                is_fork = isinstance(node, ast.Attribute) and node.attr in {"fork", "forkpty"}
                if (wrong == "metaclass" and is_metaclass) or (wrong == "os.fork" and is_fork):
                    found.append(f"{path}:{getattr(node, 'lineno', '?')}")
    assert found == []
