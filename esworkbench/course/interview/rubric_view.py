"""A card in a notebook: room for an answer, then its rubric with boxes to tick, on top of ``rubric.score``.

The rubric is hidden until it is asked for, so that an answer comes first.
"""

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from esworkbench.course.interview.cards import Card
from esworkbench.course.interview.rubric import RATINGS, ScoredAnswer, score
from esworkbench.widgets.alert import alert

WIDE = widgets.Layout(width="100%")


class RubricView:
    """``widget`` shows one card. ``scored`` is the answer as it is ticked right now.

    ``keep`` is called with it when the button *keep* is pressed; without ``keep`` there is no such button. Every
    control can be reached with Tab.
    """

    def __init__(self, card: Card, *, keep: Callable[[ScoredAnswer], object] | None = None) -> None:
        self.card = card
        self._keep = keep
        self.answer = widgets.Textarea(placeholder="your answer, in your own words", rows=6, layout=WIDE)
        self.reveal = widgets.Button(description="show rubric", tooltip="what a strong answer says, to tick")
        self.keep = widgets.Button(description="keep", tooltip="keep the answer and its rating")
        self.points = [_box(point.text) for point in card.points]
        self.red_flags = [_box(flag) for flag in card.red_flags]
        self.status, self.error = widgets.HTML(), widgets.HTML()
        self.rubric = widgets.VBox(
            [_heading("Said:"), *self.points, _heading("Red flags in my answer:"), *self.red_flags, self.status]
        )
        for box in (*self.points, *self.red_flags):
            box.observe(lambda _: self._show(), names="value")
        self.reveal.on_click(lambda _: self.show_rubric())
        self.keep.on_click(lambda _: self.keep_answer())
        buttons = widgets.HBox([self.reveal, *([self.keep] if keep else [])])
        question = _heading(card.question)
        self.widget = widgets.VBox([question, self.answer, buttons, self.rubric, self.error])
        self.rubric.layout.display = "none"
        self._show()

    @property
    def scored(self) -> ScoredAnswer:
        return score(self.card, self.answer.value, said=_ticked(self.points), heard=_ticked(self.red_flags))

    def show_rubric(self) -> None:
        """The points appear, below the answer."""
        self.rubric.layout.display = ""

    def keep_answer(self) -> None:
        """Hand the scored answer to ``keep``. An error is shown in the widget, where the person is looking."""
        self.error.value = ""
        if self._keep is None:
            return
        try:
            self._keep(self.scored)
        except Exception as error:  # noqa: BLE001 - JupyterLab shows nothing when a callback raises
            self.error.value = alert(error)
            return
        self.status.value += " <b>Kept.</b>"

    def _show(self) -> None:
        scored = self.scored
        said = f"{len(scored.said)} of {len(self.card.points)} points"
        self.status.value = f"{said}; rating {scored.rating}, {RATINGS[scored.rating]}."


def _box(text: str) -> widgets.Checkbox:
    return widgets.Checkbox(description=text, value=False, indent=False, layout=WIDE)


def _heading(text: str) -> widgets.HTML:
    return widgets.HTML(f"<b>{escape(text)}</b>")


def _ticked(boxes: list[widgets.Checkbox]) -> set[int]:
    return {number for number, box in enumerate(boxes, start=1) if box.value}
