"""What several tests of the ground need, made once."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.ground.tracked import copy_of_clone


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that a fresh clone of these files would build."""
    clone = copy_of_clone(tmp_path_factory.mktemp("clone"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=clone, check=True, capture_output=True)
    (built,) = (clone / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files in it, for PYTHONPATH; what the package needs is in the tests' environment."""
    target = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="session")
def empty_network() -> list[str]:
    """What, put before a command, runs it in a network namespace with nothing in it; empty where none can be made."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
        return prefix
    if os.environ.get("ESWORKBENCH_REQUIRE") == "all":
        pytest.fail(f"this system makes no network namespace ({' '.join(prefix)})")
    return []
