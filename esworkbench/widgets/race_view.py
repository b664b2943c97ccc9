"""Two writers in a notebook, advanced by hand: buttons on top of ``Race``, which knows all the rules."""

from collections.abc import Iterable, Sequence
from html import escape

import ipywidgets as widgets
from matplotlib.figure import Figure

from esworkbench.errors import EsworkbenchError
from esworkbench.lab.models.race import CURRENCY, OPENING_MINOR, Race, Writer
from esworkbench.money import format_minor
from esworkbench.widgets.alert import alert

CELL = "style='padding:0 .6em;text-align:left;line-height:1.5'"
COLOURS = ("#2f7fc6", "#cc5a2b", "#7f7f7f")


class RaceView:
    """``widget`` shows what each writer knows, the stream, and every step made so far.

    There is a button for each writer, one to start over, and a box for the version check, which starts over too. All
    can be reached with Tab; the field takes a writer's name, ``r`` for reset or ``c`` for the check, and Enter.
    """

    def __init__(self, race: Race) -> None:
        self.race = race
        self.status = widgets.HTML()
        self.tables = widgets.HTML()
        self.error = widgets.HTML()
        self.buttons = {
            name: widgets.Button(description=f"{name}: next step", tooltip=f"let {name} make its next step")
            for name in race.writers
        }
        self.buttons["reset"] = widgets.Button(description="reset", tooltip="start the race over")
        for action, button in self.buttons.items():
            button.on_click(lambda _, action=action: self.act(action))
        self.check = widgets.Checkbox(value=race.checked, description="append checks the version", indent=False)
        self.check.observe(lambda _: self.act("reset"), names="value")
        self.keys = widgets.Text(
            placeholder=f"{', '.join(race.writers)}, r, c and Enter", description="keys", continuous_update=False,
            layout=widgets.Layout(width="16rem"),
        )  # fmt: skip
        self.keys.observe(self._typed, names="value")
        row = widgets.HBox([*self.buttons.values(), self.keys])
        self.widget = widgets.VBox([self.check, row, self.error, self.status, self.tables])
        self._show()

    def act(self, action: str) -> None:
        """Advance the writer of that name, ``reset``, or toggle the ``check``. An error is shown in the widget."""
        self.error.value = ""
        try:
            if action == "check":
                self.check.value = not self.check.value
                return
            if action == "reset":
                asked = {name: writer.asked_minor for name, writer in self.race.writers.items()}
                self.race = Race(checked=self.check.value, asked_minor=asked)
            else:
                self.race.advance(action)
            self._show()
        except EsworkbenchError as error:
            self.error.value = alert(error)
        except Exception as error:  # noqa: BLE001 - JupyterLab shows nothing when a callback raises
            self.error.value = alert(f"{type(error).__name__}: {error}")

    def _typed(self, change: dict[str, str]) -> None:
        typed = change["new"].strip()
        if not typed:
            return
        self.keys.value = ""
        names = {name.lower(): name for name in self.race.writers}
        action = ({"r": "reset", "c": "check"} | names).get(typed.lower())
        if action is None:
            self.error.value = alert(f"{typed!r} is no action: type one of {', '.join(names)}, r, c")
            return
        self.act(action)

    def _show(self) -> None:
        race = self.race
        self.status.value = f"<div style='line-height:1.5'><b>{escape(race.conclusion())}</b></div>"
        stream = [(1, "opening deposit", format_minor(OPENING_MINOR, CURRENCY))]
        stream += [(each.version, each.writer, format_minor(-each.amount_minor, CURRENCY)) for each in race.stream]
        self.tables.value = "<div style='overflow-x:auto'>" + "".join(
            (
                _table("writers", WRITER_HEADS, map(self._writer_row, race.writers.values())),
                _table("the stream", ("version", "by", "amount"), stream),
                _table("steps so far", ("", "writer", "step", "what came of it"), race.log),
            )
        )
        self.tables.value += "</div>"

    def _writer_row(self, writer: Writer) -> tuple[str, ...]:
        loaded = writer.loaded
        waits_for = self.race.waits_for(writer.name)
        step = writer.outcome or (f"waits for {waits_for}" if waits_for else writer.next_step)
        return (
            writer.name,
            step,
            str(loaded.version) if loaded else "–",
            format_minor(loaded.balance_minor, CURRENCY) if loaded else "–",
            str(writer.attempts),
        )


WRITER_HEADS = ("writer", "now at", "loaded version", "loaded balance", "loads")


def race_figure(*races: Race) -> Figure:
    """Each race as one lane per writer: its steps from left to right, a cross where ConcurrencyError stopped one.

    A star marks a commit at a version that another event had already. Whatever is drawn is in ``race.log`` as text.
    """
    figure = Figure(figsize=(9, 1.9 * len(races)), layout="constrained")
    for axes, race in zip(figure.subplots(len(races), 1, squeeze=False)[:, 0], races, strict=True):
        names = list(race.writers)
        for made in race.log:
            lane = len(names) - 1 - names.index(made.writer)
            marker = "X" if "ConcurrencyError" in made.what else "*" if "second event" in made.what else "o"
            colour = COLOURS[names.index(made.writer) % len(COLOURS)]
            axes.plot(made.number, lane, marker=marker, color=colour, markersize=14 if marker == "*" else 8)
            axes.annotate(
                made.step, (made.number, lane), xytext=(0, 9), textcoords="offset points", ha="center", fontsize=9
            )
        axes.set_yticks(range(len(names)), list(reversed(names)))
        axes.set_ylim(-0.5, len(names) - 0.3)
        axes.set_xticks([made.number for made in race.log])
        check = "with" if race.checked else "without"
        left = format_minor(race.balance_minor, CURRENCY)
        paid = format_minor(race.paid_minor, CURRENCY)
        axes.set_title(f"{check} the check: {paid} paid out, the stream says {left} are left", loc="left", fontsize=10)
    return figure


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th scope='col' {CELL}>{escape(name)}</th>" for name in heads)
    lines = ["".join(f"<td {CELL}>{escape(str(cell))}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption {CELL}><b>{escape(title)}</b></caption><tr>{head}</tr>{body}</table>"
