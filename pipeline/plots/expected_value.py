"""What was expected of customers beside what came, by tenth of the expectation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from pipeline.plots import style


def expected_and_came(tenths: pd.DataFrame, method: str, path: Path) -> None:
    """Write two marks per tenth of the customers, the lowest expectation first.

    Parameters
    ----------
    tenths
        `part`, `n`, mean `expected` and `came`, and the `standard_error` of the latter.
    method
        What expected.
    path
        File to write.
    """
    n = int(tenths["n"].sum()) if len(tenths) else 0
    fig = style.figure(6.0, f"Expected and actual value per customer, {method}, {n:,} customers")
    ax = fig.subplots()
    if n:
        at = tenths["part"].to_numpy(dtype=float)
        came = tenths["came"].to_numpy(dtype=float)
        half = 1.96 * np.nan_to_num(tenths["standard_error"].to_numpy(dtype=float))
        ax.errorbar(at, came, yerr=half, color=style.REQUIRED, marker="s", linestyle="none", markersize=7, linewidth=2)
        ax.plot(at, tenths["expected"], color=style.OURS, marker="o", linewidth=2.5, markersize=7)
        ax.set_xticks(at)
    else:
        style.centred(ax, "no customers")
    style.axes(ax, "mean value per customer", "tenth of the customers, the lowest expectation first")
    handles = [
        Line2D([], [], color=style.OURS, marker="o", linewidth=3),
        Line2D([], [], color=style.REQUIRED, marker="s", linestyle="none"),
    ]
    style.legend(fig, handles, ["expected", "came, 95 % interval"])
    style.save(fig, path)
