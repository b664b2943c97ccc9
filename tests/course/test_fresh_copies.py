"""`esworkbench lab --reset NN` gives a fresh copy of each notebook, and never throws the reader's own away.

It comes without outputs: whoever is asked for a guess doesn't see the answer below.
"""

from pathlib import Path

import pytest

from esworkbench import cli
from tests.notebooks.execute import code_cells, read
from tests.notebooks.test_shape import ALL


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_notebook_starts_anew_beside_what_its_reader_wrote(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    command = ["lab", "--into", str(tmp_path), "--reset", path.stem[:2]]
    assert cli.run(command) == 0
    for work in ("first try", "second try"):
        copy.write_text(work, encoding="utf-8")
        assert cli.run(command) == 0
    fresh, original = read(copy), read(path)
    assert [(cell.id, cell.source, cell.metadata) for cell in fresh.cells] == [
        (cell.id, cell.source, cell.metadata) for cell in original.cells
    ]
    assert [cell.outputs for cell in code_cells(fresh) if cell.outputs or cell.execution_count] == []
    kept = [path.name, f"{path.stem}.kept1.ipynb", f"{path.stem}.kept2.ipynb"]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(kept)
    assert (tmp_path / kept[1]).read_text(encoding="utf-8") == "first try"
    assert (tmp_path / kept[2]).read_text(encoding="utf-8") == "second try"
