"""The snapshot frequency dial in a notebook: a slider on top of ``SnapshotDial``, which knows all the rules."""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from esworkbench.errors import EsworkbenchError
from esworkbench.lab.models.snapshot_dial import SnapshotDial, named
from esworkbench.plots import as_png, frequency_figure
from esworkbench.widgets.alert import alert

CELL = "style='padding:0 .6em;white-space:nowrap;line-height:1.5;text-align:right'"
HEADS = ("", "every", "p50 ms", "p99 ms", "within the limit", "snapshots", "bytes", "recommended")


class SnapshotDialView:
    """``widget`` shows a slider for the frequency, the profile, the limit, and what they come to, as picture and table.

    Each of the three can be reached with Tab and moved with the arrow keys.
    """

    def __init__(self, dial: SnapshotDial) -> None:
        self.dial = dial
        # By name, since a slider can't have None (no snapshots) as a value.
        by_name = {named(every): every for every in dial.frequencies}
        self.every = widgets.SelectionSlider(
            options=list(by_name), value=named(dial.every), description="every", layout=widgets.Layout(width="28rem")
        )
        self.profile = widgets.Dropdown(options=dial.profiles, value=dial.profile, description="streams")
        self.limit = widgets.FloatText(
            value=dial.limit_ms, step=0.1, description="limit, ms", layout=widgets.Layout(width="12rem")
        )
        self.status = widgets.HTML()
        self.table = widgets.HTML()
        self.error = widgets.HTML()
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.every.observe(lambda change: self._moved(dial.turn, by_name[change["new"]]), names="value")
        self.profile.observe(lambda change: self._moved(dial.choose, change["new"]), names="value")
        self.limit.observe(lambda change: self._moved(dial.set_limit, change["new"]), names="value")
        row = widgets.HBox([self.profile, self.limit])
        self.widget = widgets.VBox([self.every, row, self.error, self.status, self.picture, self.table])
        self._show()

    def _moved(self, act: Callable[[Any], None], value: Any) -> None:
        """An error is shown in the widget, where the person is looking."""
        self.error.value = ""
        try:
            act(value)
            self._show()
        except EsworkbenchError as error:
            self.error.value = alert(error)
        except Exception as error:  # noqa: BLE001 - JupyterLab shows nothing when a callback raises
            self.error.value = alert(f"{type(error).__name__}: {error}")

    def _show(self) -> None:
        self.status.value = f"<div style='line-height:1.5'><b>{escape(self.dial.conclusion())}</b></div>"
        self.picture.value = as_png(dial_figure(self.dial), dpi=90)
        self.table.value = _table(self.dial)


def dial_figure(dial: SnapshotDial) -> Figure:
    """Load times against frequency with the limit, the bytes kept under each frequency, and where the dial stands."""
    figure = frequency_figure(dial.rows, limit_ms=dial.limit_ms, title=dial.profile)
    [axes] = figure.axes
    axes.axvline(dial.frequencies.index(dial.every), color="black", linestyle="-.", linewidth=1, label="the dial")
    labels = [f"{named(row.every)}\n{row.snapshot_bytes:,} B" for row in dial.rows]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel("a snapshot every so many events, and the bytes kept")
    axes.legend(loc="best", frameon=False)
    return figure


def _table(dial: SnapshotDial) -> str:
    lines = []
    for row in dial.rows:
        cells = [
            "→" if row.every == dial.every else "", named(row.every), f"{row.p50_ms:g}", f"{row.p99_ms:g}",
            "yes" if row.meets_limit else "no", f"{row.snapshots:,}", f"{row.snapshot_bytes:,}",
            "yes" if row.recommended else "",
        ]  # fmt: skip
        lines.append("<tr>" + "".join(f"<td {CELL}>{cell}</td>" for cell in cells) + "</tr>")
    head = "<tr>" + "".join(f"<th {CELL}>{name}</th>" for name in HEADS) + "</tr>"
    return f"<div style='overflow-x:auto'><table>{head}{''.join(lines)}</table></div>"
