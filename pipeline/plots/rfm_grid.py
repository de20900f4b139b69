"""Customers by fifths of recency and frequency, as a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.plots import style


def rfm_grid(table: pd.DataFrame, path: Path, min_cell: int) -> None:
    """Write the grid: in each cell how many customers, and how many times as many as if the two were independent.

    Parameters
    ----------
    table
        `recency` and `frequency` (1 to 5, missing in the row of merged cells), `n`, `share`, `baseline`.
    path
        File to write.
    min_cell
        Cells of fewer customers are not in the table; the picture says so.
    """
    fig = style.figure(6.6, "Customers by recency and frequency, in fifths")
    ax = fig.subplots()
    counts = np.full((5, 5), np.nan)
    known = table[table["recency"].notna()] if len(table) else table
    for _, row in known.iterrows():
        r, f = int(row["recency"]) - 1, int(row["frequency"]) - 1
        counts[f, r] = row["n"]
        times = f"{row['share'] / row['baseline']:.1f}×" if row["baseline"] else ""
        ax.text(r, f, f"{row['n']:,.0f}\n{times}", ha="center", va="center", fontsize=style.SMALL, color=style.INK)
    most = np.nanmax(counts) if np.isfinite(counts).any() else 1.0
    ax.imshow(np.nan_to_num(counts), cmap="Blues", vmin=0, vmax=1.6 * most, origin="lower", aspect="auto")
    style.axes(ax, "frequency: 5 the most active days", "recency: 5 the most recent")
    ax.set_xticks(range(5), [str(score) for score in range(1, 6)])
    ax.set_yticks(range(5), [str(score) for score in range(1, 6)])
    ax.grid(False)
    if not len(known):
        style.centred(ax, "no cell is large enough")
    note = f"× as many as if the two were independent; empty: nobody, or fewer than {min_cell} and not shown alone"
    style.legend(fig, [], [], note)
    style.save(fig, path)
