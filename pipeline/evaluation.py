"""How good one attribute's predictions are: every metric with a bootstrap interval.

Repeats of the same cross-validation are evaluated on the same resamples of customers, so that an interval
shows the sampling of customers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from pipeline import metrics
from pipeline.errors import ConfigError, did_you_mean
from pipeline.metrics import Floats, Ints

Kind = Literal["binary", "nominal", "ordinal"]

_SHARES = ("precision", "precision_silent", "recall", "coverage")


@dataclass(frozen=True)
class Estimate:
    """One metric of one attribute, or of one of its values.

    `value` is empty for the attribute as a whole. `low` and `high` are the 2.5 % and 97.5 % percentiles of
    the bootstrap; of precision, recall and coverage the ends of the exact interval. `prior` is what the class shares
    of the training side alone would score. `n` counts the customers in the denominator: those with the value for
    recall, those stated for precision (mean over repeats, rounded), else all.
    """

    metric: str
    value: str
    estimate: float
    low: float
    high: float
    prior: float
    n: int


def evaluate(
    y_index: Ints,
    proba: Floats,
    stated: Ints,
    prior_proba: Floats,
    kind: Kind,
    values: Sequence[str],
    n_resamples: int = 1000,
    seed: int = 0,
    folds: Ints | None = None,
    sets: NDArray[np.bool_] | None = None,
    silent_weight: Floats | None = None,
) -> list[Estimate]:
    """Return all metrics of one attribute, each the mean over repeats with a bootstrap interval.

    The bootstrap collapses where a share is near 0 or 1: precision, recall and coverage have the exact binomial
    interval instead (Clopper & Pearson 1934, Biometrika 26).

    The prior ranks nobody, so its AUC is 0.5; to be compared with precision it is the share of the value,
    and with recall the coverage (both are what stating the value at random would give); there is none for
    coverage and for precision as a whole.

    Parameters
    ----------
    y_index
        True class index of each customer, shape (n,).
    proba
        Probabilities for customers that the model had not seen, shape (n_repeats, n, n_classes).
    stated
        Index of the stated value, or -1, shape (n_repeats, n).
    prior_proba
        Class shares of the respective training side, shape of `proba`.
    kind
        "binary", "nominal" or "ordinal"; the last adds the error in bands.
    values
        Name of each class.
    n_resamples, seed
        Number of bootstrap resamples of customers, and their seed.
    folds
        Test fold of each customer, shape (n_repeats, n): the AUC compares only customers of one fold, see
        `metrics.auc`.
    sets
        Whether a value belongs to the prediction set, shape (n_repeats, n, n_classes): adds `set_coverage`, the share
        of sets that hold the true value (prior: that of sets of the same sizes drawn at random), and `set_size`.
    silent_weight
        How many customers whose value is not known each one stands for, up to a factor, shape (n,): adds
        `precision_silent`, the precision among those (Hájek 1971). Its `n` is how many statements of equal weight it is
        worth (Kish 1965), its prior the value's share among them.

    Raises
    ------
    ConfigError
        If `kind` is unknown, or the shapes contradict each other.
    """
    shape = (len(proba), len(y_index), len(values))
    if proba.shape != shape or prior_proba.shape != shape or stated.shape != shape[:2]:
        raise ConfigError(
            f"evaluate: expected proba and prior_proba of shape {shape} and stated of shape {shape[:2]}; "
            f"found {proba.shape}, {prior_proba.shape}, {stated.shape}"
        )
    rows = _probability_rows(y_index, proba, prior_proba, kind, folds) + _statement_rows(y_index, stated, values)
    rows += [] if sets is None else _set_rows(y_index, sets)
    rows += [] if silent_weight is None else _silent_rows(y_index, stated, values, silent_weight)
    point = np.array([metrics.mean_defined([float(metric()) for metric in row.by_repeat]) for row in rows])
    resampled = _resample(rows, len(y_index), n_resamples, seed)
    low, high = _percentiles(resampled)
    for i, row in enumerate(rows):
        if row.metric in _SHARES and row.n > 0 and np.isfinite(point[i]):
            exact = binomtest(round(point[i] * row.n), row.n).proportion_ci(0.95, "exact")
            low[i], high[i] = exact.low, exact.high
    return [
        Estimate(row.metric, row.value, float(point[i]), float(low[i]), float(high[i]), row.prior, row.n)
        for i, row in enumerate(rows)
    ]


def paired_bootstrap(
    loss_new: Floats, loss_old: Floats, seed: int = 0, n_resamples: int = 1000
) -> tuple[float, float, float]:
    """Return the mean of `loss_new - loss_old` over customers, and its 95 % bootstrap interval.

    Below 0 the new model is better. Both losses are of the same customers, shape (n,).

    Examples
    --------
    >>> paired_bootstrap(np.array([0.25, 0.5]), np.array([0.5, 0.75]))
    (-0.25, -0.25, -0.25)
    """
    difference = np.asarray(loss_new) - np.asarray(loss_old)
    means = np.concatenate(
        [metrics.weighted_mean(difference, w) for w in resampled_weights(len(difference), n_resamples, seed)]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)


@dataclass(frozen=True)
class _Row:
    """What becomes one `Estimate`: the metric as a function of weights, once per repeat."""

    metric: str
    value: str
    by_repeat: Sequence[Callable[..., Any]]
    prior: float
    n: int


def _probability_rows(y_index: Ints, proba: Floats, prior_proba: Floats, kind: Kind, folds: Ints | None) -> list[_Row]:
    if kind not in get_args(Kind):
        raise ConfigError(f"unknown kind {kind!r} {did_you_mean(kind, get_args(Kind))}")
    functions: dict[str, Callable[..., Any]] = {
        "log_loss": metrics.log_loss,
        "brier": metrics.brier,
        "ece": metrics.ece,
        "accuracy": metrics.accuracy,
        "balanced_accuracy": metrics.balanced_accuracy,
    }
    if kind == "ordinal":
        functions["mean_absolute_error_bands"] = metrics.mean_absolute_error_bands
    n = len(y_index)
    together: Sequence[Ints | None] = [None] * len(proba) if folds is None else list(folds)
    areas = [partial(metrics.auc, y_index, part, folds=fold) for part, fold in zip(proba, together, strict=True)]
    return [_Row("auc", "", areas, 0.5, n)] + [
        _Row(
            name,
            "",
            [partial(function, y_index, part) for part in proba],
            float(np.mean([function(y_index, part) for part in prior_proba])),
            n,
        )
        for name, function in functions.items()
    ]


def _statement_rows(y_index: Ints, stated: Ints, values: Sequence[str]) -> list[_Row]:
    rows = []
    n, nan = len(y_index), float("nan")
    for value, name in [(None, ""), *enumerate(values)]:
        share = nan if value is None else float(np.mean(y_index == value))
        said = float(np.mean([metrics.n_stated(s, value) for s in stated]))
        rows += [
            _Row("coverage", name, [partial(metrics.coverage, s, value) for s in stated], nan, n),
            _Row("n_stated", name, [partial(metrics.n_stated, s, value) for s in stated], nan, n),
            _Row(
                "precision", name, [partial(metrics.precision, y_index, s, value) for s in stated], share, round(said)
            ),
        ]
        if value is not None:
            found = [partial(metrics.recall, y_index, s, value) for s in stated]
            rows.append(_Row("recall", name, found, said / n, int((y_index == value).sum())))
    return rows


def _silent_rows(y_index: Ints, stated: Ints, values: Sequence[str], weight: Floats) -> list[_Row]:
    rows = []
    for value, name in [(None, ""), *enumerate(values)]:
        by_repeat = [partial(_weighted_precision, y_index, s, value, weight) for s in stated]
        share = float("nan") if value is None else float(metrics.weighted_mean((y_index == value) * 1.0, weight))
        worth = [_worth(weight[s >= 0 if value is None else s == value]) for s in stated]
        rows.append(_Row("precision_silent", name, by_repeat, share, round(float(np.mean(worth)))))
    return rows


def _weighted_precision(
    y_index: Ints, stated: Ints, value: int | None, own: Floats, weights: Floats | None = None
) -> Any:
    return metrics.precision(y_index, stated, value, own if weights is None else weights * own)


def _worth(weight: Floats) -> float:
    """Return how many customers of equal weight these are worth."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0


def _set_rows(y_index: Ints, sets: NDArray[np.bool_]) -> list[_Row]:
    n, everyone = len(y_index), np.arange(len(y_index))
    holds = [partial(metrics.weighted_mean, part[everyone, y_index].astype(np.float64)) for part in sets]
    sizes = [partial(metrics.weighted_mean, part.sum(axis=1).astype(np.float64)) for part in sets]
    by_chance = float(sets.mean())
    return [
        _Row("set_coverage", "", holds, by_chance, n),
        _Row("set_size", "", sizes, float("nan"), n),
    ]


def _resample(rows: list[_Row], n: int, n_resamples: int, seed: int) -> Floats:
    """Return each row's metric, the mean over repeats, per resample: shape (n_rows, n_resamples)."""
    parts = [
        [metrics.mean_defined([metric(weights=weights) for metric in row.by_repeat]) for row in rows]
        for weights in resampled_weights(n, n_resamples, seed)
    ]
    return np.concatenate([np.array(part) for part in parts], axis=1)


def resampled_weights(n: int, n_resamples: int, seed: int, chunk: int = 100) -> Iterator[Floats]:
    """Yield how often each customer is drawn, (at most `chunk`, n) at a time: the bootstrap as weights."""
    rng = np.random.default_rng(seed)
    for start in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - start)
        drawn = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _percentiles(resampled: Floats) -> tuple[Floats, Floats]:
    """Return 2.5 % and 97.5 % of the defined resamples of each row; NaN if none is defined."""
    bounds = np.full((2, len(resampled)), np.nan)
    defined = ~np.isnan(resampled).all(axis=1)
    if defined.any():
        bounds[:, defined] = np.nanpercentile(resampled[defined], [2.5, 97.5], axis=1)
    return bounds[0], bounds[1]
