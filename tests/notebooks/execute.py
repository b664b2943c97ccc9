"""Run notebooks and keep their outputs: ``python -m tests.notebooks.execute [NOTEBOOK …]`` writes them in place.

What a running widget shows is left out: a stored view of a widget without its kernel is an error on most pages.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
LONGEST_CELL_SECONDS = 300

Notebook = Any
"""A nbformat notebook, which carries no types."""


def read(path: Path) -> Notebook:
    return nbformat.read(path, as_version=4)


def run(notebook: Notebook, folder: Path, *, times: int = 1) -> Notebook:
    """All cells in order, ``times`` times in one kernel whose working directory is ``folder``. Errors raise."""
    client = NotebookClient(
        notebook, timeout=LONGEST_CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel():
        for _ in range(times):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        client.set_widgets_metadata()
    return notebook


def without_widgets(notebook: Notebook) -> Notebook:
    """Outputs that can be read without a kernel, counted from 1, and no state of a widget."""
    notebook.metadata.pop("widgets", None)
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    return notebook


def code_cells(notebook: Notebook) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def main(names: list[str], say: Callable[[str], None] = print) -> None:
    for path in [Path(name) for name in names] or sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory(prefix="esworkbench-notebook-") as folder:
            done = without_widgets(run(read(path), Path(folder)))
        nbformat.validate(done)
        path.write_text(nbformat.writes(done) + "\n", encoding="utf-8")
        say(f"{path.name}: {len(code_cells(done))} code cells")


if __name__ == "__main__":
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    main(sys.argv[1:])
