"""Nothing calls out: once installed, all of it works without a network.

Two ways to hold it to that. A guard inside Python works everywhere, names who called and sees attempts whose error
was caught, but not what compiled code does by itself. A network namespace with nothing in it stops everything, where
the system lets us make one. The package that runs is the one unpacked from the wheel, outside any clone.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ground.offline import run_guarded

FAR_AWAY = "192.0.2.1"  # reserved for documentation: nobody is there
INVESTIGATE = [sys.executable, "-m", "esworkbench", "investigate", "--json", "--out", "case"]


@pytest.mark.parametrize(
    "attempt",
    [
        f"import socket; socket.create_connection(('{FAR_AWAY}', 9), timeout=1)",
        f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{FAR_AWAY}', 9))",
        "import urllib.request; urllib.request.urlopen('http://example.invalid')",
    ],
)
def test_the_guard_catches_an_attempt(attempt: str, tmp_path: Path) -> None:
    done, attempts = run_guarded([sys.executable, "-c", attempt], tmp_path)
    assert done.returncode != 0
    assert len(attempts) == 1


def test_the_guard_lets_loopback_through(tmp_path: Path) -> None:
    listen_and_call = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    )
    done, attempts = run_guarded([sys.executable, "-c", listen_and_call], tmp_path)
    assert (done.returncode, attempts) == (0, [])


def test_the_empty_network_is_empty(empty_network: list[str]) -> None:
    if not empty_network:
        pytest.skip("this system makes no network namespace: only the guard inside Python watches")
    call = f"import socket; socket.create_connection(('{FAR_AWAY}', 9), timeout=1)"
    done = subprocess.run([*empty_network, sys.executable, "-c", call], capture_output=True, check=False)
    assert b"unreachable" in done.stderr


class Investigated(NamedTuple):
    folder: Path
    done: subprocess.CompletedProcess[str]
    attempts: list[str]


@pytest.fixture(scope="module")
def investigated(installed: Path, empty_network: list[str], tmp_path_factory: pytest.TempPathFactory) -> Investigated:
    """The built-in incident, investigated behind the guard and, where that can be had, in an empty network."""
    folder = tmp_path_factory.mktemp("investigated")
    return Investigated(folder, *run_guarded([*empty_network, *INVESTIGATE], folder, installed))


def test_the_installed_wheel_solves_its_own_case_and_calls_nobody(investigated: Investigated) -> None:
    assert investigated.attempts == []
    assert investigated.done.returncode == 0, investigated.done.stderr[-2000:]
    case = json.loads(investigated.done.stdout)
    assert (case["delta"], case["verified"]) == (4723, True)


def test_the_report_names_nothing_that_a_browser_would_fetch(investigated: Investigated) -> None:
    page = investigated.folder / json.loads(investigated.done.stdout)["report"]
    text = page.read_text(encoding="utf-8")
    for fetched in ('src="http', "src='http", 'href="http', "url(http", "@import", "<script src"):
        assert fetched not in text
