"""How many clusters: on which number halves of the customers agree, and which are more than chance gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from pipeline.plots import style


def cluster_number(table: pd.DataFrame, chosen: int, min_stability: float, path: Path) -> None:
    """Write stability (above) and silhouette (below) by number of clusters.

    Parameters
    ----------
    table
        One row per number: `k`, `stability` with `low` and `high`, `silhouette` and `without_structure` (NaN where not
        stable), `accepted`.
    chosen
        The number that was chosen.
    min_stability
        Stability that is needed.
    path
        File to write.
    """
    fig = style.figure(6.6, f"How many clusters: {chosen if chosen > 1 else 'one'}")
    above, below = fig.subplots(2, 1, sharex=True)
    k = table["k"].to_numpy(dtype=float)
    above.vlines(k, table["low"], table["high"], color=style.OURS, linewidth=2)
    above.plot(k, table["stability"], color=style.OURS, marker="o", linewidth=1)
    above.axhline(min_stability, color=style.REQUIRED, linestyle="--", linewidth=1.5)
    below.plot(k, table["silhouette"], color=style.OURS, marker="o", linestyle="none", markersize=7)
    below.plot(k, table["without_structure"], color=style.GREY, marker="s", linestyle="none", markersize=7)
    for ax in (above, below):
        if chosen > 1:
            ax.axvspan(chosen - 0.3, chosen + 0.3, color=style.LIGHT, zorder=0)
    style.axes(above, "adjusted Rand index", ylim=(min(0.0, float(np.nanmin([0.0, *table["low"]]))), 1.05))
    style.axes(below, "silhouette", "number of clusters")
    below.set_xticks(k, [f"{one:.0f}" for one in k])
    if not len(table):
        style.centred(above, "too few customers for two clusters")
    handles = [
        Line2D([], [], color=style.OURS, marker="o"),
        Line2D([], [], color=style.REQUIRED, linestyle="--"),
        Line2D([], [], color=style.GREY, marker="s", linestyle="none"),
    ]
    labels = ["found (range of 95 % of the splits)", "needed", "without structure"]
    style.legend(fig, handles, labels, "silhouettes are computed for stable numbers only; grey: chosen")
    style.save(fig, path)
