"""How much of the value the best customers hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D

from pipeline.plots import style


def concentration(curve: pd.DataFrame, gini: str, n: int, path: Path) -> None:
    """Write the curve of the share of value against the share of customers, the best first.

    Parameters
    ----------
    curve
        Rising `customers`, and `value`, `low`, `high`, all shares.
    gini
        Gini's coefficient with its interval, in words.
    n
        Number of customers.
    path
        File to write.
    """
    fig = style.figure(6.0, f"Concentration of value: {n:,} customers, Gini {gini}")
    ax = fig.subplots()
    ax.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--")
    if len(curve):
        ax.plot(curve["customers"], curve["value"], color=style.OURS, linewidth=2.5)
        at, low, high = (curve[name].to_numpy(dtype=float) for name in ("customers", "low", "high"))
        ax.fill_between(at, low, high, color=style.OURS, alpha=0.18, linewidth=0)
    else:
        style.centred(ax, "nobody is worth anything")
    labels = {"x": "share of the customers, the best first", "y": "share of the value they bring"}
    style.axes(ax, labels["y"], labels["x"], xlim=(0, 1), ylim=(0, 1.02), percent="both")
    handles = [Line2D([], [], color=style.OURS, linewidth=3), Line2D([], [], color=style.GREY, linestyle="--")]
    style.legend(fig, handles, ["found, 95 % interval", "if all were alike"])
    style.save(fig, path)
