"""How much better those are whom a description fits: on the half that found it, and on the other."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pandas as pd
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import plain

_LINE = 0.95  # inches per description


def ideal_profiles(table: pd.DataFrame, path: Path) -> None:
    """Write two marks per description.

    Parameters
    ----------
    table
        `goal`, `description`, `found_lift`, `lift` with `lift_low` and `lift_high`, `members`, `n`.
    path
        File to write.
    """
    fig = style.figure(
        2.0 + _LINE * max(len(table), 3), "Ideal customer profiles: outcome of those who fit : everybody's"
    )
    ax = fig.subplots()
    ax.axvline(1.0, color=style.GREY, linewidth=1, linestyle="--")
    for place, row in enumerate(table.to_dict("records")):
        ax.plot([row["lift_low"], row["lift_high"]], [place, place], color=style.OURS, linewidth=2.5)
        ax.plot([row["lift"]], [place], color=style.OURS, marker="o", markersize=8, linestyle="none")
        ax.plot([row["found_lift"]], [place], color=style.GREY, marker="s", markerfacecolor="white", markersize=8)
        words = f"{row['goal']}: {row['description']} ({row['members']:,.0f} of {row['n']:,})"
        lines = textwrap.wrap(plain(words, 160), 80)
        ax.text(0.01, place - 0.2, "\n".join(lines), transform=ax.get_yaxis_transform(), fontsize=style.SMALL)
    style.axes(ax, "", "lift, 95 % interval")
    ax.set_yticks([])
    ax.set_ylim(max(len(table), 3) - 0.4, -0.95)
    ax.set_xlim(left=0)
    if not len(table):
        style.centred(ax, "no description holds")
    handles = [
        Line2D([], [], color=style.OURS, marker="o", linewidth=3),
        Line2D([], [], color=style.GREY, marker="s", markerfacecolor="white", linestyle="none"),
    ]
    style.legend(fig, handles, ["on the other half", "on the half that found it"])
    style.save(fig, path)
