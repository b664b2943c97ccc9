"""docs/audit.md: its commands do what it says, one after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

from esworkbench.lab import Incident

PAGE = Path("docs/audit.md")


def test_the_commands_of_the_page_run(incident: Incident, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for name, arguments in (("python", ""), ("esworkbench", "-m esworkbench ")):
        (tmp_path / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tmp_path / name).chmod(0o755)
    environment = {
        **os.environ, "STORE": incident.url, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    ran = subprocess.run(
        ["bash", "-euc", "\n".join(blocks)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "identical: 3 answers, with first.json" in ran.stdout


def test_what_was_not_read_is_marked() -> None:
    """The three standards that the page names each say how much of the text was consulted."""
    sections = PAGE.read_text("utf-8").split("\n### ")[1:]
    assert len(sections) == 3
    assert all(re.search(r"^\*(Text not consulted|Read)", section, re.MULTILINE) for section in sections)
