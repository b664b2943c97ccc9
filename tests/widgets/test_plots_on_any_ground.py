"""A picture is read on a light and on a dark page, and says below itself what is to be seen."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from esworkbench import plots
from esworkbench.plots import INK, SUMMED, as_png, show


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """As WCAG 2 defines it, from 1 to 21."""

    def luminance(color: np.ndarray) -> float:
        linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def drawn() -> Figure:
    figure = Figure(figsize=(4, 2), layout="constrained")
    axes = figure.subplots()
    axes.plot([1, 2, 3], [1, 3, 2], **SUMMED)
    axes.axhline(2, color="black", linestyle=":")
    axes.annotate("here", (2, 3), bbox={"facecolor": "white"})
    axes.set_title("two lines")
    axes.legend()
    return figure


@pytest.mark.parametrize("ground", [0.0, 0.07, 1.0], ids=["black", "dark", "white"])
def test_all_that_is_opaque_in_it_stands_out_from_the_page(ground: float) -> None:
    pixels = imread(BytesIO(as_png(drawn())))
    assert pixels[0, 0, 3] == 0, "nothing lies behind the picture"
    opaque = pixels[pixels[..., 3] > 0.99][:, :3]
    colors, counts = np.unique(opaque.round(2), axis=0, return_counts=True)
    used = [color for color, count in zip(colors, counts, strict=True) if count > 20]
    assert used
    assert min(contrast(color, np.full(3, ground)) for color in used) >= 3


def test_what_somebody_coloured_stays_so() -> None:
    figure = drawn()
    as_png(figure)
    (axes,) = figure.axes
    assert [line.get_color() for line in axes.lines] == [SUMMED["color"], INK]


def test_the_caption_is_shown_below(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(plots, "display", shown.append)
    show(drawn(), "the line crosses two once")
    picture, caption = shown
    assert picture.alt == "the line crosses two once"
    assert caption.data == "*the line crosses two once*"
