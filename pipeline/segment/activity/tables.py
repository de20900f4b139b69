"""Tables of the activity segments: sizes with what is typical of each, and the grid of fifths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.columns import SEGMENT
from pipeline.plots import wilson
from pipeline.segment.activity.lifecycle import STAGES
from pipeline.segment.cells import OTHER, counted, merged_counts

WAS = "was"  # the segment one period earlier


def sizes(rows: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return size, medians and share of the money by segment; `was_share` is the share one period earlier."""
    n, money = len(rows), rows["amount_sum"].sum()
    known = rows[WAS].notna()
    before = merged_counts(counted(rows[WAS].dropna()), min_cell, leave_out=True)
    found = []
    for name in [name for name in (*STAGES, OTHER) if (rows[SEGMENT] == name).any()]:
        own = rows[rows[SEGMENT] == name]
        low, high = wilson(np.array(len(own)), np.array(n))
        found.append(
            {
                SEGMENT: name,
                "n": len(own),
                "base": n,
                "share": len(own) / n,
                "low": float(low),
                "high": float(high),
                "was_share": round(before.get(name, np.nan) / max(1, known.sum()), 2),  # rough: no count follows
                "median_recency_days": own["recency_days"].median(),
                "median_active_days": own["active_days"].median(),
                "median_amount": own["amount_sum"].median(),
                "amount_share": own["amount_sum"].sum() / money if money > 0 else np.nan,
            }
        )
    shown = pd.DataFrame(found)
    return shown[shown["n"] >= min_cell].reset_index(drop=True) if len(shown) else shown


def rfm_grid(rows: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return customers by fifth of recency and frequency; small cells stand together as *other*."""
    counts = counted(rows["recency"].astype(str) + "-" + rows["frequency"].astype(str))
    expected = {
        f"{r}-{f}": (rows["recency"] == r).mean() * (rows["frequency"] == f).mean()
        for r in range(1, 6)
        for f in range(1, 6)
    }
    shown = merged_counts(counts, min_cell)
    found = []
    for name, n in shown.items():
        low, high = wilson(np.array(n), np.array(len(rows)))
        merged = [key for key in expected if key not in shown] if name == OTHER else [name]
        recency, _, frequency = name.partition("-")
        found.append(
            {
                "recency": pd.NA if name == OTHER else int(recency),
                "frequency": pd.NA if name == OTHER else int(frequency),
                "n": n,
                "base": len(rows),
                "share": n / len(rows),
                "low": float(low),
                "high": float(high),
                "baseline": sum(expected[key] for key in merged),
            }
        )
    return pd.DataFrame(found)
