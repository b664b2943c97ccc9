"""The base is enough to capture, diff, diagnose and explain; what needs more says in one sentence what to install."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from esworkbench.cli.extras import EXTRAS
from esworkbench.lab import Incident, build_incident
from tests.ground.tracked import TOP, tracked_files

PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OF_AN_EXTRA = {"IPython": "ipywidgets", "jupyter_client": "jupyterlab", "jupyter_core": "jupyterlab"}
"""Imported from what an extra's package brings along."""

WITHOUT_EXTRAS = f"""
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {[*EXTRAS, "dask"]!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from esworkbench import cli
sys.exit(cli.run(sys.argv[1:]))
"""


def in_the_base(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in an interpreter that finds no library of an extra."""
    command = [sys.executable, "-c", WITHOUT_EXTRAS, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Incident:
    folder = tmp_path_factory.mktemp("incident")
    return build_incident(f"sqlite:///{folder / 'bank.db'}", fault="unresolved_pending", seed=5, scale="small")


def test_the_base_captures_diffs_diagnoses_and_explains(incident: Incident, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    for code, *arguments in (
        (0, "capture", incident.url, "--into", evidence),
        (0, "diff", evidence, "--against", "account_balances"),
        (1, "diagnose", evidence),
        (0, "explain", "lag"),
        (0, "lag", "--help"),
    ):
        done = in_the_base(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["lab", "--no-browser"], "course"),
        (["report", "evidence", "--out", "report.html"], "course"),
        (["investigate"], "course"),
        (["lag", "postgresql://nobody@localhost:1/none"], "postgres"),
        (["timestamp", "file", "--authority", "http://127.0.0.1:9"], "timestamps"),
        (["interview", "deck", "--out", "deck.apkg"], "anki"),
    ],
)
def test_what_needs_an_extra_names_it_and_leaves_nothing(arguments: list[str], extra: str, tmp_path: Path) -> None:
    done = in_the_base(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.rstrip().endswith(f"isn't installed: pip install 'esworkbench[{extra}]'")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_doctor_asks_for_no_extra() -> None:
    done = in_the_base("doctor")
    assert "'esworkbench[course]'" in done.stdout
    assert "'esworkbench[postgres]'" in done.stdout
    assert "MISS kernel" not in done.stdout


def test_every_library_that_the_package_imports_is_declared() -> None:
    declared = {"base": names(PROJECT["dependencies"])}
    declared |= {extra: names(lines) for extra, lines in PROJECT["optional-dependencies"].items()}
    distributions = packages_distributions()
    for library in sorted(imported()):
        place = EXTRAS.get(library, "base")
        brought_by = {OF_AN_EXTRA.get(library, name.lower().replace("_", "-")) for name in distributions[library]}
        assert brought_by & declared[place], f"{library} is imported, and {place} doesn't bring it"
    assert set(EXTRAS) - imported() == {"jupyterlab"}  # started, never imported


def test_all_means_every_extra_but_that_of_the_checks() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == set(extras) - {"all", "dev"}


def names(lines: list[str]) -> set[str]:
    return {Requirement(line).name for line in lines}


def imported() -> set[str]:
    """The third-party libraries that any module of the package imports, wherever in it."""
    found = set[str]()
    for path in tracked_files():
        if path.parts[0] == "esworkbench" and path.suffix == ".py":
            for node in ast.walk(ast.parse((TOP / path).read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return found - {"esworkbench", *sys.stdlib_module_names}
