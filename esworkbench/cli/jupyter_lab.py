"""JupyterLab on a copy of the notebooks."""

import json
import os
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from esworkbench.cli.extras import advice_on
from esworkbench.cli.terminal import terminal
from esworkbench.errors import UnusableInput
from esworkbench.resources import notebooks_path

FIRST = "00_start_here.ipynb"
NOTHING_CALLS_OUT = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)


def open_course(into: Path | None, *, reset: str | None, browser: bool, port: int) -> int:
    """Copy what isn't there yet, then run JupyterLab in the foreground; returns its exit code.

    Raises UnusableInput where there is no JupyterLab, and then copies nothing.
    """
    from esworkbench.cli.output_files import course_folder

    folder = course_folder(into or Path("work") / "course")
    originals = sorted(notebooks_path().glob("*.ipynb"))
    if reset is not None:
        return _reset(folder, originals, reset)
    if find_spec("jupyterlab") is None:
        raise UnusableInput(str(advice_on("jupyterlab")))
    folder.mkdir(parents=True, exist_ok=True)
    for original in originals:
        if not os.path.lexists(folder / original.name):
            _copy(original, folder / original.name)
    command = [sys.executable, "-m", "jupyter", "lab", f"--port={port}", *NOTHING_CALLS_OUT]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if not browser:
        command.append("--no-browser")
    return subprocess.call([*command, FIRST], cwd=folder, env=environment())


def environment() -> dict[str, str]:
    """This process's environment, with settings under the user's own that keep JupyterLab from asking about news."""
    settings = str(files("esworkbench.cli").joinpath("jupyter"))
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    return {**os.environ, "JUPYTER_CONFIG_PATH": settings if not others else settings + os.pathsep + others}


def _reset(folder: Path, originals: list[Path], number: str) -> int:
    """A fresh copy of one notebook; the old one is kept beside it, never thrown away."""
    chosen = [original for original in originals if original.name.startswith(f"{number}_")]
    if len(chosen) != 1:
        numbers = ", ".join(original.name[:2] for original in originals)
        raise UnusableInput(f"there is no notebook {number!r}: give one of {numbers}")
    target = folder / chosen[0].name
    folder.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        kept = _unused(target)
        target.rename(kept)
        terminal(stderr=False).print(f"your copy is kept as {kept}", markup=False)
    _copy(chosen[0], target)
    terminal(stderr=False).print(f"fresh: {target}", markup=False)
    return 0


def _copy(original: Path, target: Path) -> None:
    """Without what its cells printed: who is asked for a guess doesn't see the answer below."""
    notebook = json.loads(original.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    target.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _unused(path: Path) -> Path:
    number = 1
    while os.path.lexists(candidate := path.with_stem(f"{path.stem}.kept{number}")):
        number += 1
    return candidate
