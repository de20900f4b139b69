"""Group shares of the base: counted among those who answered, beside corrected ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import plain

_LINE = 0.34  # inches per value
_APART = 0.16  # of the two marks of a value from its line
_LOOK: dict[str, Any] = {"color": style.OURS, "marker": "o"}
_COUNTED: dict[str, Any] = {"color": style.GREY, "marker": "s", "markerfacecolor": "white"}


def group_shares(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write one picture of all values: two marks with 95 % intervals each.

    Parameters
    ----------
    rows
        One per value, those of an attribute one after another: `attribute`, `value`, `answered`, `comparable`, and
        `counted` and `corrected`, each with `_low` and `_high`; NaN where it cannot be had.
    path
        File to write.
    """
    fig = style.figure(1.9 + _LINE * max(len(rows), 4) * 1.15, "Shares of the customers, counted and corrected")
    ax = fig.subplots()
    at, ticks = 0.0, []
    for i, row in enumerate(rows):
        first = i == 0 or rows[i - 1]["attribute"] != row["attribute"]
        at += 1.6 if first and i else 1.0
        if first:
            n = f"{row['answered']:,} answered, {row['comparable']:,} comparable"
            ax.text(0.0, at - 0.62, f"{plain(row['attribute'], 40)} ({n})", fontsize=style.SMALL, color=style.INK)
        _mark(ax, row, "counted", at - _APART, _COUNTED)
        _mark(ax, row, "corrected", at + _APART, _LOOK)
        ticks.append(at)
    style.axes(ax, "", "share of the customers, 95 % interval", xlim=(-0.01, 1.01), percent="x")
    ax.set_yticks(ticks, [plain(row["value"], 34) for row in rows])
    ax.set_ylim(max(at, 4.0) + 0.6, -0.1)
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    ax.grid(False, axis="y")
    if not rows:
        style.centred(ax, "no declared attribute")
    handles = [Line2D([], [], linestyle="-", **look) for look in (_COUNTED, _LOOK)]
    style.legend(fig, handles, ["counted among those who answered", "corrected, comparable customers"])
    style.save(fig, path)


def _mark(ax: Any, row: Mapping[str, Any], name: str, at: float, look: Mapping[str, Any]) -> None:
    if np.isfinite(row[name]):
        ends = [row[f"{name}_low"], row[f"{name}_high"]]
        ax.plot(ends, [at, at], color=look["color"], linewidth=2, solid_capstyle="butt")
        ax.plot([row[name]], [at], markersize=6, linestyle="none", **look)
