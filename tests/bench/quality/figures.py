"""From out-of-fold predictions to figures: each with its interval, the mean over a task's attributes too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline import metrics
from pipeline.metrics import Floats, Ints
from pipeline.predictor import OutOfFold

PRECISION = 0.8
MEAN = "mean"

# One repeat's true positions, probabilities, stated values, folds, weights -> one number, or one per resample.
Metric = Callable[[Ints, Floats, Ints, Ints, Floats | None], Any]


def fold_auc(y: Ints, proba: Floats, stated: Ints, folds: Ints, weights: Floats | None = None) -> Any:
    """Return the mean over the folds of the AUC within the fold."""
    members = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    parts = [metrics.auc(y[m], proba[m], None if weights is None else weights[..., m]) for m in members]
    return metrics.mean_defined(parts)


def reached(score: Floats, right: np.ndarray, weights: Floats | None = None, least: float = PRECISION) -> Any:
    """Return how much weight of right answers, and of answers, the longest list holds that is right often enough.

    Answers are given from the highest score downwards, equal scores together; the list may end anywhere.

    Examples
    --------
    >>> right, answers = reached(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), least=0.6)
    >>> float(right), float(answers)
    (2.0, 3.0)
    """
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    weights = np.ones(len(score)) if weights is None else weights
    answers = weights[..., order].cumsum(axis=-1)[..., last]
    correct = (weights[..., order] * right[order]).cumsum(axis=-1)[..., last]
    enough = correct >= least * answers - 1e-9
    return np.where(enough, correct, 0.0).max(axis=-1)[()], np.where(enough, answers, 0.0).max(axis=-1)[()]


def coverage_at(y: Ints, proba: Floats, stated: Ints, folds: Ints, weights: Floats | None = None) -> Any:
    """Return the largest share of customers whose likeliest value can be stated with 80 % of the statements right."""
    best = proba.argmax(axis=1)
    _, answers = reached(proba.max(axis=1), best == y, weights)
    return answers / _total(y, weights)


def recall_at(y: Ints, proba: Floats, stated: Ints, folds: Ints, weights: Floats | None = None) -> Any:
    """Return the largest share of those with the last value who are found with 80 % of the finds right."""
    has = y == proba.shape[1] - 1
    right, _ = reached(proba[:, -1], has, weights)
    n = _total(y, weights) * metrics.weighted_mean(has.astype(float), weights)
    return np.where(n > 0, right / np.maximum(n, 1.0), np.nan)[()]


def _total(y: Ints, weights: Floats | None) -> Any:
    return float(len(y)) if weights is None else weights.sum(axis=-1)


BOTH: dict[str, Metric] = {
    "auc": fold_auc,
    "auc_pooled": lambda y, p, s, f, w=None: metrics.auc(y, p, w, f),
    "log_loss": lambda y, p, s, f, w=None: metrics.log_loss(y, p, w),
    "accuracy": lambda y, p, s, f, w=None: metrics.accuracy(y, p, w),
    "coverage": coverage_at,
    "certified_coverage": lambda y, p, s, f, w=None: metrics.coverage(s, None, w),
    "certified_precision": lambda y, p, s, f, w=None: metrics.precision(y, s, None, w),
}
BINARY: dict[str, Metric] = {
    "recall": recall_at,
    "certified_recall": lambda y, p, s, f, w=None: metrics.recall(y, s, 1, w),
    "certified_precision_last": lambda y, p, s, f, w=None: metrics.precision(y, s, 1, w),
}
METRICS = [*BOTH, *BINARY]


@dataclass(frozen=True)
class Figure:
    """One metric: its mean over repeats, 95 % bootstrap interval over customers, spread, and the prior's.

    `sd` is the standard deviation over repeats, NaN for one repeat; `prior` what the class shares alone score, NaN
    where they say nothing.
    """

    estimate: float
    low: float
    high: float
    sd: float
    prior: float
    n: int


@dataclass(frozen=True)
class Scored:
    """A method's figures before they are summed up: `point` (attributes, metrics), `drawn` (…, resamples)."""

    attributes: list[str]
    point: Floats
    drawn: Floats
    sd: Floats
    prior: Floats
    n: list[int]

    def figures(self) -> dict[str, dict[str, Figure]]:
        """Return each attribute's figures by metric, and the mean over the attributes that have the metric."""
        rows = [*self.attributes, MEAN]
        point, drawn, prior = (np.concatenate([a, _mean(a)[None]]) for a in (self.point, self.drawn, self.prior))
        sd = np.concatenate([self.sd, np.full((1, len(METRICS)), np.nan)])
        n = [*self.n, max(self.n)]
        low, high = _bounds(drawn)
        return {
            row: {
                metric: Figure(*(float(a[i, j]) for a in (point, low, high, sd, prior)), n[i])
                for j, metric in enumerate(METRICS)
            }
            for i, row in enumerate(rows)
        }

    def difference(self, other: Scored) -> dict[str, tuple[float, float, float]]:
        """Return by how much the mean over the attributes is above another method's, with its paired interval."""
        point, drawn = _mean(self.point) - _mean(other.point), _mean(self.drawn) - _mean(other.drawn)
        low, high = _bounds(drawn)
        return {metric: (float(point[j]), float(low[j]), float(high[j])) for j, metric in enumerate(METRICS)}


def score(found: dict[str, OutOfFold], resamples: int = 200, seed: int = 0, certified: bool = True) -> Scored:
    """Return all metrics of all attributes on the same resamples of the task's customers.

    The same seed draws the same customers for every method, so that differences are paired, and for every attribute,
    so that the interval of a mean over attributes knows that they are of the same people. Where nothing
    was `certified`, its figures are NaN.
    """
    customers = np.unique(np.concatenate([one.customers for one in found.values()]).astype(str))
    shape = (len(found), len(METRICS))
    point, sd, prior = (np.full(shape, np.nan) for _ in range(3))
    drawn = np.full((*shape, resamples), np.nan)
    for i, one in enumerate(found.values()):
        place = np.searchsorted(customers, one.customers.astype(str))
        for j, metric in enumerate(METRICS):
            function = BOTH.get(metric) or (BINARY[metric] if one.proba.shape[2] == 2 else None)
            if function is None or (metric.startswith("certified") and not certified):
                continue
            by_repeat = [
                partial(function, one.y, proba, stated, folds)
                for proba, stated, folds in zip(one.proba, one.stated, one.folds, strict=True)
            ]
            single = np.array([float(repeat(None)) for repeat in by_repeat])
            point[i, j] = metrics.mean_defined(list(single))
            sd[i, j] = single.std(ddof=1) if len(single) > 1 else np.nan
            drawn[i, j] = np.concatenate(
                [
                    metrics.mean_defined([repeat(weights[:, place]) for repeat in by_repeat])
                    for weights in _weights(len(customers), resamples, seed)
                ]
            )
            prior[i, j] = _prior(metric, one)
    return Scored(list(found), point, drawn, sd, prior, [len(one.y) for one in found.values()])


def _prior(metric: str, one: OutOfFold) -> float:
    """Return what the class shares alone score; a ranking by them is none."""
    if metric.startswith("auc"):
        return 0.5
    if metric in ("log_loss", "accuracy"):
        function = {"log_loss": metrics.log_loss, "accuracy": metrics.accuracy}[metric]
        return float(np.mean([function(one.y, proba) for proba in one.prior]))
    if metric in ("recall", "certified_precision_last"):
        return float(np.mean(one.y == one.proba.shape[2] - 1))
    return float("nan")


def _weights(n: int, resamples: int, seed: int, chunk: int = 50) -> Iterator[Floats]:
    """Yield how often each customer is drawn, (at most `chunk`, n) at a time."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, chunk):
        yield rng.multinomial(n, np.full(n, 1 / n), size=min(chunk, resamples - start)).astype(np.float64)


def _mean(array: Floats) -> Floats:
    return np.asarray(metrics.mean_defined(list(array)))


def _bounds(drawn: Floats) -> tuple[Floats, Floats]:
    """Return 2.5 % and 97.5 % of the defined resamples, the last axis; NaN if none is defined."""
    bounds = np.full((2, *drawn.shape[:-1]), np.nan)
    defined = ~np.isnan(drawn).all(axis=-1)
    bounds[:, defined] = np.nanpercentile(drawn[defined], [2.5, 97.5], axis=-1)
    return bounds[0], bounds[1]
