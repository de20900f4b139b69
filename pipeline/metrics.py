"""How good are probabilities and stated values: one number each, and the points of two curves.

Every metric takes `weights`: None, one weight per customer (n,), or one row of weights per bootstrap
resample (n_resamples, n), and returns one number, or one per row (see `evaluation`). A metric is NaN where
it is undefined, such as the precision of a value that is never stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def auc(y_index: Ints, proba: Floats, weights: Floats | None = None, folds: Ints | None = None) -> Any:
    """Return the area under the ROC curve; beyond two classes the mean of one-against-rest areas.

    A class without customers is left out of the mean. Ties count one half. Where the folds of a cross-validation are
    given, shape (n,), only customers of one fold are compared with each other: their scores come from one model, as all
    scores do once a model is deployed, while scores of different folds' models differ in level by chance alone.

    Examples
    --------
    >>> float(auc(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])))
    0.75
    """
    if proba.shape[1] == 2:
        return _auc_of_score(y_index == 1, proba[:, 1], weights, folds)
    return mean_defined([_auc_of_score(y_index == c, proba[:, c], weights, folds) for c in range(proba.shape[1])])


def log_loss_rows(y_index: Ints, proba: Floats) -> Floats:
    """Return minus the log probability of each customer's true class; cut off at 2.2e-16."""
    return -np.log(np.maximum(proba[np.arange(len(y_index)), y_index], np.finfo(np.float64).eps))


def log_loss(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the mean of `log_loss_rows`."""
    return weighted_mean(log_loss_rows(y_index, proba), weights)


def brier(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the mean squared error of the probabilities (Brier 1950).

    For two classes of the probability of the second one, between 0 and 1; beyond, the sum over the
    classes, between 0 and 2.
    """
    error = (proba - np.eye(proba.shape[1])[y_index]) ** 2
    return weighted_mean(error[:, 1] if proba.shape[1] == 2 else error.sum(axis=1), weights)


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
    return weighted_mean((proba.argmax(axis=1) == y_index).astype(float), weights)


def balanced_accuracy(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return the mean over the classes that have customers of the share that is recognised."""
    hit = proba.argmax(axis=1) == y_index
    return mean_defined(
        [_ratio(_total(hit & (y_index == c), weights), _total(y_index == c, weights)) for c in range(proba.shape[1])]
    )


def mean_absolute_error_bands(y_index: Ints, proba: Floats, weights: Floats | None = None) -> Any:
    """Return by how many bands the median of the predicted distribution misses the true band, on average.

    The median is the prediction that minimises this error; the lower one where two are possible.
    """
    median = (proba.cumsum(axis=1) >= 0.5 - 1e-12).argmax(axis=1)
    return weighted_mean(np.abs(median - y_index).astype(float), weights)


def coverage(stated: Ints, value: int | None = None, weights: Floats | None = None) -> Any:
    """Return the share of customers for whom `value` (None: any value) is stated. `stated` is -1 for none."""
    return weighted_mean(_is_stated(stated, value).astype(float), weights)


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


def weighted_mean(amount: Floats, weights: Floats | None = None) -> Any:
    """Return the mean of an amount per customer, shape (n,), under `weights`.

    Examples
    --------
    >>> float(weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))
    2.0
    """
    return _ratio(_total(amount, weights), _total(np.ones(len(amount)), weights))


def mean_defined(parts: Sequence[Any]) -> Any:
    """Return the mean of those of `parts` that are not NaN, element by element; NaN where all are.

    Examples
    --------
    >>> float(mean_defined([0.25, np.nan, 0.75]))
    0.5
    """
    stacked = np.array(parts, dtype=np.float64)
    defined = ~np.isnan(stacked)
    return _ratio(np.where(defined, stacked, 0.0).sum(axis=0), defined.sum(axis=0))


def _auc_of_score(positive: NDArray[np.bool_], score: Floats, weights: Floats | None, folds: Ints | None = None) -> Any:
    """Return the share of pairs of one fold that are ranked rightly."""
    weights = np.ones(len(score)) if weights is None else weights
    members = [np.arange(len(score))] if folds is None else [np.flatnonzero(folds == f) for f in np.unique(folds)]
    parts = [_ranked_pairs(positive[m], score[m], weights[..., m]) for m in members if len(m)]
    return _ratio(sum(right for right, _ in parts), sum(pairs for _, pairs in parts))


def _ranked_pairs(positive: NDArray[np.bool_], score: Floats, weights: Floats) -> tuple[Any, Any]:
    """Return the weight of pairs of a positive and a negative that are ranked rightly, and of all of them."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))  # of groups of equal scores
    sorted_weights = weights[..., order]
    up = np.add.reduceat(sorted_weights * positive[order], starts, axis=-1)
    down = np.add.reduceat(sorted_weights * ~positive[order], starts, axis=-1)
    below = down.cumsum(axis=-1) - down / 2
    return (up * below).sum(axis=-1), up.sum(axis=-1) * down.sum(axis=-1)


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


def _ratio(numerator: Any, denominator: Any) -> Any:
    undefined = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)[()]
