"""The wheel carries notebooks and data: installed without make and without a clone, the same commands work."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.ground.tracked import copy_of_clone, tracked_files


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = copy_of_clone(tmp_path_factory.mktemp("clone"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=clone, check=True, capture_output=True)
    (built,) = (clone / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files in it; what the package needs comes from the environment of the tests."""
    target = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # PYTHONPATH comes before site-packages, so the clone's editable install isn't what runs.
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_wheel_holds_every_notebook_and_every_data_file_and_no_test(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = [path for path in tracked_files() if path.parts[0] in {"notebooks", "data"}]
    assert shipped
    assert {path.as_posix() for path in shipped if f"esworkbench/_shipped/{path.as_posix()}" not in names} == set()
    assert [name for name in names if name.startswith(("tests/", "benchmarks/"))] == []


def test_the_wheel_names_its_command_licence_and_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode("utf-8")
        assert "esworkbench = esworkbench.cli:main" in archive.read(f"{folder}/entry_points.txt").decode("utf-8")
        assert f"{folder}/licenses/LICENSE" in archive.namelist()
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: MIT" in metadata


def test_the_installed_package_finds_its_own_notebooks_and_data(installed: Path, tmp_path: Path) -> None:
    where = "from esworkbench.resources import data_path, notebooks_path; print(data_path()); print(notebooks_path())"
    done = run(installed, tmp_path, "-c", where)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert Path(line).is_relative_to(installed)
        assert any(Path(line).iterdir())


def test_the_installed_package_investigates(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-m", "esworkbench", "investigate", "--json", "--out", str(tmp_path / "case"))
    assert done.returncode == 0, done.stderr[-2000:]
    case = json.loads(done.stdout)
    assert (case["delta"], case["verified"]) == (4723, True)
    assert Path(case["report"]).is_file()
