"""make offers what the README promises, and says clearly when it can't."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ground.tracked import TOP

PROMISED = {
    "investigate": "esworkbench investigate",
    "test": "-m pytest",
    "lab": "esworkbench lab",
    "lint": "lint-imports",
    "sweep": "-m sweep",
    "bench": "-m benchmarks",
    "bench-rebuild": "-m benchmarks.rebuilding",
    "notebooks": "nbval",
    "lock": "--generate-hashes",
    "clean": "rm -rf .venv",
    "help": "awk",
}


def commands_of(target: str) -> str:
    # MAKEFLAGS of the make that runs these tests must not reach the one under test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    dry_run = subprocess.run(
        ["make", "--dry-run", target], cwd=TOP, env=environment, check=True, capture_output=True, encoding="utf-8"
    )
    return dry_run.stdout


@pytest.mark.parametrize("target", PROMISED)
def test_make_offers(target: str) -> None:
    if target == "notebooks" and not list((TOP / "notebooks").glob("*.ipynb")):
        pytest.skip("notebooks/ holds no notebook")
    assert PROMISED[target] in commands_of(target)


def test_help_names_every_target() -> None:
    listing = subprocess.run(["make", "help"], cwd=TOP, check=True, capture_output=True, encoding="utf-8").stdout
    assert {target for target in PROMISED if f"make {target} " not in listing} == set()


def install_with_only(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the installer where the only Python is a script that we write."""
    tools = folder / "bin"
    tools.mkdir()
    for tool in ("sh", "rm", "touch"):
        (tools / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    (tools / "python3").write_text(f"#!/bin/sh\n{python}\n", encoding="utf-8")
    (tools / "python3").chmod(0o755)
    return subprocess.run(
        ["sh", str(TOP / "requirements" / "install.sh")],
        cwd=folder,
        env={"PATH": str(tools)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_an_old_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    answer = install_with_only("exit 1", tmp_path)
    assert answer.returncode == 1
    assert answer.stderr.startswith("esworkbench: needs Python 3.11 or newer")
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_ensurepip_is_refused_in_one_sentence(tmp_path: Path) -> None:
    answer = install_with_only('case "$2" in *ensurepip*) exit 1;; esac', tmp_path)
    assert answer.returncode == 1
    assert "python3-venv" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()
