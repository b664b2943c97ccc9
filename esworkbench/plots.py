"""Pictures of a case and of lag. Each takes a table that can be read on its own; colour never carries meaning alone."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pandas as pd
from IPython.display import Image, Markdown, display
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text

from esworkbench.money import iso_decimals
from esworkbench.projections.monitoring.measure import ALARM_OVER_SECONDS, HEALTHY_UNDER_SECONDS, Lag
from esworkbench.projections.monitoring.monitor import Delay
from esworkbench.shown import printable
from esworkbench.snapshotting.frequency import FrequencyRow

INK = "#7f7f7f"
"""Of text and axes: it is read on white and on black alike."""

SUMMED: dict[str, Any] = {"color": "#2f7fc6", "linewidth": 1.4, "label": "event sum"}
CLAIMED: dict[str, Any] = {"color": "#cc5a2b", "linewidth": 1.4, "linestyle": "--", "label": "claimed"}


MOST_NAMED = 4
"""Of more marks in one picture only the first bears its position: names would lie over each other."""


def balance_figure(
    timeline: pd.DataFrame,
    *,
    currency: str,
    decimals: int | None = None,
    culprits: Sequence[int] = (),
    stands: tuple[str, int] | None = None,
    title: str = "",
) -> Figure:
    """Claimed against summed balance over time, and below it their difference, with the divergence marked.

    ``timeline`` has one row per event: position, recorded_at, event_sum_minor, and claimed_minor, which is missing
    where nobody claims a balance; both in minor units. ``decimals`` is their scale (``Evidence.decimals``), ISO 4217's
    unless given; minor units are drawn where neither is known. ``culprits`` are positions to mark. Events without a
    known time have no place in the picture, and one recorded by a clock that was behind stands where the one before it
    does: no line goes back. Where the table has ``elsewhere_minor``, what is booked on another day is no difference:
    the time between is drawn as a bar on the axis. ``stands`` is a claim without a history, who makes it and in minor
    units: a cross where the events end.
    """
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    balance, difference = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    timeline = timeline.dropna(subset=["recorded_at"])
    timeline = timeline.assign(recorded_at=timeline["recorded_at"].cummax())
    claims = timeline.dropna(subset=["claimed_minor"])
    major, unit = _unit(currency, decimals)
    balance.step(timeline["recorded_at"], timeline["event_sum_minor"] / major, where="post", **SUMMED)
    balance.step(claims["recorded_at"], claims["claimed_minor"].astype(float) / major, where="post", **CLAIMED)
    delta = (claims["claimed_minor"] - claims["event_sum_minor"]).astype(float) / major
    difference.step(claims["recorded_at"], delta, where="post", color="#cc5a2b")
    difference.axhline(0, color="grey", linewidth=0.8)
    _draw_booked_elsewhere(claims, difference)
    if stands is not None and not timeline.empty:
        last = timeline.iloc[-1]
        shown = {"color": "#cc5a2b", "marker": "X", "markersize": 8, "linestyle": "none", "clip_on": False}
        label = printable(f"claimed now by {stands[0]}")
        balance.plot([last["recorded_at"]], [stands[1] / major], label=label, **shown)
        difference.plot([last["recorded_at"]], [(stands[1] - last["event_sum_minor"]) / major], **shown)
    elif not delta.any():
        difference.set_ylim(-1, 1)
    for axes in (balance, difference):
        axes.yaxis.set_major_formatter(lambda amount, _: f"{amount:,.10g}")
    balance.set_ylabel(printable(f"balance, {unit}"), parse_math=False)
    difference.set_ylabel("claimed − sum")
    marked = [position for position in culprits if (timeline["position"] == position).any()]
    for position in marked:
        _mark(timeline, position, balance, difference, named=len(marked) <= MOST_NAMED or position == marked[0])
    balance.set_title(printable(title), loc="left", parse_math=False)
    for text in balance.legend(loc="best", frameon=False).get_texts():
        text.set_parse_math(False)
    return figure


def _unit(currency: str, decimals: int | None) -> tuple[int, str]:
    """How many minor units make one of what is drawn, and what that is called."""
    places = iso_decimals(currency) if decimals is None else decimals
    return (1, f"minor units of {currency}") if places is None else (10**places, currency)


def _draw_booked_elsewhere(claims: pd.DataFrame, axes: Axes) -> None:
    """A bar on the axis for as long as a movement is booked on one side only."""
    if "elsewhere_minor" not in claims or not claims["elsewhere_minor"].fillna(0).any():
        return
    away = claims["elsewhere_minor"].fillna(0).astype(float) != 0
    starts = claims["recorded_at"][away & ~away.shift(fill_value=False)]
    axes.plot(starts, [0.05] * len(starts), "d", color="#7f7f7f", transform=axes.get_xaxis_transform())
    axes.fill_between(
        claims["recorded_at"], 0.02, 0.08, where=away.to_numpy(), step="post", transform=axes.get_xaxis_transform(),
        color="#7f7f7f", clip_on=False, linewidth=2, label="booked on another day",
    )  # fmt: skip
    axes.legend(loc="best", frameon=False, fontsize=8)


def _mark(timeline: pd.DataFrame, position: int, *axes: Axes, named: bool = True) -> None:
    moment = timeline.loc[timeline["position"] == position, "recorded_at"].iloc[0]
    for axis in axes:
        axis.axvline(moment, color="black", linewidth=1, linestyle=":")
    if not named:
        return
    axes[0].annotate(
        f"position {position}", (moment, 1), xycoords=("data", "axes fraction"), xytext=(4, -12),
        textcoords="offset points", fontsize=9,
    )  # fmt: skip


def as_png(figure: Figure, *, dpi: int = 130) -> bytes:
    """The figure as PNG bytes for a light or a dark page, without the date: the same picture is the same bytes."""
    _draw_on_any_ground(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, transparent=True)
    return buffer.getvalue()


def _draw_on_any_ground(figure: Figure) -> None:
    """What matplotlib draws in black is drawn in ink; nothing lies behind it."""
    for line in figure.findobj(Line2D):
        if same_color(line.get_color(), "black"):
            line.set_color(INK)
        if same_color(line.get_markeredgecolor(), "black"):
            line.set_markeredgecolor(INK)
    for text in figure.findobj(Text):
        if same_color(text.get_color(), "black"):
            text.set_color(INK)
        if text.get_bbox_patch() is not None:
            text.set_bbox(None)
    for spine in figure.findobj(Spine):
        spine.set_edgecolor(INK)


def show(figure: Figure, caption: str) -> None:
    """Display the figure in a notebook, and below it what there is to see, in words."""
    display(Image(as_png(figure, dpi=100), format="png", alt=caption))
    display(Markdown(f"*{caption}*"))


def as_data_uri(figure: Figure) -> str:
    """The figure as a data: URI, so that a page needs no second file."""
    return "data:image/png;base64," + b64encode(as_png(figure)).decode("ascii")


def window_figure(
    timeline: pd.DataFrame, *, currency: str, decimals: int | None = None, good: int, bad: int, probe: int | None
) -> Figure:
    """The balance with the window of a bisection drawn on it: shaded from ``good`` to ``bad``, ``probe`` as a line.

    Event numbers count from 1, as in ``BisectionSession``; good 0 is before the first event. ``decimals`` as in
    ``balance_figure``.
    """
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.subplots()
    numbers = range(1, len(timeline) + 1)
    major, unit = _unit(currency, decimals)
    axes.step(numbers, timeline["event_sum_minor"] / major, where="post", **SUMMED)
    claims = timeline["claimed_minor"].astype("Float64") / major
    if claims.notna().any():
        axes.step(numbers, claims.to_numpy(dtype=float, na_value=float("nan")), where="post", **CLAIMED)
    axes.axvspan(good, bad, color="grey", alpha=0.25, label=f"window: after {good}, up to {bad}")
    if probe is not None:
        axes.axvline(probe, color="black", linestyle=":", label=f"event {probe}")
    axes.set_xlabel("event number")
    axes.set_ylabel(printable(f"balance, {unit}"), parse_math=False)
    axes.legend(loc="best", frameon=False, fontsize=8)
    return figure


def lag_table(measured: Sequence[Lag | Delay]) -> pd.DataFrame:
    """One row per measurement, oldest first: ``moment`` at which it was measured or handled, and ``seconds``."""
    rows = [(each.measured_at if isinstance(each, Lag) else each.handled_at, each.seconds) for each in measured]
    return pd.DataFrame(rows, columns=["moment", "seconds"])


def lag_figure(measured: pd.DataFrame, *, title: str = "") -> Figure:
    """Lag over time as ``lag_table`` has it, with the two thresholds as labelled lines."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(measured["moment"], measured["seconds"], color="#2f7fc6", linewidth=1.2, marker=".", markersize=3)
    for seconds, style, meaning in (
        (HEALTHY_UNDER_SECONDS, "--", f"healthy below {HEALTHY_UNDER_SECONDS:g} s"),
        (ALARM_OVER_SECONDS, ":", f"alarm above {ALARM_OVER_SECONDS:g} s at the 99th percentile"),
    ):
        axes.axhline(seconds, color="black", linewidth=1, linestyle=style)
        axes.annotate(
            meaning, (1, seconds), xycoords=("axes fraction", "data"), xytext=(-4, 3), textcoords="offset points",
            ha="right", fontsize=8,
        )  # fmt: skip
    axes.set_ylim(bottom=0, top=max(ALARM_OVER_SECONDS * 1.2, measured["seconds"].max() * 1.1))
    axes.set_ylabel("lag, seconds")
    axes.set_title(printable(title), loc="left", parse_math=False)
    return figure


def frequency_figure(rows: Sequence[FrequencyRow], *, limit_ms: float, title: str = "") -> Figure:
    """Load time at p50 and p99 against how often snapshots are taken, with the limit and what is recommended."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    names = ["none" if row.every is None else str(row.every) for row in rows]
    axes.plot(names, [row.p99_ms for row in rows], marker="o", color="#2f7fc6", label="p99")
    axes.plot(names, [row.p50_ms for row in rows], marker="s", color="#cc5a2b", linestyle="--", label="p50")
    axes.axhline(limit_ms, color="grey", linewidth=0.8, linestyle=":", label=f"limit, {limit_ms:g} ms")
    for name, row in zip(names, rows, strict=True):
        if row.recommended:
            axes.annotate(
                "recommended", (name, row.p99_ms), xytext=(5, 5), textcoords="offset points", fontsize=9,
            )  # fmt: skip
    axes.set_yscale("log")
    # Room for the word at the last point too, beside the dial's line and above the falling curve.
    axes.margins(x=0.17)
    axes.set_xlabel("a snapshot every so many events")
    axes.set_ylabel("load, ms")
    axes.set_title(printable(title), loc="left", parse_math=False)
    axes.legend(loc="best", frameon=False)
    return figure


def shapes_figure(shapes: pd.DataFrame, *, title: str = "") -> Figure:
    """When each shape of each event type was written: a bar from first to last seen, labelled with its version.

    ``shapes`` has one row per shape: event_type, version, first_at, last_at, events.
    """
    rows = shapes.iloc[::-1].reset_index(drop=True)
    figure = Figure(figsize=(9, 0.6 + 0.26 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.barh(rows.index, rows["last_at"] - rows["first_at"], left=rows["first_at"], height=0.6, color="#2f7fc6")
    for place, row in rows.iterrows():
        label = f" {row['events']:,} events"
        axes.annotate(label, (row["last_at"], place), va="center", fontsize=8)
    names = [printable(f"{row.event_type} v{row.version}") for row in rows.itertuples()]
    axes.set_yticks(rows.index, names, fontsize=8, parse_math=False)
    axes.margins(x=0.12)
    axes.set_title(printable(title), loc="left", parse_math=False)
    return figure
