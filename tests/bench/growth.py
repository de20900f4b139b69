"""How time or memory grows with size: the exponent of a power law, fitted by least squares on logarithms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Growth:
    """Exponent b of cost = a * size ** b, with its 95 % t-interval; 1 is proportional growth."""

    exponent: float
    low: float
    high: float
    measurements: int


def growth(sizes: list[float], costs: list[float]) -> Growth:
    """Return the fitted exponent of measurements at three sizes or more; rounds count as measurements of their own.

    Raises
    ------
    ValueError
        If fewer than three sizes differ (two have a line, but no interval), or if a size or cost is not positive.
    """
    if len(set(sizes)) < 3:
        raise ValueError(f"growth needs three different sizes or more, found {sorted(set(sizes))}")
    if min(sizes) <= 0 or min(costs) <= 0:
        raise ValueError("growth needs sizes and costs above 0: a power law has logarithms")
    line = stats.linregress(np.log(sizes), np.log(costs))
    half = float(stats.t.ppf(0.975, len(sizes) - 2) * line.stderr)
    return Growth(float(line.slope), float(line.slope) - half, float(line.slope) + half, len(sizes))
