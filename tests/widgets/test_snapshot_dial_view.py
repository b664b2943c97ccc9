"""The view of the dial: moving a control does what the model does, and whatever goes wrong is shown where one looks."""

import logging
from pathlib import Path

import nbformat
import pytest

from esworkbench.lab.models.snapshot_dial import SnapshotDial
from esworkbench.snapshotting.frequency import FrequencyRow
from esworkbench.widgets import SnapshotDialView
from esworkbench.widgets.snapshot_dial import dial_figure
from tests.notebooks.execute import code_cells, kernel_for, run_all

MEASURED = {
    "account": [
        FrequencyRow(None, 9, 2.0, 8.0, 0, 0, 0.0, False, False),
        FrequencyRow(100, 9, 0.2, 0.5, 14, 1728, 31.0, False, False),
    ],
    "<b>cart</b>": [
        FrequencyRow(None, 9, 0.02, 0.04, 0, 0, 0.0, False, False),
        FrequencyRow(100, 9, 0.03, 0.05, 0, 0, 0.0, False, False),
    ],
}


def view_of() -> SnapshotDialView:
    return SnapshotDialView(SnapshotDial(MEASURED, limit_ms=1.0))


@pytest.fixture(autouse=True)
def no_warning(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """ipywidgets logs what a callback raises and goes on; a test that doesn't look there sees nothing."""
    caplog.set_level(logging.WARNING)
    return caplog


def rows_of(view: SnapshotDialView) -> list[str]:
    return view.table.value.split("<tr>")[2:]


def test_the_slider_turns_the_dial_and_everything_follows(no_warning: pytest.LogCaptureFixture) -> None:
    view = view_of()
    before = bytes(view.picture.value)
    assert before.startswith(b"\x89PNG")
    view.every.value = "none"
    assert view.dial.every is None
    assert "no snapshots: p99 8 ms, beyond the limit" in view.status.value
    assert ["→" in row for row in rows_of(view)] == [True, False]
    assert bytes(view.picture.value) != before
    assert no_warning.records == []


def test_the_profile_and_the_limit_move_too() -> None:
    view = view_of()
    view.profile.value = "<b>cart</b>"
    assert view.dial.recommended.every is None
    view.profile.value = "account"
    view.limit.value = 9.0
    assert view.dial.recommended.every is None


def test_each_row_says_in_words_whether_it_is_within_the_limit_and_what_is_kept() -> None:
    none, hundred = rows_of(view_of())
    assert (">no<" in none, ">yes<" in hundred, ">1,728<" in hundred) == (True, True, True)


def test_a_limit_that_makes_no_sense_is_told_and_the_old_one_stays() -> None:
    view = view_of()
    view.limit.value = -3.0
    assert "role='alert'" in view.error.value
    assert "name a limit above 0" in view.error.value
    assert view.dial.limit_ms == 1.0
    view.every.value = "none"
    assert view.error.value == ""


def test_an_error_of_ours_is_shown_and_not_swallowed(no_warning: pytest.LogCaptureFixture) -> None:
    view = view_of()
    view.dial.conclusion = lambda: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    view.every.value = "none"
    assert "ZeroDivisionError" in view.error.value
    assert no_warning.records == []


def test_the_static_picture_shows_where_the_dial_stands() -> None:
    dial = SnapshotDial(MEASURED, limit_ms=1.0)
    [axes] = dial_figure(dial).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["none\n0 B", "100\n1,728 B"]
    [line] = [line for line in axes.lines if line.get_label() == "the dial"]
    assert list(line.get_xdata()) == [1, 1]


KERNEL = """
import logging
from tests.widgets.test_snapshot_dial_view import view_of

warnings = []
catcher = logging.Handler(logging.WARNING)
catcher.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger().addHandler(catcher)
view = view_of()
view.widget
---
view.every.value = "none"
print(view.dial.every, view.error.value, warnings)
"""


def test_moved_in_a_real_kernel_it_raises_nothing_and_logs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in KERNEL.split("---")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with kernel_for(notebook, tmp_path) as client:
        run_all(client)
    shown, moved = code_cells(notebook)
    assert any("widget-view" in kind for output in shown.outputs for kind in output.get("data", {}))
    assert [output.text for output in moved.outputs] == ["None  []\n"]
