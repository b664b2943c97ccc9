"""Nothing calls out: once installed, all of it works without a network.

Two ways to hold it to that. A guard inside Python works everywhere, names who called and sees attempts whose error
was caught, but not what compiled code does by itself. A network namespace with nothing in it sees everything, where
the system lets us make one.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ground.tracked import TOP

GUARD = TOP / "tests" / "ground" / "no_network"
ESWORKBENCH = [sys.executable, "-m", "esworkbench"]
FAR_AWAY = "192.0.2.1"  # reserved for documentation: nobody is there


def guarded(command: list[str], folder: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run it behind the guard; what it said, and which ways out it tried."""
    log = folder / "attempts.log"
    log.touch()
    paths = [str(GUARD), str(TOP)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "NO_NETWORK_LOG": str(log)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    return done, log.read_text(encoding="utf-8").splitlines()


def in_an_empty_network(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--map-root-user", "--net", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="session")
def network_namespace() -> None:
    tried = shutil.which("unshare") and subprocess.run(
        ["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False
    )
    if not tried or tried.returncode != 0:
        if os.environ.get("ESWORKBENCH_REQUIRE") == "all":
            pytest.fail("this system makes no network namespace (unshare --map-root-user --net)")
        pytest.skip("this system makes no network namespace")


@pytest.mark.parametrize(
    "attempt",
    [
        f"import socket; socket.create_connection(('{FAR_AWAY}', 9), timeout=1)",
        f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{FAR_AWAY}', 9))",
        "import urllib.request; urllib.request.urlopen('http://example.invalid')",
    ],
)
def test_the_guard_catches_an_attempt(attempt: str, tmp_path: Path) -> None:
    done, attempts = guarded([sys.executable, "-c", attempt], tmp_path)
    assert done.returncode != 0
    assert len(attempts) == 1


def test_the_guard_lets_loopback_through(tmp_path: Path) -> None:
    listen_and_call = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    )
    done, attempts = guarded([sys.executable, "-c", listen_and_call], tmp_path)
    assert (done.returncode, attempts) == (0, [])


def assert_investigated(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr[-2000:]
    case = json.loads(done.stdout)
    assert case["delta"] == 4723
    assert case["verified"] is True


def test_investigate_calls_nobody(tmp_path: Path) -> None:
    done, attempts = guarded([*ESWORKBENCH, "investigate", "--json", "--out", str(tmp_path / "case")], tmp_path)
    assert attempts == []
    assert_investigated(done)


@pytest.mark.usefixtures("network_namespace")
def test_investigate_works_without_any_network(tmp_path: Path) -> None:
    done = in_an_empty_network([*ESWORKBENCH, "investigate", "--json", "--out", str(tmp_path / "case")], tmp_path)
    assert_investigated(done)


def test_the_report_names_nothing_that_a_browser_would_fetch(tmp_path: Path) -> None:
    done, _ = guarded([*ESWORKBENCH, "investigate", "--json", "--out", str(tmp_path / "case")], tmp_path)
    page = Path(json.loads(done.stdout)["report"]).read_text(encoding="utf-8")
    for fetched in ('src="http', "src='http", 'href="http', "url(http", "@import", "<script src"):
        assert fetched not in page
