"""Notebooks run again and again in one kernel, on SQLite and on PostgreSQL, and say the same each time.

`make notebooks` runs each once more, in a kernel of its own.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.execute import code_cells, kernel_for, read, run_all
from tests.notebooks.test_shape import ALL, COMPARED

PASSES = ("sqlite", "postgres")


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_it_says_the_same_twice_in_one_kernel_and_on_postgres_by_changing_one_line(
    path: Path, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_PG_DSN", postgres_server)
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    committed = compared(read(path))
    notebook = read(path)
    with kernel_for(notebook, tmp_path) as client:
        for store in PASSES:
            code_cells(notebook)[0].source = f'STORE = "{store}"'
            run_all(client)
            assert compared(notebook) == committed, f"on {store}"


def compared(notebook: Any) -> list[tuple[str, list[str]]]:
    """What the marked cells say, as text."""
    return [
        (cell.source, [output.get("text") or output.data["text/plain"] for output in cell.outputs])
        for cell in code_cells(notebook)
        if COMPARED in cell.source
    ]
