"""Whether the output of a notebook's cell shows what a point says.

The committed notebooks are read as they lie, without running them: the tests of the notebooks hold their outputs equal
to what the code gives, and the tests of the cards hold the points to those outputs.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from esworkbench.course.interview.cards import Proof
from esworkbench.errors import UnusableInput
from esworkbench.resources import notebooks_path

READABLE = ("text/plain", "text/markdown", "text/html")
"""The forms of an output that have words; a picture proves nothing to a program."""


def notebook_of(number: str, folder: Path | None = None) -> Path | None:
    """The notebook with this number; None where there is none."""
    return next((folder or notebooks_path()).glob(f"{number}_*.ipynb"), None)


def outputs_of(notebook: Path) -> dict[str, str]:
    """The words of each code cell's outputs, by the cell's id; the empty text for a cell that shows none."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "\n".join(_words(cell)) for cell in cells if cell["cell_type"] == "code"}


def _words(cell: Mapping[str, Any]) -> Iterator[str]:
    for output in cell["outputs"]:
        shown = [output.get("text", ""), *(output.get("data", {}).get(form, "") for form in READABLE)]
        yield from ("".join(text) for text in shown if text)


def holds(proof: Proof, output: str) -> bool:
    """Whether the output says it. Runs of white space count as one space: how a table is padded proves nothing."""
    told = " ".join(output.split())
    if proof.matches is not None:
        return re.search(proof.matches, told) is not None
    return " ".join((proof.says or "").split()) in told


def link_to(proof: Proof, folder: Path | None = None) -> str:
    """A Markdown link from a notebook to the proving cell; JupyterLab goes to the cell, others to its notebook.

    Raises UnusableInput where the notebook isn't there.
    """
    notebook = notebook_of(proof.notebook, folder)
    if notebook is None:
        raise UnusableInput(f"there is no notebook {proof.notebook!r}")
    return f"[{notebook.stem}]({notebook.name}#cell-id={proof.cell})"
