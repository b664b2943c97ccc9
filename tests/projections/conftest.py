"""What a killed rebuild leaves behind stays in the test's own folder."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
