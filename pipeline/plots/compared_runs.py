"""Trainings side by side: each attribute's metric, and its difference to the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import plain

LINE = 0.17  # inches per training and attribute
MIN_LINES = 8  # of the picture
SCREEN = 40  # lines: beyond, the numbers of the axes are repeated above


def compared(rows: Sequence[Mapping[str, Any]], metric: str, against: str, path: Path) -> None:
    """Write what each training scores on each attribute, and by how much it differs from the reference.

    Parameters
    ----------
    rows
        One per attribute and training: `attribute`, `run`, `estimate`, `sd` (NaN where unknown), `difference` (value,
        low and high, or None) and `survives` (drawn filled). Attributes are drawn in their order, from above.
    metric, against
        What the axes say.
    path
        File to write.
    """
    runs = list(dict.fromkeys(str(row["run"]) for row in rows))
    attributes = list(dict.fromkeys(str(row["attribute"]) for row in rows))
    pitch = len(runs) + 0.8
    end = max(len(attributes) * pitch, MIN_LINES)
    fig = style.figure(2.0 + 0.3 * len(runs) + LINE * end, f"{metric} by attribute and training")
    left, right = fig.subplots(1, 2, width_ratios=[4, 5])
    for row in rows:
        number = runs.index(str(row["run"]))
        at = attributes.index(str(row["attribute"])) * pitch + number
        _mark(left, row["estimate"], _around(row["estimate"], row["sd"]), at, number, filled=True)
        if row["difference"] is not None:
            value, low, high = row["difference"]
            _mark(right, value, (low, high), at, number, filled=bool(row["survives"]))
    style.axes(left, "", f"{metric}, ± sd over folds")
    style.axes(right, "", f"difference to the {plain(against, 30)}, 95 % interval")
    right.axvline(0, color=style.GREY, linewidth=1, linestyle="--", zorder=1)
    middle = [i * pitch + (len(runs) - 1) / 2 for i in range(len(attributes))]
    left.set_yticks(middle, [plain(name, 28) for name in attributes])
    right.set_yticks([])
    for ax in (left, right):
        _bands(ax, middle, pitch)
        ax.set_ylim(end - 0.6, -1.0)
        ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
        ax.tick_params(axis="x", labelsize=style.SMALL, labeltop=end > SCREEN)
        ax.xaxis.label.set_fontsize(style.SMALL)
        ax.grid(False, axis="y")
        ax.spines["left"].set_visible(False)
    if not any(row["difference"] is not None for row in rows):
        style.centred(right, "nothing to compare with")
    handles = [Line2D([], [], **_look(number, True), linestyle="none") for number in range(len(runs))]
    note = "right: filled where the difference survives Holm's correction (of attributes; means are not tested)"
    style.legend(fig, handles, [plain(name, 90) for name in runs], note, columns=1)
    style.save(fig, path)


def _mark(ax: Axes, value: float, bounds: tuple[float, float], at: float, number: int, filled: bool) -> None:
    colour = style.COLOURS[number % len(style.COLOURS)]
    if not np.isnan(bounds).any():
        ax.plot(bounds, [at, at], color=colour, linewidth=1.5, solid_capstyle="butt")
    ax.plot([value], [at], **_look(number, filled))


def _look(number: int, filled: bool) -> dict[str, Any]:
    colour = style.COLOURS[number % len(style.COLOURS)]
    marker = style.MARKERS[number % len(style.MARKERS)]
    return {"color": colour, "marker": marker, "markersize": 6, "markerfacecolor": colour if filled else "white"}


def _around(value: float, sd: float) -> tuple[float, float]:
    return value - sd, value + sd


def _bands(ax: Axes, middle: Sequence[float], pitch: float) -> None:
    for at in middle[::2]:
        ax.axhspan(at - pitch / 2, at + pitch / 2, color="#F4F4F4", linewidth=0, zorder=0)
