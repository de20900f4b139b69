"""Recency, frequency and money in fifths of the base (RFM; Hughes 1994, Strategic Database Marketing)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from pipeline.segment.activity.days import Floats, Ints
from pipeline.segment.activity.habits import Habits


@dataclass(frozen=True)
class Fifths:
    """Scores from 1 to 5, 5 the best fifth, each shape (n,); `amount` is None where the log has no money."""

    recency: Ints
    frequency: Ints
    amount: Ints | None


def fifths_of(habits: Habits) -> Fifths:
    """Return each customer's three scores among these customers."""
    money = None if np.isnan(habits.amount).any() else fifth(habits.amount)
    return Fifths(fifth(-habits.recency_days.astype(float)), fifth(habits.active_days.astype(float)), money)


def fifth(values: Floats) -> Ints:
    """Return the fifth that each value's mid-rank falls into, 1 the lowest; equal values share one score.

    >>> fifth(np.array([10.0, 20.0, 30.0, 40.0, 50.0])).tolist(), fifth(np.array([1.0, 1.0])).tolist()
    ([1, 2, 3, 4, 5], [3, 3])
    """
    if not len(values):
        return np.empty(0, dtype=np.int64)
    middle = (rankdata(values) - 0.5) / len(values)
    return np.clip(np.ceil(5 * middle - 1e-9), 1, 5).astype(np.int64)
