"""A projection's batch in a notebook, advanced and killed by hand: buttons on top of ``CrashPlayer``."""

from collections.abc import Mapping, Sequence
from html import escape

import ipywidgets as widgets

from esworkbench.lab.models.crash import (
    ApplyBatch,
    Committed,
    CrashPlayer,
    checkpoint_first,
    one_transaction,
    rows_first,
)
from esworkbench.money import format_minor
from esworkbench.widgets.alert import alert

CURRENCY = "USD"
ORDERS: Mapping[str, ApplyBatch] = {
    "rows first": rows_first,
    "checkpoint first": checkpoint_first,
    "one transaction": one_transaction,
}
ACTIONS = {"n": "next", "k": "kill", "r": "reset"}
CELL = "style='padding:0 .6em;text-align:left;line-height:1.5'"


class CrashView:
    """``widget`` shows what is committed, what isn't yet, how far both are off, and every step made so far.

    There is a button for the next step, one that kills the process, one to start over, and a choice of the order, which
    starts over too. All can be reached with Tab; the field takes ``n``, ``k`` or ``r``, and Enter.
    """

    def __init__(self, amounts: Sequence[int], *, batch_size: int, order: str = "rows first") -> None:
        self._amounts = amounts
        self._batch_size = batch_size
        self.status = widgets.HTML()
        self.tables = widgets.HTML()
        self.error = widgets.HTML()
        self.buttons = {
            "next": widgets.Button(description="next step", tooltip="let the process make its next step"),
            "kill": widgets.Button(description="kill", tooltip="kill the process here, and start another"),
            "reset": widgets.Button(description="reset", tooltip="start over with an empty read model"),
        }
        for action, button in self.buttons.items():
            button.on_click(lambda _, action=action: self.act(action))
        self.order = widgets.Dropdown(options=list(ORDERS), value=order, description="order")
        self.order.observe(lambda _: self.act("reset"), names="value")
        self.keys = widgets.Text(
            placeholder="n, k, r and Enter", description="keys", continuous_update=False,
            layout=widgets.Layout(width="16rem"),
        )  # fmt: skip
        self.keys.observe(self._typed, names="value")
        row = widgets.HBox([*self.buttons.values(), self.keys])
        self.widget = widgets.VBox([self.order, row, self.error, self.status, self.tables])
        self._begin()
        self._show()

    def act(self, action: str) -> None:
        """``next``, ``kill`` or ``reset``. An error is shown in the widget."""
        self.error.value = ""
        try:
            if action == "reset":
                self._begin()
            elif action == "kill":
                self.player.kill()
            else:
                self.player.advance()
            self._show()
        except Exception as error:  # noqa: BLE001 - JupyterLab shows nothing when a callback raises
            self.error.value = alert(f"{type(error).__name__}: {error}")

    def _begin(self) -> None:
        self.player = CrashPlayer(ORDERS[self.order.value], self._amounts, batch_size=self._batch_size)

    def _typed(self, change: dict[str, str]) -> None:
        typed = change["new"].strip()
        if not typed:
            return
        self.keys.value = ""
        action = ACTIONS.get(typed.lower())
        if action is None:
            self.error.value = alert(f"{typed!r} is no action: type one of {', '.join(ACTIONS)}")
            return
        self.act(action)

    def _show(self) -> None:
        player = self.player
        self.buttons["next"].disabled = self.buttons["kill"].disabled = not player.next_step
        ahead = f"next step: {player.next_step}" if player.next_step else "all events were seen"
        self.status.value = f"<div style='line-height:1.5'><b>{escape(f'{ahead}; {_verdict(player)}')}</b></div>"
        seen = Committed(player.kept.balance_minor - player.off_by_minor, player.kept.checkpoint)
        rows = [("committed", *_cells(player.kept)), ("events up to the checkpoint", *_cells(seen))]
        if player.unseen is not None:
            rows.append(("in the open transaction", *_cells(player.unseen)))
        steps = [
            (str(number), made.what, *_cells(made.kept),
             format_minor(made.off_by_minor, CURRENCY))
            for number, made in enumerate(player.log, start=1)
        ]  # fmt: skip
        self.tables.value = "<div style='overflow-x:auto'>{}{}</div>".format(
            _table("now", ("", "balance", "checkpoint"), rows),
            _table("steps so far", ("", "step", "balance", "checkpoint", "off by"), steps),
        )


def _verdict(player: CrashPlayer) -> str:
    off = player.off_by_minor
    if off == 0:
        return "every event up to the checkpoint counts once"
    return f"{format_minor(abs(off), CURRENCY)} too {'much' if off > 0 else 'little'}"


def _cells(kept: Committed) -> tuple[str, str]:
    return format_minor(kept.balance_minor, CURRENCY), str(kept.checkpoint)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col' {CELL}>{escape(name)}</th>" for name in heads)
    lines = ["".join(f"<td {CELL}>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption {CELL}><b>{escape(title)}</b></caption><tr>{head}</tr>{body}</table>"
