"""How good are probabilities and stated values: numbers with intervals, and the points of two curves.

Every metric takes `weights`: None, one weight per customer (n,), or one row of weights per bootstrap
resample (n_resamples, n), and returns one number, or one per row. Repeats of the same cross-validation are
evaluated on the same resamples of customers, so that an interval shows the sampling of customers alone.
A metric is NaN where it is undefined, such as the precision of a value that is never stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, did_you_mean

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Kind = Literal["binary", "nominal", "ordinal"]


@dataclass(frozen=True)
class Estimate:
    """One metric of one attribute, or of one of its values.

    `value` is empty for the attribute as a whole. `low` and `high` are the 2.5 % and 97.5 % percentiles of
    the bootstrap. `prior` is what the class shares of the training side alone would score. `n` counts the
    customers in the denominator: those with the value for recall, those stated for precision (mean over
    repeats, rounded), else all.
    """

    metric: str
    value: str
    estimate: float
    low: float
    high: float
    prior: float
    n: int


def auc(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the area under the ROC curve; beyond two classes the mean of one-against-rest areas.

    A class without customers is left out of the mean. Ties count one half.

    Examples
    --------
    >>> float(auc(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])))
    0.75
    """
    if proba.shape[1] == 2:
        return _auc_of_score(y_index == 1, proba[:, 1], weights)
    return _mean_defined([_auc_of_score(y_index == c, proba[:, c], weights) for c in range(proba.shape[1])])


def log_loss_rows(y_index: Ints, proba: Floats) -> Floats:
    """Return minus the log probability of each customer's true class; cut off at 2.2e-16."""
    return -np.log(np.maximum(proba[np.arange(len(y_index)), y_index], np.finfo(np.float64).eps))


def log_loss(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the mean of `log_loss_rows`."""
    return _mean(log_loss_rows(y_index, proba), weights)


def brier(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the mean squared error of the probabilities (Brier 1950).

    For two classes of the probability of the second one, between 0 and 1; beyond, the sum over the
    classes, between 0 and 2.
    """
    error = (proba - np.eye(proba.shape[1])[y_index]) ** 2
    return _mean(error[:, 1] if proba.shape[1] == 2 else error.sum(axis=1), weights)


def ece(y_index: Ints, proba: Floats, weights: Floats | None = None, n_bins: int = 10) -> Any:
    """Return the expected calibration error: the mean over bins of |mean probability - observed share|.

    Bins hold equally many customers (equal probabilities stay together; Naeini, Cooper, Hauskrecht 2015,
    AAAI; Kumar, Liang, Ma 2019, NeurIPS); they do not depend on `weights`. For two classes of the
    probability of the second one; beyond, of the most probable class. It is biased upwards in small
    samples, and more so in resamples: its bootstrap interval lies too high.
    """
    score, hit = _confidence(y_index, proba)
    in_bin = np.eye(n_bins)[_equal_mass_bins(score, n_bins)]
    gaps = _total((score - hit)[:, None] * in_bin, weights)
    return np.abs(gaps).sum(axis=-1) / _total(np.ones(len(score)), weights)


def accuracy(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the share of customers whose most probable class is the true one."""
    return _mean((proba.argmax(axis=1) == y_index).astype(float), weights)


def balanced_accuracy(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the mean over the classes that have customers of the share that is recognised."""
    hit = proba.argmax(axis=1) == y_index
    return _mean_defined(
        [_ratio(_total(hit & (y_index == c), weights), _total(y_index == c, weights)) for c in range(proba.shape[1])]
    )


def mean_absolute_error_bands(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return by how many bands the median of the predicted distribution misses the true band, on average.

    The median is the prediction that minimises this error; the lower one where two are possible.
    """
    median = (proba.cumsum(axis=1) >= 0.5 - 1e-12).argmax(axis=1)
    return _mean(np.abs(median - y_index).astype(float), weights)


def coverage(stated: Ints, value: int | None = None, weights: Floats | None = None) -> Any:
    """Return the share of customers for whom `value` (None: any value) is stated. `stated` is -1 for none."""
    return _mean(_is_stated(stated, value).astype(float), weights)


def n_stated(stated: Ints, value: int | None = None, weights: Floats | None = None) -> Any:
    """Return the number of customers for whom `value` (None: any value) is stated."""
    return _total(_is_stated(stated, value), weights)


def recall(y_index: Ints, stated: Ints, value: int, weights: Floats | None = None) -> Any:
    """Return the share of customers with `value` for whom it is stated; NaN if nobody has it."""
    has = y_index == value
    return _ratio(_total(has & (stated == value), weights), _total(has, weights))


def precision(y_index: Ints, stated: Ints, value: int | None = None, weights: Floats | None = None) -> Any:
    """Return the share of right statements of `value` (None: any); NaN if it is never stated."""
    said = _is_stated(stated, value)
    return _ratio(_total(said & (stated == y_index), weights), _total(said, weights))


def evaluate(
    y_index: Ints,
    proba: Floats,
    stated: Ints,
    prior_proba: Floats,
    kind: Kind,
    values: Sequence[str],
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Estimate]:
    """Return all metrics of one attribute, each the mean over repeats with a bootstrap interval.

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
    rows = _probability_rows(y_index, proba, prior_proba, kind) + _statement_rows(y_index, stated, values)
    point = np.array([_mean_defined([float(metric()) for metric in row.by_repeat]) for row in rows])
    resampled = _resample(rows, len(y_index), n_resamples, seed)
    low, high = _percentiles(resampled)
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
    means = np.concatenate([_mean(difference, w) for w in _weights(len(difference), n_resamples, seed)])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)


def calibration_curve(
    y_index: Ints, proba: Floats, value: int | None = None, n_bins: int = 10
) -> tuple[Floats, Floats, Ints]:
    """Return per bin the mean probability, the observed share and the number of customers.

    Of the probability of `value`; None: as in `ece`. Empty bins are left out.
    """
    score, hit = _confidence(y_index, proba) if value is None else (proba[:, value], y_index == value)
    bins = _equal_mass_bins(score, n_bins)
    n = np.bincount(bins, minlength=n_bins)
    filled = n > 0
    mean = np.bincount(bins, weights=score, minlength=n_bins)[filled] / n[filled]
    share = np.bincount(bins, weights=hit, minlength=n_bins)[filled] / n[filled]
    return mean, share, n[filled].astype(np.int64)


def precision_coverage_curve(y_index: Ints, proba: Floats, value: int) -> tuple[Floats, Floats, Floats]:
    """Return thresholds, descending, with coverage and precision if `value` were stated from there on.

    Only customers whose most probable class is `value` can get it; the arrays are empty if there are none.
    """
    best = proba.argmax(axis=1) == value
    score, hit = proba[best, value], y_index[best] == value
    order = np.argsort(-score, kind="stable")
    score, right = score[order], np.cumsum(hit[order])
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)) if len(score) else np.array([], dtype=int)
    return score[last], (last + 1) / len(y_index), right[last] / (last + 1)


@dataclass(frozen=True)
class _Row:
    """What becomes one `Estimate`: the metric as a function of weights, once per repeat."""

    metric: str
    value: str
    by_repeat: Sequence[Callable[..., Any]]
    prior: float
    n: int


def _probability_rows(y_index: Ints, proba: Floats, prior_proba: Floats, kind: Kind) -> list[_Row]:
    if kind not in get_args(Kind):
        raise ConfigError(f"unknown kind {kind!r} {did_you_mean(kind, get_args(Kind))}")
    functions: dict[str, Callable[..., Any]] = {
        "auc": auc,
        "log_loss": log_loss,
        "brier": brier,
        "ece": ece,
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
    }
    if kind == "ordinal":
        functions["mean_absolute_error_bands"] = mean_absolute_error_bands
    return [
        _Row(
            name,
            "",
            [partial(function, y_index, part) for part in proba],
            0.5 if name == "auc" else float(np.mean([function(y_index, part) for part in prior_proba])),
            len(y_index),
        )
        for name, function in functions.items()
    ]


def _statement_rows(y_index: Ints, stated: Ints, values: Sequence[str]) -> list[_Row]:
    rows = []
    n, nan = len(y_index), float("nan")
    for value, name in [(None, ""), *enumerate(values)]:
        share = nan if value is None else float(np.mean(y_index == value))
        said = float(np.mean([n_stated(s, value) for s in stated]))
        rows += [
            _Row("coverage", name, [partial(coverage, s, value) for s in stated], nan, n),
            _Row("n_stated", name, [partial(n_stated, s, value) for s in stated], nan, n),
            _Row("precision", name, [partial(precision, y_index, s, value) for s in stated], share, round(said)),
        ]
        if value is not None:
            found = [partial(recall, y_index, s, value) for s in stated]
            rows.append(_Row("recall", name, found, said / n, int((y_index == value).sum())))
    return rows


def _resample(rows: list[_Row], n: int, n_resamples: int, seed: int) -> Floats:
    """Return each row's metric, the mean over repeats, per resample: shape (n_rows, n_resamples)."""
    parts = [
        [_mean_defined([metric(weights=weights) for metric in row.by_repeat]) for row in rows]
        for weights in _weights(n, n_resamples, seed)
    ]
    return np.concatenate([np.array(part) for part in parts], axis=1)


def _weights(n: int, n_resamples: int, seed: int, chunk: int = 100) -> Any:
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


def _auc_of_score(positive: NDArray[np.bool_], score: Floats, weights: Floats | None) -> Any:
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))  # of groups of equal scores
    weights = np.ones(len(score)) if weights is None else weights
    sorted_weights = weights[..., order]
    up = np.add.reduceat(sorted_weights * positive[order], starts, axis=-1)
    down = np.add.reduceat(sorted_weights * ~positive[order], starts, axis=-1)
    below = down.cumsum(axis=-1) - down / 2
    return _ratio((up * below).sum(axis=-1), up.sum(axis=-1) * down.sum(axis=-1))


def _confidence(y_index: Ints, proba: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the probability whose calibration is looked at, and whether it came true."""
    if proba.shape[1] == 2:
        return proba[:, 1], y_index == 1
    best = proba.argmax(axis=1)
    return proba[np.arange(len(best)), best], best == y_index


def _equal_mass_bins(score: Floats, n_bins: int) -> Ints:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, n_bins + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right").astype(np.int64)


def _is_stated(stated: Ints, value: int | None) -> NDArray[np.bool_]:
    return stated >= 0 if value is None else stated == value


def _total(amount: NDArray[Any], weights: Floats | None) -> Any:
    amount = amount.astype(np.float64)
    return amount.sum(axis=0) if weights is None else weights @ amount


def _mean(amount: Floats, weights: Floats | None) -> Any:
    return _ratio(_total(amount, weights), _total(np.ones(len(amount)), weights))


def _ratio(numerator: Any, denominator: Any) -> Any:
    undefined = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)[()]


def _mean_defined(parts: Sequence[Any]) -> Any:
    """Return the mean of those of `parts` that are not NaN, element by element; NaN where all are."""
    stacked = np.array(parts, dtype=np.float64)
    defined = ~np.isnan(stacked)
    return _ratio(np.where(defined, stacked, 0.0).sum(axis=0), defined.sum(axis=0))
