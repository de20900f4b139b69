"""How few customers bring most of the value: Lorenz curve, Gini coefficient, share of the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.value.resampling import Estimate, Floats, interval, weights_of

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)
_GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Concentration:
    """How unequal values are.

    Attributes
    ----------
    n, n_none, n_negative
        Customers, those worth nothing, and those worth less than nothing, who are counted as nothing.
    negative
        The sum of what is worth less than nothing.
    total
        Sum of the values, negative ones as nothing.
    gini
        0: all alike; near 1: one has all (Gini 1912).
    held
        By share of the customers, the best first, the share of the value that they hold.
    curve
        101 rows: `customers`, a share of them, the best first; `value`, the share they hold, with `low` and `high`.
    """

    n: int
    n_none: int
    n_negative: int
    negative: float
    total: float
    gini: Estimate
    held: dict[float, Estimate]
    curve: pd.DataFrame


def concentration(values: Floats, resamples: int, seed: int) -> Concentration | None:
    """Return how concentrated the customers' values are, with bootstrap intervals; None if nobody is worth anything.

    Examples
    --------
    >>> one_has_all = concentration(np.array([0.0, 0.0, 0.0, 8.0]), 100, 0)
    >>> one_has_all.gini.estimate, one_has_all.held[0.5].estimate
    (0.75, 1.0)
    """
    worth = np.sort(np.maximum(values, 0.0))[::-1]
    n, total = len(worth), float(worth.sum())
    if not total > 0:
        return None
    points = np.array(sorted({*SHARES, *_GRID.tolist()}))
    lines, ginis = [], []
    for weights in weights_of(n, resamples, seed):
        for row in weights:
            line, gini = _of_weights(worth, row, points)
            lines.append(line)
            ginis.append(gini)
    point, gini = _of_weights(worth, np.ones(n), points)
    drawn = np.array(lines)
    at = {share: int(np.searchsorted(points, share)) for share in SHARES}
    grid = np.searchsorted(points, _GRID)
    low, high = np.nanpercentile(drawn[:, grid], [2.5, 97.5], axis=0)
    return Concentration(
        n=n,
        n_none=int((values == 0).sum()),
        n_negative=int((values < 0).sum()),
        negative=float(values[values < 0].sum()),
        total=total,
        gini=interval(gini, np.array(ginis)),
        held={share: interval(point[i], drawn[:, i]) for share, i in at.items()},
        curve=pd.DataFrame({"customers": _GRID, "value": point[grid], "low": low, "high": high}),
    )


def _of_weights(worth: Floats, weights: Floats, points: Floats) -> tuple[Floats, float]:
    """Return the curve at some shares of the customers, and Gini's coefficient, of values in falling order."""
    people = np.concatenate([[0.0], np.cumsum(weights)])
    money = np.concatenate([[0.0], np.cumsum(weights * worth)])
    if not money[-1] > 0:
        return np.full(len(points), np.nan), float("nan")
    people, money = people / people[-1], money / money[-1]
    area = float(np.sum(np.diff(people) * (money[1:] + money[:-1]) / 2))
    return np.interp(points, people, money), 2 * area - 1
