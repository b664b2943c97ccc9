"""The wheel carries notebooks and data: installed without make and without a clone, the package finds them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from esworkbench import __version__
from tests.ground.tracked import tracked_files


def test_the_wheel_holds_every_notebook_and_every_data_file_and_no_test(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = [path for path in tracked_files() if path.parts[0] in {"notebooks", "data"}]
    assert shipped
    assert {path.as_posix() for path in shipped if f"esworkbench/_shipped/{path.as_posix()}" not in names} == set()
    assert [name for name in names if name.startswith(("tests/", "benchmarks/"))] == []


def test_the_wheel_says_that_the_package_is_typed(wheel: Path) -> None:
    assert "esworkbench/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_holds_every_stub_because_programs_read_them_too(wheel: Path) -> None:
    stubs = {path.as_posix() for path in tracked_files() if path.suffix == ".pyi"}
    assert stubs
    assert stubs <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_names_its_command_licence_and_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode("utf-8")
        assert "esworkbench = esworkbench.cli:main" in archive.read(f"{folder}/entry_points.txt").decode("utf-8")
        assert f"{folder}/licenses/LICENSE" in archive.namelist()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert "Classifier: Programming Language :: Python :: 3.11" in metadata
    assert "License-Expression: MIT" in metadata


def test_the_installed_package_finds_its_own_notebooks_and_data(installed: Path, tmp_path: Path) -> None:
    where = "from esworkbench.resources import data_path, notebooks_path; print(data_path()); print(notebooks_path())"
    # PYTHONPATH comes before site-packages, so what runs is the wheel and not the clone's editable install.
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    folders = [Path(line) for line in done.stdout.splitlines()]
    assert [folder.is_relative_to(installed) for folder in folders] == [True, True]
    assert all(any(folder.iterdir()) for folder in folders)
