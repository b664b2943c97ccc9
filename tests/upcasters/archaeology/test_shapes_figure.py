"""The picture of shapes: one labelled bar per shape, from when it was first to when it was last seen."""

import pandas as pd
from archaeology_logs import written

from esworkbench.plots import as_png, shapes_figure
from esworkbench.upcasters.archaeology import map_shapes_to_versions, recover_shapes


def test_a_bar_for_each_shape_in_order() -> None:
    versions = map_shapes_to_versions(recover_shapes(written(*[{"a": 1}] * 10, *[{"b": "x"}] * 20))["Noted"])
    rows = [
        {
            "event_type": each.event_type, "version": each.version, "events": each.shape.events,
            "first_at": each.shape.first.valid_at, "last_at": each.shape.last.valid_at,
        }
        for each in versions
    ]  # fmt: skip
    figure = shapes_figure(pd.DataFrame(rows), title="shapes of a log")
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Noted v2", "Noted v1"]
    assert [round(bar.get_width()) for bar in axes.patches] == [19, 9]
    assert [text.get_text().strip() for text in axes.texts] == ["20 events", "10 events"]
    assert as_png(figure).startswith(b"\x89PNG")
