"""A chain walked by hand in a notebook: one stored payload, step by step, on top of ``steps_of``, which takes them."""

from collections.abc import Callable, Mapping
from html import escape

import ipywidgets as widgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from esworkbench.errors import EsworkbenchError
from esworkbench.upcasters import Payload, Shape, Shaped, UpcasterChain
from esworkbench.upcasters.trace import FieldSeen, StepTaken, fields_of, steps_of

MARKS = {"kept": " ", "changed": "~", "gone": "−", "new": "+"}
COLORS = {"kept": "#7f7f7f", "changed": "#9a7b1c", "gone": "#cc5a2b", "new": "#2f7fc6"}
CELL = "style='padding:0 .6em;white-space:nowrap;line-height:1.5;text-align:left'"


class ChainView:
    """``widget`` shows one stored payload on its way: choose an event type and a version, then step forward and back.

    ``samples`` holds a payload for each stored shape that can be chosen, ``wanted`` the latest version of each type.
    ``place`` counts the steps taken so far. Every control can be reached with Tab.
    """

    def __init__(self, chain: UpcasterChain, wanted: Mapping[str, int], samples: Mapping[Shape, Payload]) -> None:
        if not samples:
            raise ValueError("there is no payload to show: give at least one sample")
        self.steps: list[StepTaken] = []
        self.place = 0
        self._chain = chain
        self._wanted = dict(wanted)
        self._samples = dict(samples)
        types = sorted({shape.event_type for shape in samples})
        self.event_type = widgets.Dropdown(options=types, description="event type")
        self.version = widgets.Dropdown(description="stored as")
        self.back = widgets.Button(description="back", tooltip="undo the last step shown")
        self.forward = widgets.Button(description="forward", tooltip="take the next step")
        self.status, self.payload, self.error = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.event_type.observe(lambda _: self._offer_versions(), names="value")
        self.version.observe(lambda _: self._begin(), names="value")
        self.back.on_click(lambda _: self.go(-1))
        self.forward.on_click(lambda _: self.go(1))
        row = widgets.HBox([self.event_type, self.version, self.back, self.forward])
        self.widget = widgets.VBox([row, self.status, self.payload, self.error])
        self._offer_versions()

    @property
    def stored(self) -> Shaped:
        """The payload that was chosen, as stored."""
        shape = Shape(self.event_type.value, self.version.value)
        return Shaped(*shape, self._samples[shape])

    def go(self, by: int) -> None:
        """Go ``by`` steps forward, or back if it is negative; it stops at either end."""
        self.place = min(max(self.place + by, 0), len(self.steps))
        self._show_errors_of(self._show)

    def _offer_versions(self) -> None:
        versions = sorted(shape.schema_version for shape in self._samples if shape.event_type == self.event_type.value)
        self.version.options = [(f"v{version}", version) for version in versions]
        self.version.value = versions[0]
        # Observers aren't called when the value stays the same, though it belongs to another type now.
        self._begin()

    def _begin(self) -> None:
        if self.version.value is None or Shape(self.event_type.value, self.version.value) not in self._samples:
            # Between two choices: the type is the new one and the version still the old.
            return
        self.error.value, self.place, self.steps = "", 0, []
        self._show_errors_of(self._walk)
        self._show_errors_of(self._show)

    def _walk(self) -> None:
        self.steps = steps_of(self._chain, self.stored, self._wanted)

    def _show_errors_of(self, act: Callable[[], None]) -> None:
        try:
            act()
        except EsworkbenchError as error:
            self.error.value = _warning(str(error))
        except Exception as error:  # noqa: BLE001 - JupyterLab shows nothing when a callback raises
            self.error.value = _warning(f"{type(error).__name__}: {error}")

    def _show(self) -> None:
        self.back.disabled = self.place == 0
        self.forward.disabled = self.place == len(self.steps)
        where = f"step {self.place} of {len(self.steps)}"
        if self.place == 0:
            stored = self.stored
            self.status.value = f"<b>{escape(str(stored.shape))}</b>, as stored; {where}"
            self.payload.value = _table(fields_of(stored.payload, stored.payload))
            return
        step = self.steps[self.place - 1]
        self.status.value = (
            f"<b>{escape(headline(step))}</b>, by {escape(step.name)} ({step.kind}); {where}<br>"
            f"<i>{escape(step.reason)}</i>"
        )
        # A step that drops leaves every field gone; one that splits is shown fact by fact.
        tables = [_table(fields_of(step.before, fact.payload)) for fact in step.after]
        self.payload.value = "<hr>".join(tables) or _table(fields_of(step.before, {}))


def headline(step: StepTaken) -> str:
    """``OrderPlaced v1 → OrderPlaced v2``; nothing where the fact is dropped."""
    return f"{step.source} → {', '.join(str(fact.shape) for fact in step.after) or 'nothing'}"


def chain_figure(stored: Shaped, steps: list[StepTaken]) -> Figure:
    """The whole walk as one picture, a panel for the payload as stored and one for each step."""
    figure = Figure(figsize=(9, 1.9), layout="constrained")
    panels = figure.subplots(1, len(steps) + 1, squeeze=False)[0]
    _panel(panels[0], f"{stored.shape}, as stored", fields_of(stored.payload, stored.payload))
    for axes, step in zip(panels[1:], steps, strict=True):
        facts = step.after or (Shaped(*step.source, {}),)
        fields = [field for fact in facts for field in fields_of(step.before, fact.payload)]
        after = ", ".join(str(fact.shape) for fact in step.after) or "nothing"
        _panel(axes, f"→ {after}\n{step.name}", fields)
    return figure


def _panel(axes: Axes, title: str, fields: list[FieldSeen]) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_axis_off()
    for line, field in enumerate(fields):
        axes.text(
            0, 1 - 0.16 * (line + 1), f"{MARKS[field.happened]} {field.name}: {_value(field)}", fontsize=9,
            family="monospace", color=COLORS[field.happened], transform=axes.transAxes,
        )  # fmt: skip


def _value(field: FieldSeen) -> str:
    return str(field.before if field.happened == "gone" else field.after)


def _table(fields: list[FieldSeen]) -> str:
    """One row per field; a word and a mark say what happened to it, so no colour is needed."""
    heads = ("", "field", "before", "after", "what happened")
    lines = ["<tr>" + "".join(f"<th {CELL}>{head}</th>" for head in heads) + "</tr>"]
    for field in fields:
        before = "" if field.happened == "new" else str(field.before)
        after = "" if field.happened == "gone" else str(field.after)
        cells = (MARKS[field.happened], field.name, before, after, field.happened)
        lines.append("<tr>" + "".join(f"<td {CELL}>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<div style='overflow-x:auto'><table>{''.join(lines)}</table></div>"


def _warning(sentence: str) -> str:
    return f"<p role='alert'><b>not read:</b> {escape(sentence)}</p>"
