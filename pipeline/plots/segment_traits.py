"""What sets segments apart: how many times as often as elsewhere, with intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.plots import style
from pipeline.plots.text import percent, plain

_PER_SEGMENT = 6
_SEGMENTS = 10


def segment_traits(table: pd.DataFrame, path: Path) -> None:
    """Write the strongest things of each segment, on a logarithmic scale.

    Parameters
    ----------
    table
        One row per segment and thing: `segment`, `kind`, `what`, `share`, `elsewhere`, `lift`, `low`, `high`.
    path
        File to write.
    """
    names = list(dict.fromkeys(table["segment"]))[:_SEGMENTS]
    parts = [_strongest(table[table["segment"] == name]) for name in names]
    n_lines = sum(len(part) + 1.4 for part in parts)
    fig = style.figure(1.8 + 0.3 * max(n_lines, 5), "What sets the segments apart")
    ax = fig.subplots()
    at, ticks, labels = 0.0, [], []
    for number, (name, part) in enumerate(zip(names, parts, strict=True)):
        ax.text(0.0, at, plain(name, 46), transform=ax.get_yaxis_transform(), fontsize=style.SMALL, va="center")
        for _, row in part.iterrows():
            at += 1
            colour = style.COLOURS[number % len(style.COLOURS)]
            ax.plot([row["low"], row["high"]], [at, at], color=colour, linewidth=2, solid_capstyle="butt")
            ax.plot([row["lift"]], [at], color=colour, marker="o", markersize=5)
            shares = "" if row["kind"] == "total" else f" ({percent(row['share'])} / {percent(row['elsewhere'])})"
            ticks.append(at)
            labels.append(plain(row["what"], 44) + shares)
        at += 1.4
    ax.axvline(1.0, color=style.GREY, linewidth=1, linestyle="--")
    style.axes(ax, "", "times as often as elsewhere, 95 % interval")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda times, _: f"{times:g}")
    ax.set_yticks(ticks, labels)
    ax.tick_params(axis="y", length=0, labelsize=9)
    ax.set_ylim(max(at, 5.0), -0.8)
    ax.grid(False, axis="y")
    if not ticks:
        style.centred(ax, "nothing sets segments apart")
    style.save(fig, path)


def _strongest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose interval is farthest from 1 and can be drawn."""
    drawn = rows[np.isfinite(rows["low"]) & np.isfinite(rows["high"]) & (rows["low"] > 0)]
    sure = np.minimum(np.abs(np.log(drawn["low"])), np.abs(np.log(drawn["high"])))
    return drawn.loc[sure.sort_values(ascending=False, kind="stable").index[:_PER_SEGMENT]]
