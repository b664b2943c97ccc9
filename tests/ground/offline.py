"""Running a command where it can't leave this machine, and hearing of each attempt."""

import os
import subprocess
from pathlib import Path

from tests.ground.tracked import TOP

GUARD = TOP / "tests" / "ground" / "no_network"


def guarded_environment(package: Path, log: Path) -> dict[str, str]:
    """For a process, and all it starts, that imports the package from there and notes its attempts in ``log``."""
    log.touch()
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(GUARD), str(package)]), "NO_NETWORK_LOG": str(log)}


def run_guarded(
    command: list[str], folder: Path, package: Path = TOP
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run it in ``folder``; what it said, and which ways out it tried."""
    log = folder / "attempts.log"
    environment = guarded_environment(package, log)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    return done, log.read_text(encoding="utf-8").splitlines()
