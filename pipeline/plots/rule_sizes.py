"""Rule segments: how many are stated, and how many there truly are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import plain

_APART = 0.16
_STATED: dict[str, Any] = {"color": style.GREY, "marker": "s", "markerfacecolor": "white"}
_EXPECTED: dict[str, Any] = {"color": style.OURS, "marker": "o"}


def rule_sizes(table: pd.DataFrame, path: Path) -> None:
    """Write one picture of all rules: members as stated, and the expected true number with its 95 % interval.

    Parameters
    ----------
    table
        One row per rule: `segment`, `members` (NaN where too few to be told), `expected`, `expected_low`,
        `expected_high`.
    path
        File to write.
    """
    fig = style.figure(
        1.9 + 0.5 * max(len(table), 3), "Segments by rule: members as stated, and how many there truly are"
    )
    ax = fig.subplots()
    for at, (_, row) in enumerate(table.iterrows()):
        if np.isfinite(row.get("expected", np.nan)):
            ends = [row["expected_low"], row["expected_high"]]
            ax.plot(ends, [at + _APART] * 2, color=style.OURS, linewidth=2, solid_capstyle="butt")
            ax.plot([row["expected"]], [at + _APART], markersize=6, linestyle="none", **_EXPECTED)
        if np.isfinite(row["members"]):
            ax.plot([row["members"]], [at - _APART], markersize=6, linestyle="none", **_STATED)
    style.axes(ax, "", "customers")
    ax.set_yticks(range(len(table)), [plain(name, 34) for name in table.get("segment", [])])
    ax.set_ylim(max(len(table), 3) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.grid(False, axis="y")
    if not len(table):
        style.centred(ax, "no rule can be had")
    handles = [Line2D([], [], linestyle="none", **_STATED), Line2D([], [], linestyle="-", **_EXPECTED)]
    style.legend(fig, handles, ["members, by stated values", "expected to fulfil the rule, 95 % interval"])
    style.save(fig, path)
