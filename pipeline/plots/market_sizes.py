"""How many people each segment has: as counted, and corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import plain

_APART = 0.16
_COUNTED: dict[str, Any] = {"color": style.GREY, "marker": "s", "markerfacecolor": "white"}
_PEOPLE: dict[str, Any] = {"color": style.OURS, "marker": "o"}
_WIDE: dict[str, Any] = {"color": style.OURS, "linewidth": 0.8}


def market_sizes(table: pd.DataFrame, path: Path) -> None:
    """Write one picture of all segments: two marks with 95 % intervals each.

    Parameters
    ----------
    table
        One row per segment: `segment`, `base`, `naive`, `people` and `if_silent_differ`, each with `_low` and `_high`;
        NaN where it cannot be had.
    path
        File to write.
    """
    shown = table[table[["naive", "people"]].notna().any(axis=1)].reset_index(drop=True) if len(table) else table
    fig = style.figure(2.0 + 0.55 * max(len(shown), 2), "People of each segment in the base")
    ax = fig.subplots()
    for at, row in enumerate(shown.to_dict("records")):
        _mark(ax, row, "naive", at - _APART, _COUNTED)
        _mark(ax, row, "people", at + _APART, _PEOPLE)
        wide = [row[f"if_silent_differ_{end}"] for end in ("low", "high")]
        ax.plot(wide, [at + _APART] * 2, marker="|", markersize=5, **_WIDE)
    style.axes(ax, "", "people, 95 % interval")
    ax.set_yticks(range(len(shown)), [plain(name, 34) for name in shown["segment"]] if len(shown) else [])
    ax.set_ylim(max(len(shown), 2) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.grid(False, axis="y")
    if not len(shown):
        style.centred(ax, "no segment whose people can be told")
    handles = [Line2D([], [], linestyle="-", **look) for look in (_COUNTED, _PEOPLE)] + [Line2D([], [], **_WIDE)]
    names = ["counted among those who told, times the base", "corrected", "if the silent differ from those like them"]
    style.legend(fig, handles, names, columns=1)
    style.save(fig, path)


def _mark(ax: Axes, row: dict[Any, Any], name: str, at: float, look: dict[str, Any]) -> None:
    if np.isfinite(row[name]):
        ax.plot([row[f"{name}_low"], row[f"{name}_high"]], [at, at], color=look["color"], linewidth=2)
        ax.plot([row[name]], [at], markersize=6, linestyle="none", **look)
