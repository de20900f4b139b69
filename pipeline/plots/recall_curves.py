"""How many hidden members of a seed a ranking finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.metrics import Floats
from pipeline.plots import style
from pipeline.plots.text import plain

MAX_MARKED = 15  # points of a curve: beyond, markers run into each other


def lookalike(curves: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write how many hidden members of the seed are found, the larger the audience.

    Parameters
    ----------
    curves
        One per method, the first one emphasised: `method`; `share`, the audience's size as a share of the
        ranked customers in (0, 1], ascending; `recall` at each share; `low` and `high`, the ends of its
        interval, or None.
    path
        File to write.
    """
    fig = style.figure(6.5, "Hidden members of the seed that are found")
    ax = fig.subplots()
    handles = [_curve(ax, curve, i) for i, curve in enumerate(curves)]
    labels = [plain(str(curve["method"]).replace("_", " "), 20) for curve in curves]
    widest = max([0.0, *(share for curve in curves for share in _finite(curve["share"]))])
    drawn = [curve[key] for curve in curves for key in ("recall", "high") if curve[key] is not None]
    highest = max([0.0, *(recall for line in drawn for recall in _finite(line))])
    if not highest:
        style.centred(ax, "nothing was ranked" if not widest else "no hidden member was found")
    widest, highest = widest or 1.0, highest or 1.0
    ax.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--", zorder=2)
    style.axes(
        ax,
        "share of hidden members found (recall)",
        "audience: share of ranked customers",
        xlim=(0, widest * 1.02),
        ylim=(0, min(1.02, max(highest, widest) * 1.05)),
        percent="both",
    )
    style.legend(fig, [*handles, Line2D([], [], color=style.GREY, linestyle="--")], [*labels, "at random"])
    style.save(fig, path)


def _curve(ax: Axes, curve: Mapping[str, Any], i: int) -> Line2D:
    """Draw one method's recall with its interval; return what stands for it in the legend."""
    share, recall = (np.asarray(curve[key], dtype=np.float64) for key in ("share", "recall"))
    first, n_colours = i == 0, len(style.COLOURS)
    look: dict[str, Any] = {
        "color": style.COLOURS[i % n_colours],
        "linewidth": 3.0 if first else 1.6,
        "zorder": 5 if first else 3,
        "marker": style.MARKERS[i % len(style.MARKERS)] if len(share) <= MAX_MARKED else None,
        "markersize": 8 if first else 6,
        "linestyle": "-" if i < n_colours else "--",
    }
    ax.plot(share, recall, **look)
    if curve["low"] is not None and curve["high"] is not None:
        low, high = (np.asarray(curve[key], dtype=np.float64) for key in ("low", "high"))
        ax.fill_between(share, low, high, color=look["color"], alpha=0.22 if first else 0.07, linewidth=0)
    return Line2D([], [], **look)


def _finite(numbers: Sequence[float] | Floats) -> Floats:
    numbers = np.asarray(numbers, dtype=np.float64)
    return numbers[np.isfinite(numbers)]
