"""The race stepper: every click does what the model does, and whatever goes wrong is shown where one looks."""

import logging

import pytest

from esworkbench.lab.models.race import Race, played
from esworkbench.plots import as_png
from esworkbench.widgets import RaceView
from esworkbench.widgets.race_view import race_figure


@pytest.fixture(autouse=True)
def no_warning(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """ipywidgets logs what a callback raises and goes on; a test that doesn't look there sees nothing."""
    caplog.set_level(logging.WARNING)
    return caplog


def view_after(order: str, *, checked: bool) -> RaceView:
    view = RaceView(Race(checked=checked))
    for name in order:
        view.buttons[name].click()
    return view


@pytest.mark.parametrize(("order", "checked"), [("ABABAABB", False), ("ABABAABBB", True)])
def test_clicks_do_what_the_model_does(order: str, checked: bool, no_warning: pytest.LogCaptureFixture) -> None:
    view = view_after(order, checked=checked)
    assert view.race.log == played(order, checked=checked).log
    assert view.race.conclusion() in view.status.value
    assert no_warning.records == []


def test_it_shows_what_each_has_loaded_the_stream_and_the_steps() -> None:
    shown = view_after("ABABAA", checked=True).tables.value
    assert shown.count(">100.00 USD<") == 3, "A and B have loaded it, and it stands in the stream"
    assert ">-80.00 USD<" in shown
    assert ">paid<" in shown
    assert ">version 2 stands, 80.00 USD paid out<" in shown


def test_whoever_has_to_wait_is_shown_and_told_so() -> None:
    view = view_after("AAABB", checked=True)
    assert ">waits for A<" in view.tables.value
    view.buttons["B"].click()
    assert "role='alert'" in view.error.value
    assert "B waits: A has appended and not committed" in view.error.value
    view.buttons["A"].click()
    assert view.error.value == ""


def test_the_check_begins_anew_the_other_way() -> None:
    view = view_after("AAAA", checked=True)
    view.check.value = False
    assert view.race.log == []
    assert not view.race.checked
    view.buttons["A"].click()
    view.buttons["reset"].click()
    assert (view.race.log, view.race.checked) == ([], False)


def test_the_keyboard_does_what_the_buttons_do() -> None:
    view = view_after("", checked=True)
    for key in ("a", "B", " a "):
        view.keys.value = key
        assert view.keys.value == "", "the field is ready for the next key"
    assert [moment.writer for moment in view.race.log] == ["A", "B", "A"]
    view.keys.value = "c"
    assert not view.race.checked
    view.keys.value = "a"
    view.keys.value = "r"
    assert view.race.log == []


def test_a_key_that_means_nothing_is_told_and_does_nothing() -> None:
    view = view_after("", checked=True)
    view.keys.value = "<b>"
    assert "&lt;b&gt;" in view.error.value
    assert view.race.log == []


def test_what_the_model_raises_is_shown(monkeypatch: pytest.MonkeyPatch, no_warning: pytest.LogCaptureFixture) -> None:
    view = view_after("", checked=True)
    monkeypatch.setattr(Race, "advance", lambda race, name: 1 / 0)
    view.buttons["A"].click()
    assert "ZeroDivisionError" in view.error.value
    assert no_warning.records == []


def test_the_picture_tells_a_doubled_version_by_its_shape() -> None:
    figure = race_figure(played("ABABAABB", checked=False), played("ABABAABBB", checked=True))
    markers = [{str(line.get_marker()) for line in axes.lines} for axes in figure.axes]
    assert markers == [{"o", "*"}, {"o", "X"}]
    assert as_png(figure).startswith(b"\x89PNG")
