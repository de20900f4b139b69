"""A seed's examination: how it differs from the base, and how much the number of its members matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from pipeline.plots import style
from pipeline.plots.text import percent, plain

N_SHOWN = 14
_LINE, _CURVE = 0.29, 3.2  # inches: per bar, of the learning curve
_WIDEST = 100.0  # times: bars and intervals beyond are cut off


def seed_report(
    differences: Sequence[Mapping[str, Any]],
    curve: Sequence[Mapping[str, Any]],
    title: str,
    path: Path,
    shuffled: float | None = None,
) -> None:
    """Write how a seed differs as bars of lift with intervals, and its learning curve below.

    Parameters
    ----------
    differences
        One per bar, the first on top: `words`; `kind`, total or other; `ours` and `theirs`, shares (not shown for a
        total); `lift`, `low`, `high`, above 0.
    curve
        One per size, rising: `n`, `auc`, `low`, `high`; empty: it says that there is none.
    title, path
        As in `reliability`.
    shuffled
        The 95 % point of shuffled seeds' AUC, drawn as a line; None: no line.
    """
    rows = [row for row in differences if np.isfinite([row["lift"], row["low"], row["high"]]).all() and row["lift"] > 0]
    rows = rows[:N_SHOWN]
    bars = _LINE * max(len(rows), 3) + 0.7
    fig = style.figure(bars + _CURVE + 1.9, title)
    top, below = fig.subplots(2, 1, height_ratios=[bars, _CURVE])
    _bars(top, rows)
    _curve(below, curve, shuffled)
    _legend(fig, shuffled is not None and bool(len(curve)))
    style.save(fig, path)


def _bars(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    for at, row in enumerate(rows):
        lift, low, high = (float(np.clip(row[key], 1 / _WIDEST, _WIDEST)) for key in ("lift", "low", "high"))
        ax.barh(at, lift - 1, left=1, color=style.OURS if lift >= 1 else style.REQUIRED, height=0.62)
        ax.plot([low, high], [at, at], color=style.INK, linewidth=1.5)
        said = "" if row["kind"] == "total" else f"{percent(row['ours'])} : {percent(row['theirs'])}"
        ax.annotate(
            said,
            (max(high, 1.0), at),  # always on the right: on the left it would run into the names
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL,
            color=style.INK,
        )
    ax.set_yticks(range(len(rows)), [plain(row["words"], 44) for row in rows])
    style.axes(ax, "", "times as often (or as much) as in the rest of the base")
    ax.set_xscale("log")
    ends = [float(np.clip(row[key], 1 / _WIDEST, _WIDEST)) for row in rows for key in ("low", "high")]
    low, high = min([0.5, *ends]), max([2.0, *ends])
    room = (high / low) ** 0.3  # for what is written beside the bars
    ax.set_xlim(low / 1.1, high * room)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    fine = (0.3, 3.0, 30.0) if high / low < 200 else ()
    ax.set_xticks([t for t in (0.01, 0.1, 1.0, 10.0, 100.0, *fine) if low / 1.1 <= t <= high * 1.1])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axvline(1, color=style.GREY, linewidth=1)
    ax.set_ylim(max(len(rows), 3) - 0.5, -0.6)
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    ax.grid(False, axis="y")
    if not rows:
        style.centred(ax, "nothing is surely more or less often in the seed")


def _curve(ax: Axes, curve: Sequence[Mapping[str, Any]], shuffled: float | None) -> None:
    if not len(curve):
        ax.set_axis_off()
        style.centred(ax, "too few members for a learning curve")
        return
    n, auc, low, high = (
        np.array([point[key] for point in curve], dtype=np.float64) for key in ("n", "auc", "low", "high")
    )
    ax.errorbar(n, auc, [auc - low, high - auc], color=style.OURS, marker="o", linewidth=2.5, markersize=8, capsize=4)
    if shuffled is not None:
        ax.axhline(shuffled, color=style.GREY, linewidth=1.2, linestyle="--")
    lowest = min(0.5, float(low.min()), 1.0 if shuffled is None else shuffled)
    style.axes(ax, "AUC of hidden members", "members learnt from", ylim=(lowest - 0.02, 1.0))
    ax.set_xlim(0, n.max() * 1.05)
    ax.set_xticks(n, [f"{value:,.0f}" for value in n])


def _legend(fig: Figure, with_line: bool) -> None:
    handles: list[Any] = [
        Patch(color=style.OURS),
        Patch(color=style.REQUIRED),
        Line2D([], [], color=style.INK, linewidth=1.5),
    ]
    names = ["more in the seed", "less in the seed", "95 % interval"]
    if with_line:
        handles.append(Line2D([], [], color=style.GREY, linewidth=1.2, linestyle="--"))
        names.append("19 of 20 shuffled seeds stay below")
    style.legend(fig, handles, names, "beside the bars: share in the seed : share in the rest of the base", columns=2)
