"""What an audience of each size reaches, how much better than chance, and where the dial stops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.plots import style


def reach_curve(
    table: pd.DataFrame, path: Path, stops: Mapping[str, int] | None = None, chosen: int | None = None
) -> None:
    """Write recall (above) and lift (below) by audience size with their 95 % intervals.

    Parameters
    ----------
    table
        Rising `size` and `share` of the available customers; `recall`, `lift`, each with `_low` and `_high`.
    path
        File to write.
    stops
        Sizes to be marked by name, such as those of the dial; a size of 0 is not drawn.
    chosen
        Size of the audience that is drawn up; None: none is.
    """
    fig = style.figure(8.0, "Reach: how many people like the seed an audience of each size holds")
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    if not len(table):
        style.centred(above, "nobody is available")
    marks = [(name, size) for name, size in (stops or {}).items() if size > 0]
    if chosen:
        marks.append(("this audience", chosen))
    _line(above, table, "recall")
    above.plot(table["size"], table["share"], color=style.GREY, linewidth=1, linestyle="--")
    _line(below, table, "lift")
    below.axhline(1.0, color=style.GREY, linewidth=1, linestyle="--")
    handles = [Line2D([], [], color=style.OURS, linewidth=3, marker="o"), Line2D([], [], color=style.GREY, ls="--")]
    labels = ["expected, 95 % interval", "at random"]
    for i, (name, size) in enumerate(marks):
        look: dict[str, Any] = {"color": style.COLOURS[(i + 1) % len(style.COLOURS)], "linewidth": 2, "linestyle": ":"}
        for ax in (above, below):
            ax.axvline(size, **look)
        handles.append(Line2D([], [], **look))
        labels.append(f"{name}: {size:,}")
    style.axes(above, "recall of people like the seed", ylim=(0, 1.02), percent="y")
    highest = float(np.nanmax(table["lift_high"])) if len(table) else 1.0
    style.axes(below, "lift over random", "size of the audience (logarithmic)", ylim=(0, max(2.0, 1.05 * highest)))
    if len(table) or marks:
        below.set_xscale("log")
        below.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    style.legend(fig, handles, labels)
    style.save(fig, path)


def _line(ax: Axes, table: pd.DataFrame, name: str) -> None:
    ax.plot(table["size"], table[name], color=style.OURS, linewidth=2.5, marker="o", markersize=5, zorder=4)
    ax.fill_between(
        table["size"].to_numpy(dtype=float),
        table[f"{name}_low"].to_numpy(dtype=float),
        table[f"{name}_high"].to_numpy(dtype=float),
        color=style.OURS,
        alpha=0.18,
        linewidth=0,
    )
