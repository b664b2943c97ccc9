"""Run notebooks and keep their outputs: ``python -m tests.notebooks.execute [NOTEBOOK …]`` writes them in place.

What a running widget shows is left out: a stored view of a widget without its kernel is an error on most pages.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def kernel_for(notebook: Notebook, folder: Path) -> Iterator[NotebookClient]:
    """A kernel whose working directory is ``folder``, which must exist."""
    client = NotebookClient(
        notebook,
        timeout=LONGEST_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # Two prints arrive as one output or as two, as the moment has it.
        coalesce_streams=True,
    )
    with client.setup_kernel():
        yield client


def run_all(client: NotebookClient, *, times: int = 1) -> None:
    """All cells in order, each so many ``times`` in a row. A cell's error raises."""
    for index, cell in enumerate(client.nb.cells):
        for _ in range(times):
            client.execute_cell(cell, index)


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


def main(names: list[str]) -> None:
    for path in [Path(name) for name in names] or sorted(NOTEBOOKS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory(prefix="esworkbench-notebook-") as folder:
            notebook = read(path)
            with kernel_for(notebook, Path(folder)) as client:
                run_all(client)
            done = without_widgets(notebook)
        nbformat.validate(done)
        path.write_text(nbformat.writes(done) + "\n", encoding="utf-8")
        print(f"{path.name}: {len(code_cells(done))} code cells")


if __name__ == "__main__":
    main(sys.argv[1:])
