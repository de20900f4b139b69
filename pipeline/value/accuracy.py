"""How good expected amounts are against what came: every figure with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from pipeline.value.resampling import NOTHING, Floats, interval, ratio, weights_of

TOP = 0.10
DEVIANCE = "deviance"
HIGHER = ("spearman", "top_decile_capture")
_POWER = 1.5  # of the Tweedie deviance: between counts (1) and amounts (2)
_LEAST = 0.01  # of the mean: what a prediction of nothing counts as; the deviance would be infinite


def accuracy(actual: Floats, predicted: Floats, resamples: int, seed: int) -> pd.DataFrame:
    """Return one row per figure: `metric`, `estimate`, `low`, `high`, `n`.

    ================== ==============================================================================================
    mae, rmse          mean absolute and root mean squared error, in money
    spearman           rank correlation; within resamples, of the ranks in the whole sample
    top_decile_capture share of what came that the tenth with the highest expectation brought (that of a perfect order
                       stands in `best_capture`)
    calibration        what was expected in all, divided by what came in all; 1 is right
    deviance           mean Tweedie deviance of power 1.5, which the true means make smallest (Gneiting 2011, JASA 106)
    ================== ==============================================================================================

    Parameters
    ----------
    actual, predicted
        Of the same customers, shape (n,); amounts below 0 count as 0 for the deviance.
    """
    n = len(actual)
    error = predicted - actual
    loss = deviance(actual, predicted)
    ranks = [_standard(rankdata(one)) for one in (actual, predicted)]
    top, best = (_top(one) for one in (predicted, actual))

    def mean(w: Floats, values: Floats) -> Floats:
        return ratio(w @ values, w.sum(axis=1))

    figures: dict[str, Callable[[Floats], Floats]] = {
        "mae": lambda w: mean(w, np.abs(error)),
        "rmse": lambda w: np.sqrt(mean(w, error**2)),
        "spearman": lambda w: _correlation(w, ranks[0], ranks[1]),
        "top_decile_capture": lambda w: ratio(w @ (actual * top), w @ actual),
        "best_capture": lambda w: ratio(w @ (actual * best), w @ actual),
        "calibration": lambda w: ratio(w @ predicted, w @ actual),
        DEVIANCE: lambda w: mean(w, loss),
    }
    drawn: dict[str, list[Floats]] = {name: [] for name in figures}
    for w in weights_of(n, resamples, seed) if n else ():
        for name, figure in figures.items():
            drawn[name].append(figure(w))
    rows = []
    for name, figure in figures.items():
        point = float(figure(np.ones((1, n)))[0])
        found = interval(point, np.concatenate(drawn[name])) if n else NOTHING
        rows.append({"metric": name, "estimate": found.estimate, "low": found.low, "high": found.high, "n": n})
    return pd.DataFrame(rows)


def deviance(actual: Floats, predicted: Floats) -> Floats:
    """Return each customer's Tweedie deviance of power 1.5 (Jørgensen 1987, JRSS B 49), shape (n,); 0 is best.

    >>> deviance(np.array([4.0, 0.0]), np.array([4.0, 4.0])).tolist()
    [0.0, 8.0]
    """
    y = np.maximum(actual, 0.0)
    mean = float(y.mean()) if len(y) else 0.0
    m = np.maximum(predicted, _LEAST * mean if mean > 0 else 1e-9)
    return 4 * (np.sqrt(y) - np.sqrt(m)) ** 2 / np.sqrt(m)


def deciles(actual: Floats, predicted: Floats, parts: int = 10) -> pd.DataFrame:
    """Return, by tenth of the expectation from low to high, what was expected and what came on average."""
    order = np.argsort(predicted, kind="stable")
    rows = []
    for number, rows_of in enumerate(np.array_split(order, min(parts, max(1, len(order))))):
        if len(rows_of):
            spread = float(actual[rows_of].std() / np.sqrt(len(rows_of)))
            row = {"part": number + 1, "n": len(rows_of), "expected": float(predicted[rows_of].mean())}
            rows.append(row | {"came": float(actual[rows_of].mean()), "standard_error": spread})
    return pd.DataFrame(rows)


def _top(values: Floats) -> Floats:
    """Return 1 for the tenth with the highest values; at the edge ties share what is left."""
    size = max(1.0, TOP * len(values))
    edge = np.sort(values)[::-1][int(np.ceil(size)) - 1]
    above = values > edge
    at = values == edge
    return above + at * (size - above.sum()) / max(1, at.sum())


def _standard(ranks: Floats) -> Floats:
    spread = ranks.std()
    return (ranks - ranks.mean()) / spread if spread > 0 else np.zeros(len(ranks))


def _correlation(w: Floats, x: Floats, y: Floats) -> Floats:
    total = w.sum(axis=1)
    mx, my = w @ x / total, w @ y / total
    spread = np.sqrt((w @ x**2 / total - mx**2) * (w @ y**2 / total - my**2))
    return ratio(w @ (x * y) / total - mx * my, spread)
