"""Which groups bring more than their size: how dear their customers are, on those who did not choose the groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import percent, plain

_LINE = 0.36  # inches per group


def locomotives(table: pd.DataFrame, n: int, path: Path) -> None:
    """Write one mark with a 95 % interval per group, the best first.

    Parameters
    ----------
    table
        `group`, `lift` with `lift_low` and `lift_high`, `value_share`, and `on_top`, a share.
    n
        Customers that the figures are of.
    path
        File to write.
    """
    title = (
        f"What a customer of each group brings, as a multiple of the average ({n:,} customers who did not choose it)"
    )
    fig = style.figure(2.2 + _LINE * max(len(table), 4) * 1.1, title)
    ax = fig.subplots()
    at = np.arange(len(table), dtype=float)
    for place, row in zip(at, table.to_dict("records"), strict=True):
        ax.plot([row["lift_low"], row["lift_high"]], [place, place], color=style.OURS, linewidth=2.5)
        ax.plot([row["lift"]], [place], color=style.OURS, marker="o", markersize=8, linestyle="none")
    ax.axvline(1.0, color=style.GREY, linewidth=1, linestyle="--")
    style.axes(ax, "", "value per customer : average, 95 % interval")
    labels = [f"{plain(row['group'], 40)} ({percent(row['value_share'])})" for row in table.to_dict("records")]
    ax.set_yticks(at, labels)
    ax.set_ylim(max(len(table), 4) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    ax.grid(False, axis="y")
    if not len(table):
        style.centred(ax, "no group is large enough")
    handles = [Line2D([], [], color=style.OURS, marker="o", linewidth=3), Line2D([], [], color=style.GREY, ls="--")]
    style.legend(fig, handles, ["group (its share of all value)", "average"])
    style.save(fig, path)
