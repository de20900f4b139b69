"""How often a segment comes, and in which tone it is written to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from pipeline.features.naming import dense_name
from pipeline.settings import Campaign


@dataclass(frozen=True)
class Median:
    """The median of a segment with its 95 % interval, and the base's."""

    value: float
    low: float
    high: float
    base: float
    n: int


@dataclass(frozen=True)
class Manner:
    """Rhythm and tone; days between two active days, `gap_days`, of customers who came at least twice."""

    gap_days: Median | None
    tone: str
    why: str


def manner_columns(log: str) -> list[str]:
    """Return the dense features that are read: gap, tenure, recency, active days."""
    names = (("gap", "mean_days"), ("time", "tenure_days"), ("time", "recency_days"), ("days", "count"))
    return [dense_name(log, *name) for name in names]


def median(values: NDArray[np.float64], base: NDArray[np.float64], at_least: int) -> Median | None:
    """Return a median with the interval that order statistics give, or None of fewer than `at_least` values.

    The ends are the values at the binomial quantiles of rank (Conover 1999, Practical Nonparametric Statistics, 3.2).

    >>> median(np.arange(1.0, 10.0), np.arange(20.0), 2)
    Median(value=5.0, low=2.0, high=8.0, base=9.5, n=9)
    """
    ordered = np.sort(values)
    n = len(ordered)
    if n < max(2, at_least):
        return None
    first = int(binom.ppf(0.025, n, 0.5))
    low, high = ordered[max(0, first - 1)], ordered[min(n - 1, n - first)]
    return Median(float(np.median(ordered)), float(low), float(high), float(np.median(base)), n)


def manner(dense: pd.DataFrame, log: str, segment: str, customers: NDArray[np.object_], campaign: Campaign) -> Manner:
    """Return a segment's rhythm and tone.

    The rule: the configured tone; else *welcoming* where half of the segment came first within `newcomer_days`; else
    *returning* where half was not seen for `lapsed_days`; else *familiar* where half has more active days than three
    quarters of the base; else *neutral*.
    """
    gap, tenure, recency, days = manner_columns(log)
    own = dense[dense.index.isin(customers)]
    gaps = median(own[gap].dropna().to_numpy(), dense[gap].dropna().to_numpy(), campaign.min_cell)
    if segment in campaign.tone:
        return Manner(gaps, campaign.tone[segment], f"given by campaign.tone.{segment}")
    if own[recency].notna().sum() < campaign.min_cell:
        return Manner(gaps, "neutral", f"fewer than {campaign.min_cell} customers have events in {log}")
    new, gone = (
        float((own[tenure] < campaign.newcomer_days).mean()),
        float((own[recency] > campaign.lapsed_days).mean()),
    )
    busy = float((own[days] > dense[days].quantile(0.75)).mean())
    rules = (
        ("welcoming", new, f"came first within {campaign.newcomer_days} days"),
        ("returning", gone, f"were not seen for {campaign.lapsed_days} days"),
        ("familiar", busy, "have more active days than three quarters of the base"),
    )
    for tone, share, words in rules:
        if share >= 0.5:
            return Manner(gaps, tone, f"{share:.0%} {words}")
    told = ", ".join(f"{share:.0%} {words}" for _, share, words in rules)
    return Manner(gaps, "neutral", f"no rule holds for half of the segment: {told}")
