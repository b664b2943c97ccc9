"""Bisection by hand in a notebook: buttons and a picture on top of ``BisectionSession``, which knows all the rules."""

from collections.abc import Callable
from html import escape

import ipywidgets as widgets
import pandas as pd

from esworkbench.errors import EsworkbenchError
from esworkbench.forensics.compare.bisect_session import BisectionSession, Verdict
from esworkbench.money import format_minor
from esworkbench.plots import as_png, window_figure
from esworkbench.widgets.alert import alert

KEYS = {"g": "good", "b": "bad", "s": "skip", "u": "undo", "r": "reset", "a": "ask"}
NEIGHBOURS = 3
CELL = "style='padding:0 .6em;white-space:nowrap;line-height:1.5'"


class BisectView:
    """``widget`` shows the window on the balance, the event under judgement between its neighbours, and the verdicts.

    ``timeline`` has a row for each of the session's events, in order (see ``forensics.timeline``). ``decimals`` is the
    scale of its amounts (``Evidence.decimals``), ISO 4217's unless given. ``judge`` answers good, bad or skip for an
    event's number; with it there is a button that asks it. Every button can be reached with Tab, and the field takes
    an action or its first letter, and Enter.
    """

    def __init__(
        self,
        session: BisectionSession,
        timeline: pd.DataFrame,
        *,
        currency: str,
        decimals: int | None = None,
        judge: Callable[[int], Verdict] | None = None,
    ) -> None:
        if len(timeline) != len(session.event_ids):
            raise ValueError(f"{len(timeline)} rows can't show a session over {len(session.event_ids)} events")
        self.session = session
        self.judge = judge
        self._timeline = timeline.reset_index(drop=True)
        self._currency = currency
        self._decimals = decimals
        self.status = widgets.HTML()
        self.neighbours = widgets.HTML()
        self.error = widgets.HTML()
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.buttons = {
            action: _button(action, tooltip)
            for action, tooltip in (
                ("good", "the balance is right after this event"),
                ("bad", "the balance is wrong after this event"),
                ("skip", "this event can't be judged"),
                ("undo", "take back the last verdict"),
                ("reset", "start over; the log remembers"),
            )
        }
        for action, button in self.buttons.items():
            button.on_click(lambda _, action=action: self.act(action))
        self.ask = _button("ask", "let the function judge this event")
        self.ask.on_click(lambda _: self.act("ask"))
        self.keys = widgets.Text(
            placeholder="g, b, s, u, r, a and Enter", description="keys", continuous_update=False,
            layout=widgets.Layout(width="16rem"),
        )  # fmt: skip
        self.keys.observe(self._typed, names="value")
        row = [*self.buttons.values(), *([self.ask] if judge else []), self.keys]
        self.widget = widgets.VBox(
            [self.status, self.picture, self.neighbours, widgets.HBox(row), self.error]
        )  # fmt: skip
        self._show()

    def act(self, action: str) -> None:
        """Do one of good, bad, skip, undo, reset, ask. An error is shown in the widget, where the person is looking."""
        self.error.value = ""
        try:
            if action == "ask":
                self._ask()
            else:
                getattr(self.session, action)()
            self._show()
        except EsworkbenchError as error:
            self.error.value = alert(error)
        except Exception as error:  # noqa: BLE001 - JupyterLab shows nothing when a callback raises
            self.error.value = alert(f"{type(error).__name__}: {error}")

    def _ask(self) -> None:
        index = self.session.probe
        if self.judge is None or index is None:
            raise EsworkbenchError(f"there is nothing to ask: {self.session.conclusion()}")
        verdict = self.judge(index)
        {"good": self.session.good, "bad": self.session.bad, "skip": self.session.skip}[verdict](index, says="function")

    def _typed(self, change: dict[str, str]) -> None:
        typed = change["new"].strip().lower()
        if not typed:
            return
        self.keys.value = ""
        action = KEYS.get(typed, typed)
        if action not in KEYS.values():
            self.error.value = alert(f"{typed!r} is no action: type one of {', '.join(KEYS)}")
            return
        self.act(action)

    def _show(self) -> None:
        session = self.session
        at = session.probe or session.window.bad
        self.neighbours.value = self._table(at)
        good, bad = session.window
        figure = window_figure(
            self._timeline, currency=self._currency, decimals=self._decimals, good=good, bad=bad, probe=session.probe
        )
        self.picture.value = as_png(figure, dpi=90)
        for action in ("good", "bad", "skip"):
            self.buttons[action].disabled = session.done
        self.ask.disabled = session.done
        self.buttons["undo"].disabled = not session.log
        # Last, so that whoever has seen it change finds the rest changed too.
        used, needed = session.probes_used, session.probes_needed
        self.status.value = (
            f"<div style='line-height:1.5'><b>{escape(session.conclusion())}</b><br>"
            f"judged {used} of at most {needed} (⌈log2 {len(session.event_ids)}⌉); says: {escape(session.says)}</div>"
        )

    def _table(self, at: int) -> str:
        """The event under judgement between its neighbours."""
        rows = self._timeline.iloc[max(at - 1 - NEIGHBOURS, 0) : at + NEIGHBOURS]
        lines = []
        for index, row in rows.iterrows():
            mark = "→" if index == at - 1 else ""
            claimed = "" if pd.isna(row["claimed_minor"]) else self._money(row["claimed_minor"])
            cells = [
                mark, str(int(str(index)) + 1), str(row["position"]), row["kind"],
                self._money(row["amount_minor"]), self._money(row["event_sum_minor"]), claimed,
                _time(row["recorded_at"]), row["event_id"],
            ]  # fmt: skip
            lines.append("<tr>" + "".join(f"<td {CELL}>{escape(cell)}</td>" for cell in cells) + "</tr>")
        heads = ("", "event", "position", "kind", "amount", "event sum", "claimed", "recorded at", "event id")
        head = "<tr>" + "".join(f"<th {CELL}>{name}</th>" for name in heads) + "</tr>"
        return f"<div style='overflow-x:auto'><table>{head}{''.join(lines)}</table></div>"

    def _money(self, amount_minor: int) -> str:
        return format_minor(int(amount_minor), self._currency, self._decimals)


def _time(moment: pd.Timestamp) -> str:
    return "not known" if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M}"


def _button(action: str, tooltip: str) -> widgets.Button:
    return widgets.Button(description=action, tooltip=tooltip, layout=widgets.Layout(width="5.5rem"))
