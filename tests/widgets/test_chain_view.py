"""The view of a chain: every step of the model can be reached and read, and whatever goes wrong is shown in it."""

import logging
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest

from esworkbench.domains.orders import ORDER_EVENT_TYPES, ORDER_UPCASTERS
from esworkbench.upcasters import Payload, Shape, Shaped, Upcaster, UpcasterChain
from esworkbench.upcasters.trace import steps_of
from esworkbench.widgets import ChainView, chain_figure
from tests.notebooks.execute import code_cells, kernel_for, run_all

WANTED = {name: ORDER_EVENT_TYPES.latest_version(name) for name in ORDER_EVENT_TYPES.names()}
EVIL = "<img src=x onerror=alert(1)>"
SAMPLES: dict[Shape, Payload] = {
    Shape("OrderPlaced", 1): {"order_id": "o", "customer": EVIL, "total": Decimal("10.005")},
    Shape("OrderPlaced", 2): {"order_id": "p", "customer": "Ada", "total_dollars": Decimal("1.50")},
    Shape("OrderDispatched", 1): {"order_id": "o", "tracking_numbers": ["t", "u"]},
    Shape("OrderViewed", 1): {"order_id": "o", "by": "Ada"},
    Shape("OrderAborted", 1): {"order_id": "o"},
}


@pytest.fixture(autouse=True)
def no_warning(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """ipywidgets logs what a callback raises and goes on; a test that doesn't look there sees nothing."""
    caplog.set_level(logging.WARNING)
    return caplog


@pytest.fixture
def view() -> ChainView:
    return ChainView(ORDER_UPCASTERS, WANTED, SAMPLES)


def choose(view: ChainView, event_type: str, version: int = 1) -> None:
    view.event_type.value = event_type
    view.version.value = version


def test_clicks_walk_the_chain_forward_and_back(view: ChainView, no_warning: pytest.LogCaptureFixture) -> None:
    choose(view, "OrderPlaced")
    assert "OrderPlaced v1</b>, as stored; step 0 of 2" in view.status.value
    assert view.back.disabled
    view.forward.click()
    assert "OrderPlaced v1 → OrderPlaced v2</b>, by name_the_unit (upcast); step 1 of 2" in view.status.value
    assert "so v2 says total_dollars" in view.status.value
    view.forward.click()
    assert "count_in_cents" in view.status.value
    assert "1001" in view.payload.value
    assert view.forward.disabled
    view.back.click()
    assert "name_the_unit" in view.status.value
    assert no_warning.records == []


def test_a_step_past_either_end_goes_nowhere(view: ChainView) -> None:
    choose(view, "OrderPlaced")
    view.go(-1)
    assert view.place == 0
    view.go(9)
    assert view.place == 2


def test_what_happened_to_a_field_is_a_word_not_a_colour(view: ChainView) -> None:
    choose(view, "OrderPlaced")
    view.forward.click()
    rows = [row for row in view.payload.value.split("<tr>") if "total" in row]
    assert [("gone" in row, "new" in row) for row in rows] == [(True, False), (False, True)]
    assert "color" not in view.payload.value


def test_choosing_a_type_alone_begins_with_its_oldest_version(view: ChainView) -> None:
    assert (view.stored.shape, view.version.value) == (Shape("OrderAborted", 1), 1)
    for event_type in ("OrderPlaced", "OrderViewed", "OrderPlaced"):
        view.event_type.value = event_type
        assert view.stored.shape == Shape(event_type, 1)
        assert f"{event_type} v1" in view.status.value
        view.version.value = max(version for _, version in view.version.options)


def test_choosing_another_version_begins_anew(view: ChainView) -> None:
    choose(view, "OrderPlaced")
    view.forward.click()
    view.version.value = 2
    assert (view.place, len(view.steps)) == (0, 1)
    choose(view, "OrderDispatched")
    assert view.stored == Shaped("OrderDispatched", 1, SAMPLES[Shape("OrderDispatched", 1)])
    assert len(view.steps) == 1


def test_a_split_shows_every_fact_and_a_drop_what_is_gone(view: ChainView) -> None:
    choose(view, "OrderDispatched")
    view.forward.click()
    assert view.payload.value.count("<table>") == 2
    choose(view, "OrderViewed")
    view.forward.click()
    assert "OrderViewed v1 → nothing" in view.status.value
    assert view.payload.value.count(">gone<") == 2


def test_a_payload_that_can_not_be_read_says_so_in_the_widget(
    view: ChainView, no_warning: pytest.LogCaptureFixture
) -> None:
    choose(view, "OrderAborted")
    assert "upcaster call_it_cancelled can&#x27;t take this OrderAborted v1" in view.error.value
    assert view.forward.disabled
    choose(view, "OrderPlaced")
    assert view.error.value == ""
    assert no_warning.records == []


def test_a_step_that_forgets_to_return_says_so_in_the_widget(no_warning: pytest.LogCaptureFixture) -> None:
    def forgetful(payload: Payload) -> Payload:
        """Changes what it is given, and hands nothing on."""
        return None  # type: ignore[return-value]

    view = ChainView(UpcasterChain([Upcaster("Noted", 1, forgetful)]), {"Noted": 2}, {Shape("Noted", 1): {"a": 1}})
    view.forward.click()
    assert "TypeError" in view.error.value or "AttributeError" in view.error.value
    assert no_warning.records == []


def test_markup_in_a_payload_stays_text(view: ChainView) -> None:
    choose(view, "OrderPlaced")
    view.forward.click()
    assert "<img" not in view.payload.value
    assert "&lt;img src=x" in view.payload.value


def test_the_picture_has_a_panel_for_each_step() -> None:
    stored = Shaped("OrderPlaced", 1, SAMPLES[Shape("OrderPlaced", 1)])
    figure = chain_figure(stored, steps_of(ORDER_UPCASTERS, stored, WANTED))
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "OrderPlaced v1, as stored", "→ OrderPlaced v2\nname_the_unit", "→ OrderPlaced v3\ncount_in_cents",
    ]  # fmt: skip
    assert texts[1][2:] == ["− total: 10.005", "+ total_dollars: 10.005"]


def test_a_view_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one sample"):
        ChainView(ORDER_UPCASTERS, WANTED, {})


KERNEL = """
import logging
from tests.widgets.test_chain_view import ORDER_UPCASTERS, SAMPLES, WANTED, ChainView

warnings = []
catcher = logging.Handler(logging.WARNING)
catcher.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger().addHandler(catcher)
view = ChainView(ORDER_UPCASTERS, WANTED, SAMPLES)
view.widget
---
view.event_type.value = "OrderPlaced"
for button in (view.forward, view.forward, view.back):
    button.click()
print(view.stored.shape, view.place, warnings)
"""


def test_clicks_in_a_real_kernel_raise_nothing_and_log_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in KERNEL.split("---")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with kernel_for(notebook, tmp_path) as client:
        run_all(client)
    shown, clicked = code_cells(notebook)
    assert any("widget-view" in kind for output in shown.outputs for kind in output.get("data", {}))
    assert [output.text for output in clicked.outputs] == ["OrderPlaced v1 1 []\n"]
