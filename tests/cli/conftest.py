"""A small bank with a lost message, built once, and its evidence."""

from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench import cli
from esworkbench.lab import Incident, build_incident


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture(scope="session")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Incident:
    folder = tmp_path_factory.mktemp("incident")
    return build_incident(f"sqlite:///{folder / 'bank.db'}", fault="unresolved_pending", seed=5, scale="small")


@pytest.fixture(scope="session")
def shared_evidence(incident: Incident, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence of the incident: questions may be put to it, and nothing may be changed."""
    folder = tmp_path_factory.mktemp("shared") / "evidence"
    assert cli.run(["capture", incident.url, "--into", str(folder)]) == 0
    return folder
