"""The view of a bisection: every click does what the model does, and whatever goes wrong is shown where one looks."""

import logging
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from esworkbench.forensics.compare.bisect_session import BisectionSession, Verdict
from esworkbench.widgets import BisectView
from tests.notebooks.execute import code_cells, kernel_for, run_all

CULPRIT = 6


def judge(event: int) -> Verdict:
    return "bad" if event >= CULPRIT else "good"


def timeline(event_ids: list[str]) -> pd.DataFrame:
    count = len(event_ids)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pd.DataFrame(
        {
            "position": [100 + number for number in range(1, count + 1)],
            "version": range(1, count + 1),
            "event_id": event_ids,
            "kind": ["deposit"] * count,
            "recorded_at": [start + timedelta(hours=number) for number in range(count)],
            "valid_at": [start + timedelta(hours=number) for number in range(count)],
            "amount_minor": [1_000] * count,
            "event_sum_minor": [1_000 * number for number in range(1, count + 1)],
            "claimed_minor": pd.array([None, *(1_000 * number for number in range(2, count + 1))], dtype="Int64"),
        }
    )


def view_of(event_ids: list[str] | None = None, **options: object) -> BisectView:
    event_ids = event_ids or [f"e{number}" for number in range(1, 12)]
    session = BisectionSession(event_ids, monotone=True)
    return BisectView(session, timeline(event_ids), currency="USD", **{"judge": judge, **options})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_warning(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """ipywidgets logs what a callback raises and goes on; a test that doesn't look there sees nothing."""
    caplog.set_level(logging.WARNING)
    return caplog


def test_clicks_lead_to_the_culprit_without_a_warning(no_warning: pytest.LogCaptureFixture) -> None:
    view = view_of()
    while (probe := view.session.probe) is not None:
        view.buttons[judge(probe)].click()
    assert view.session.first_bad == CULPRIT
    assert "event 6 (e6) is the first bad one" in view.status.value
    assert no_warning.records == []


def test_a_callback_that_raises_would_be_noticed_here(no_warning: pytest.LogCaptureFixture) -> None:
    view = view_of()
    view.buttons["good"].on_click(lambda _: 1 / 0)
    view.buttons["good"].click()
    assert "ZeroDivisionError" in no_warning.text


def test_asking_lets_the_function_judge_and_the_log_says_so() -> None:
    view = view_of()
    while not view.session.done:
        view.ask.click()
    assert view.session.first_bad == CULPRIT
    assert {entry["says"] for entry in view.session.log} == {"function"}


def test_undo_and_reset_are_clicks_too() -> None:
    view = view_of()
    assert view.buttons["undo"].disabled
    for action in ("good", "bad", "undo", "reset"):
        view.buttons[action].click()
    assert view.session.judgements == {}
    assert [entry["action"] for entry in view.session.log] == ["good", "bad", "undo", "reset"]
    assert not view.buttons["undo"].disabled


def test_the_keyboard_does_what_the_buttons_do() -> None:
    view = view_of()
    for key in ("b", "G", " s ", "u", "good"):
        view.keys.value = key
        assert view.keys.value == "", "the field is ready for the next key"
    assert [entry["action"] for entry in view.session.log] == ["bad", "good", "skip", "undo", "good"]


@pytest.mark.parametrize("typed", ["<x>", "banana"])
def test_a_key_that_means_nothing_is_told_and_does_nothing(typed: str) -> None:
    view = view_of()
    view.keys.value = typed
    assert escape(typed) in view.error.value
    assert view.session.log == []


def test_an_error_is_shown_in_the_widget_and_gone_after_the_next_action() -> None:
    view = view_of()
    view.buttons["undo"].disabled = False
    view.act("undo")
    assert "there is nothing to undo" in view.error.value
    view.act("good")
    assert view.error.value == ""


def test_what_a_judge_raises_is_shown_in_the_widget(no_warning: pytest.LogCaptureFixture) -> None:
    def broken(event: int) -> Verdict:
        raise KeyError(f"<b>{event}</b>")

    view = view_of(judge=broken)
    view.ask.click()
    assert "KeyError" in view.error.value
    assert "<b>6" not in view.error.value
    assert view.session.log == []
    assert no_warning.records == []


def test_without_a_judge_there_is_no_button_to_ask() -> None:
    view = view_of(judge=None)
    row = view.widget.children[3]
    assert view.ask not in row.children
    view.act("ask")
    assert "there is nothing to ask" in view.error.value


def test_when_done_nothing_is_left_to_judge() -> None:
    view = view_of()
    view.session.run(judge)
    view.act("good")
    assert "nothing is left to judge" in view.error.value
    view.act("undo")
    view.act(judge(view.session.probe or 0))
    assert all(button.disabled for button in (view.ask, *(view.buttons[action] for action in ("good", "bad", "skip"))))


def test_the_event_under_judgement_stands_between_its_neighbours() -> None:
    view = view_of()
    rows = view.neighbours.value.split("<tr>")[2:]
    assert [f">e{number}<" in row for number, row in zip(range(2, 9), rows, strict=True)] == [True] * 7
    assert ["→" in row for row in rows] == [False, False, False, True, False, False, False]
    assert "50.00 USD" in rows[3]


def test_amounts_are_shown_by_the_scale_that_is_given() -> None:
    assert "0.5000 USD" in view_of(decimals=4).neighbours.value


def test_an_event_id_with_markup_stays_text() -> None:
    evil = "<img src=x onerror=alert(1)>"
    view = view_of([evil, *(f"e{number}" for number in range(2, 5))])
    while not view.session.done:
        view.act("bad")
    assert "<img" not in view.neighbours.value + view.status.value
    assert "&lt;img src=x" in view.status.value


def test_a_timeline_of_other_events_is_refused() -> None:
    with pytest.raises(ValueError, match="3 rows can't show a session over 2 events"):
        BisectView(BisectionSession(["a", "b"]), timeline(["a", "b", "c"]), currency="USD")


KERNEL = """
import logging
from tests.widgets.test_bisect_view import judge, view_of

warnings = []
catcher = logging.Handler(logging.WARNING)
catcher.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger().addHandler(catcher)
view = view_of()
view.widget
---
while view.session.probe is not None:
    view.buttons[judge(view.session.probe)].click()
print(view.session.first_bad, warnings)
"""


def test_clicks_in_a_real_kernel_raise_nothing_and_log_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in KERNEL.split("---")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with kernel_for(notebook, tmp_path) as client:
        run_all(client)
    shown, clicked = code_cells(notebook)
    assert any("widget-view" in kind for output in shown.outputs for kind in output.get("data", {}))
    assert [output.text for output in clicked.outputs] == [f"{CULPRIT} []\n"]
