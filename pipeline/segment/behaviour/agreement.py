"""Do two assignments of the same customers agree: adjusted Rand index with an interval, and labels matched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.plots import wilson
from pipeline.segment.behaviour.clustering import Ints

_RESAMPLES = 500


@dataclass(frozen=True)
class Agreement:
    """Agreement of two assignments of n customers.

    `index` is the adjusted Rand index (1 the same, 0 as by chance), `low` to `high` its 95 % bootstrap interval over
    customers; `same` the share with the same label, once labels are matched, with its Wilson interval.
    """

    n: int
    index: float
    low: float
    high: float
    same: float
    same_low: float
    same_high: float


def matched(first: Ints, second: Ints, k_first: int, k_second: int) -> Ints:
    """Return for each label of the second the label of the first that it is matched with, -1 for none.

    The matching shares most customers (Kuhn 1955, Naval Research Logistics Quarterly 2).

    >>> matched(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), 2, 2).tolist()
    [1, 0]
    """
    table = _table(first, second, k_first, k_second)
    rows, columns = linear_sum_assignment(-table)
    result = np.full(k_second, -1, dtype=np.int64)
    result[columns] = rows
    return result


def agreement(first: Ints, second: Ints, k: int, random_state: int) -> Agreement | None:
    """Return how far two assignments to k clusters each agree; None without customers."""
    n = len(first)
    if not n:
        return None
    table = _table(first, second, k, k)
    rng = np.random.default_rng(random_state)
    drawn = rng.multinomial(n, table.ravel() / n, size=_RESAMPLES).reshape(-1, k, k)
    low, high = np.quantile([rand_index(one) for one in drawn], [0.025, 0.975])
    rows, columns = linear_sum_assignment(-table)
    same = int(table[rows, columns].sum())
    same_low, same_high = wilson(np.array(same), np.array(n))
    return Agreement(n, rand_index(table), float(low), float(high), same / n, float(same_low), float(same_high))


def rand_index(table: Ints) -> float:
    """Return the adjusted Rand index of a contingency table (Hubert & Arabie 1985, J. Classification 2, 193-218).

    >>> rand_index(np.array([[5, 0], [0, 5]]))
    1.0
    """
    n = table.sum()
    together = _pairs(table).sum()
    rows, columns = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    expected, most = rows * columns / max(_pairs(n), 1.0), (rows + columns) / 2
    return 1.0 if most == expected else float((together - expected) / (most - expected))


def _pairs(n: Ints) -> np.ndarray:
    return np.asarray(n, dtype=np.float64) * (np.asarray(n, dtype=np.float64) - 1) / 2


def _table(first: Ints, second: Ints, k_first: int, k_second: int) -> Ints:
    return np.bincount(first * k_second + second, minlength=k_first * k_second).reshape(k_first, k_second)
