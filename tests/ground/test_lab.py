"""`esworkbench lab` serves the notebooks from an installed wheel, without make, clone or network."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ground.offline import guarded_environment

LONGEST_START_SECONDS = 60


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def server(installed: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """JupyterLab as `lab` starts it; what it says of itself (url, token) and where the guard logs attempts."""
    attempts = tmp_path / "attempts.log"
    runtime = tmp_path / "runtime"
    environment = {
        **guarded_environment(installed, attempts),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    command = [sys.executable, "-m", "esworkbench", "lab", "--no-browser", "--port", str(free_port())]
    output = (tmp_path / "output.log").open("w+", encoding="utf-8")
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=output, stderr=output, start_new_session=True
    )
    try:
        yield {**told_by(process, runtime, tmp_path / "output.log"), "attempts": str(attempts)}
    finally:
        if process.poll() is None:
            # The group, because JupyterLab is a child of the command and would outlive it.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)
        output.close()


def told_by(process: subprocess.Popen[bytes], runtime: Path, output: Path) -> dict[str, str]:
    """What the server writes about itself once it listens."""
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for written in runtime.glob("jpserver-*.json"):
            if text := written.read_text(encoding="utf-8"):
                told: dict[str, str] = json.loads(text)
                return told
        time.sleep(0.1)
    raise AssertionError(f"no server came up: {output.read_text(encoding='utf-8')[-2000:]}")


def asked(server: dict[str, str], path: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{server['url']}{path}", headers={"Authorization": f"token {server['token']}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_lab_serves_every_notebook_and_calls_nobody(server: dict[str, str], installed: Path) -> None:
    served = {entry["name"] for entry in asked(server, "api/contents")["content"]}
    shipped = {path.name for path in (installed / "esworkbench" / "_shipped" / "notebooks").glob("*.ipynb")}
    assert shipped
    assert shipped <= served
    settings = asked(server, "lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert settings["schema"]["properties"]["fetchNews"]["default"] == "false", "JupyterLab would ask about its news"
    assert Path(server["attempts"]).read_text(encoding="utf-8") == ""
