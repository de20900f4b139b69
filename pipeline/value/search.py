"""The smallest conjunction of conditions that finds the best customers.

A description is worth its weighted relative accuracy (Lavrač, Flach, Zupan 1999, ILP, LNCS 1634, 174-185): the share of
customers it fits times how much more often those are best than all of whom it is known whether it fits. (Compared with
everybody, a value that says nothing would seem to tell the best, only because more is known of active customers.) It
grows condition by condition (beam search); how many it may have is decided by cross-validation: the fewest whose worth
is within one standard error of the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.split import folds
from pipeline.value.conditions import Condition
from pipeline.value.resampling import Floats, Mask

_BEAM = 5
_FOLDS = 5


@dataclass(frozen=True)
class Conjunction:
    """A conjunction of conditions, and what cross-validation said of each length.

    Attributes
    ----------
    chosen
        Positions of the conditions; none if no description is worth anything.
    worth, error
        By number of conditions from 1, cross-validated weighted relative accuracy and its standard error.
    """

    chosen: tuple[int, ...]
    worth: tuple[float, ...]
    error: tuple[float, ...]


def describe(
    conditions: Sequence[Condition], best: Mask, customers: np.ndarray, longest: int, least: int
) -> Conjunction:
    """Return the smallest description of the best of some customers.

    Parameters
    ----------
    conditions
        Their `before` is of the same customers, shape (n,).
    best
        Shape (n,).
    longest
        Conditions, at most.
    least
        Customers that a description must fit, in expectation.
    """
    nothing = Conjunction((), (), ())
    if not conditions or not best.any():
        return nothing
    hold = np.column_stack([condition.before for condition in conditions])
    known = np.column_stack([condition.known for condition in conditions]).astype(np.float64)
    about = np.array([condition.about for condition in conditions])
    part = folds(customers, _FOLDS, "value: description")
    figures = np.zeros((_FOLDS, longest))
    for fold in range(_FOLDS):
        test = part == fold
        found = _grown(hold[~test], known[~test], best[~test], about, longest, least * (1 - 1 / _FOLDS))
        for length in range(longest):
            rule = found[min(length, len(found) - 1)] if found else ()
            figures[fold, length] = _worth(hold[test], known[test], best[test], rule)
    mean = figures.mean(axis=0)
    error = figures.std(axis=0, ddof=1) / np.sqrt(_FOLDS)
    top = int(np.argmax(mean))
    length = int(np.flatnonzero(mean >= mean[top] - error[top])[0])
    grown = _grown(hold, known, best, about, length + 1, least)
    if not grown or mean[length] <= 0:
        return Conjunction((), tuple(mean), tuple(error))
    return Conjunction(grown[-1], tuple(mean), tuple(error))


def fitting(conditions: Sequence[Condition], chosen: Sequence[int], now: bool = False) -> Floats:
    """Return the probability that a description fits each customer, conditions independent given behaviour."""
    parts = [conditions[i].now if now else conditions[i].before for i in chosen]
    return np.asarray(np.prod(parts, axis=0), dtype=np.float64)


def _grown(
    hold: Floats, known: Floats, best: Mask, about: np.ndarray, longest: int, least: float
) -> list[tuple[int, ...]]:
    """Return the best conjunction of 1, 2, … conditions, as far as each more is worth more than the one before."""
    n, hits = len(best), best.astype(np.float64)
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    found: list[tuple[int, ...]] = []
    reached = 0.0
    for _ in range(longest):
        grown: dict[frozenset[int], tuple[float, tuple[int, ...]]] = {}
        for _, rule in beam:
            weight, told = _fits(hold, rule), _fits(known, rule)
            size, n_known = weight @ hold, np.maximum(told @ known, 1e-12)
            worth = ((weight * hits) @ hold - size * ((told * hits) @ known) / n_known) / n
            worth[(size < least) | np.isin(about, about[list(rule)])] = -np.inf
            for i in np.argsort(-worth, kind="stable")[:_BEAM]:
                if np.isfinite(worth[i]):
                    longer = (*rule, int(i))
                    grown.setdefault(frozenset(longer), (float(worth[i]), longer))
        beam = sorted(grown.values(), key=lambda one: (-one[0], one[1]))[:_BEAM]
        if not beam or beam[0][0] <= reached + 1e-12:
            break
        reached = beam[0][0]
        found.append(beam[0][1])
    return found


def _fits(part: Floats, rule: tuple[int, ...]) -> Floats:
    return np.asarray(np.prod(part[:, list(rule)], axis=1), dtype=np.float64)


def _worth(hold: Floats, known: Floats, best: Mask, rule: tuple[int, ...]) -> float:
    told = _fits(known, rule)
    if not rule or not told.sum() > 0:
        return 0.0
    rate = float((told * best).sum() / told.sum())
    return float((_fits(hold, rule) * (best - rate)).mean())
