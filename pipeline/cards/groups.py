"""Groups of test customers for whom a predictor is worse than for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binom, binomtest, norm

from pipeline import metrics
from pipeline.labels.known import Labels
from pipeline.metrics import Floats, Ints
from pipeline.out_of_fold import OutOfFold
from pipeline.paired import holm

HIDDEN_BELOW = 20  # customers: their figures would be theirs, not a group's
LEAST = 30  # customers, or statements, for a figure and a test
_LEAST_OF_VALUE = 10  # customers with a value, and without it, for its part of the AUC
ALPHA = 0.05
RANKS, GAINS, STATES = "ranks less well", "knows less", "states less precisely than promised"


@dataclass(frozen=True)
class Grouping:
    """By what customers are grouped: the groups in order, and each one's position in them (n,), -1 if not known."""

    values: tuple[str, ...]
    position: Ints


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, of `n` customers or statements; NaN where `n` is too small."""

    estimate: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0


@dataclass(frozen=True)
class Group:
    """What a predictor is worth for some of its test customers.

    Attributes
    ----------
    by, value
        What makes the group: the attribute or *activity*, and its value.
    auc
        As in `metrics.auc`.
    log_loss, log_loss_prior
        Of the model, and the mean of the prior's: the class shares of the training side.
    precision
        Of what was stated, any value; `n` is the mean number of statements over repeats.
    p
        By shortcoming (`RANKS`, `GAINS`, `STATES`) the one-sided p-value, before correction.
    worse
        Shortcomings that stand after the correction over all groups and shortcomings of the attribute.
    """

    by: str
    value: str
    n: int
    auc: Figure
    log_loss: Figure
    log_loss_prior: float
    precision: Figure
    p: Mapping[str, float]
    worse: tuple[str, ...] = ()


def compare_groups(
    judged: OutOfFold, groupings: Mapping[str, Grouping], min_precision: float
) -> tuple[Group, list[Group], int]:
    """Return the figures of all test customers, those of each group, and how many small groups are hidden.

    A group is tested against the other customers whose group is known: is its AUC lower than theirs, each of them
    compared with customers of the own group only (or else what tells groups apart would count for the others alone);
    is the gain in log-loss over the prior smaller; and by itself: is the precision of its statements below the promise
    (exact binomial). The tests of all groups together are corrected by Holm's method (Holm 1979, Scandinavian Journal
    of Statistics 6), so that with 95 % confidence no group is called worse wrongly.

    Parameters
    ----------
    groupings
        The groups of the test customers, by the name of what makes them.
    min_precision
        Precision promised of what is stated.
    """
    everyone = np.ones(len(judged.y), dtype=bool)
    whole = _group("all test customers", "", judged, everyone, ~everyone, np.zeros(len(judged.y), int), min_precision)
    found, hidden = [], 0
    for by, of in groupings.items():
        for position in np.unique(of.position[of.position >= 0]):
            inside, others = of.position == position, (of.position >= 0) & (of.position != position)
            if inside.sum() < HIDDEN_BELOW:
                hidden += 1
            else:
                found.append(_group(by, of.values[position], judged, inside, others, of.position, min_precision))
    return replace(whole, p={}), _flag(found), hidden


def by_activity(n_events: np.ndarray) -> Grouping:
    """Return customers by thirds of their number of events, fewest first; fewer groups where many are alike.

    >>> by_activity(np.array([1, 20, 2, 10, 30, 3]))
    Grouping(values=('1 to 2 events', '3 to 10 events', '20 to 30 events'), position=array([0, 2, 0, 1, 2, 1]))
    """
    bounds = np.unique(np.quantile(n_events, [1 / 3, 2 / 3]))
    _, third = np.unique(np.searchsorted(bounds, n_events, side="left"), return_inverse=True)
    thirds = [n_events[third == number] for number in range(third.max() + 1)]
    return Grouping(tuple(f"{own.min():,.0f} to {own.max():,.0f} events" for own in thirds), third)


def by_answers(customers: np.ndarray, labels: Labels) -> Grouping:
    """Return customers by their own answer to another attribute."""
    answers = dict(zip(labels.customers, labels.y.tolist(), strict=True))
    return Grouping(labels.values, np.array([answers.get(customer, -1) for customer in customers], dtype=np.int64))


def auc_with_influence(y: Ints, proba: Floats, folds: Ints) -> tuple[float, Floats]:
    """Return the AUC within folds, and how much each customer moves it, shape (n,).

    The influences sum to 0, and the sum of their squares estimates the variance (infinitesimal jackknife: Efron 1982,
    chapter 6; for the AUC it is nearly DeLong, DeLong, Clarke-Pearson 1988, doi:10.2307/2531595). Values that fewer
    than ten customers have, or do not have, are left out of the mean over values; NaN if none is left.
    """
    classes = [1] if proba.shape[1] == 2 else range(proba.shape[1])
    parts = []
    for value in classes:
        has = y == value
        if min(has.sum(), (~has).sum()) >= _LEAST_OF_VALUE:
            parts.append(_influence(has, proba[:, value], folds))
    parts = [part for part in parts if np.isfinite(part[0])]
    if not parts:
        return float("nan"), np.full(len(y), np.nan)
    return float(np.mean([area for area, _ in parts])), np.mean([own for _, own in parts], axis=0)


def _influence(has: np.ndarray, score: Floats, folds: Ints) -> tuple[float, Floats]:
    right, pairs = np.zeros(len(score)), np.zeros(len(score))
    for fold in np.unique(folds):
        up, down = np.flatnonzero((folds == fold) & has), np.flatnonzero((folds == fold) & ~has)
        for own, other, sign in ((up, down, 1.0), (down, up, -1.0)):
            ranked = np.sort(sign * score[other])
            below, upto = (np.searchsorted(ranked, sign * score[own], side=side) for side in ("left", "right"))
            right[own], pairs[own] = (below + upto) / 2, len(other)
    total = pairs[has].sum()
    if total == 0:
        return float("nan"), np.full(len(score), np.nan)
    area = float(right[has].sum() / total)
    return area, (right - area * pairs) / total


def _group(
    by: str,
    value: str,
    judged: OutOfFold,
    inside: np.ndarray,
    others: np.ndarray,
    position: Ints,
    min_precision: float,
) -> Group:
    n, p = int(inside.sum()), {}
    loss = np.mean([metrics.log_loss_rows(judged.y, part) for part in judged.proba], axis=0)
    of_prior = np.mean([metrics.log_loss_rows(judged.y, part) for part in judged.prior], axis=0)
    auc, log_loss = _area(judged, inside, position), _mean(loss[inside])
    other_auc = _area(judged, others, position)
    if min(n, others.sum()) >= LEAST:
        both = np.hypot(_error(auc), _error(other_auc))
        if np.isfinite(both) and both > 0:
            p[RANKS] = float(norm.sf((other_auc.estimate - auc.estimate) / both))
        own, rest = _mean((of_prior - loss)[inside]), _mean((of_prior - loss)[others])
        both = np.hypot(_error(own), _error(rest))
        if both > 0:
            p[GAINS] = float(norm.sf((rest.estimate - own.estimate) / both))
    said = judged.stated[:, inside]
    right, n_stated = ((said == judged.y[inside]) & (said >= 0)).sum(), round((said >= 0).sum() / len(said))
    precision = Figure(n=n_stated)
    if n_stated >= LEAST:
        hits = round(right / (said >= 0).sum() * n_stated)
        exact = binomtest(hits, n_stated).proportion_ci(0.95, "exact")
        precision = Figure(right / (said >= 0).sum(), exact.low, exact.high, n_stated)
        p[STATES] = float(binom.cdf(hits, n_stated, min_precision))
    return Group(by, value, n, auc, log_loss, float(of_prior[inside].mean()), precision, p)


def _area(judged: OutOfFold, chosen: np.ndarray, position: Ints) -> Figure:
    """Return the AUC of some customers, each compared with those of the same fold and group."""
    n = int(chosen.sum())
    if n < LEAST:
        return Figure(n=n)
    parts = [
        auc_with_influence(judged.y[chosen], proba[chosen], (folds * (position.max() + 1) + position)[chosen])
        for proba, folds in zip(judged.proba, judged.folds, strict=True)
    ]
    area, own = float(np.mean([part[0] for part in parts])), np.mean([part[1] for part in parts], axis=0)
    error = 1.96 * float(np.sqrt((own**2).sum()))
    return Figure(area, area - error, area + error, n)


def _mean(amounts: Floats) -> Figure:
    if len(amounts) < LEAST:
        return Figure(n=len(amounts))
    mean, error = float(amounts.mean()), 1.96 * float(amounts.std(ddof=1) / np.sqrt(len(amounts)))
    return Figure(mean, mean - error, mean + error, len(amounts))


def _error(figure: Figure) -> float:
    return (figure.high - figure.low) / 2 / 1.96


def _flag(groups: list[Group]) -> list[Group]:
    """Return the groups with the shortcomings that stand after the correction."""
    tests = [(g, name) for g, group in enumerate(groups) for name in group.p]
    corrected = holm(np.array([groups[g].p[name] for g, name in tests])) if tests else np.empty(0)
    worse: dict[int, list[str]] = {}
    for (g, name), p in zip(tests, corrected, strict=True):
        if p < ALPHA:
            worse.setdefault(g, []).append(name)
    return [replace(group, worse=tuple(worse.get(g, ()))) for g, group in enumerate(groups)]
