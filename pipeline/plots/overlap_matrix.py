"""Which part of each segment lies in which other one, as a matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.plots import style
from pipeline.plots.text import percent, plain


def overlap_matrix(table: pd.DataFrame, path: Path, limit: int = 24) -> None:
    """Write the matrix: in row i and column j the share of segment i that is in segment j; colour is the lift.

    Parameters
    ----------
    table
        `segment`, `other`, `share`, `lift` (NaN where too few to be told), `n_segment`.
    path
        File to write.
    limit
        At most so many segments, the largest.
    """
    sizes = table.groupby("segment")["n_segment"].first() if len(table) else pd.Series(dtype=float)
    kept = sorted(sizes.sort_values(ascending=False, kind="stable").index[:limit])
    names = [plain(name, 30) for name in kept]
    note = [f"the {limit} largest of {len(sizes)} segments"] if len(sizes) > limit else []
    fig = style.figure(4.2 + 0.36 * len(kept), "Overlap: share of the row's segment that is in the column's", note)
    ax = fig.subplots()
    place = {name: number for number, name in enumerate(kept)}
    lift = np.zeros((len(kept), len(kept)))
    for _, row in table.iterrows():
        if row["segment"] not in place or row["other"] not in place:
            continue
        i, j = place[row["segment"]], place[row["other"]]
        known = np.isfinite(row["share"])
        if row["share"] == 0 and row["segment"].partition(":")[0] == row["other"].partition(":")[0]:
            continue  # segments of one family that exclude each other
        lift[i, j] = np.clip(np.log2(max(row["lift"], 0.25)), -2, 2) if known else 0.0
        text = percent(row["share"]).replace(" ", "") if known else "·"
        ax.text(j, i, text, ha="center", va="center", fontsize=8, color=style.INK)
    if kept:
        ax.imshow(lift, cmap="RdBu_r", vmin=-3, vmax=3, aspect="auto")
    else:
        style.centred(ax, "no two segments")
    ax.set_xticks(range(len(kept)), names, rotation=90, fontsize=8)
    ax.set_yticks(range(len(kept)), names, fontsize=8)
    ax.tick_params(length=0)
    legend = "red: more than of all customers (at most 4×), blue: less (at least ¼×); ·: too few to be told"
    style.legend(fig, [], [], legend)
    style.save(fig, path)
