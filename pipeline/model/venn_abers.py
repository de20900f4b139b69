"""Venn-ABERS predictors: isotonic calibration that knows how little it knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.model.blocks import Floats, Ints

_AT_MOST = 128  # different scores: more groups of calibration customers take longer and tell nothing more


class VennAbers:
    """One-vs-rest inductive Venn-ABERS calibration of given probabilities, shape (n, n_classes).

    For a customer with score s of a class, isotonic regression is fitted twice: with the customer added to the
    calibration customers as one who has not the class, and as one who has it. Of the two answers p0 <= p1 at s one is
    perfectly calibrated, whatever the distribution (Vovk, Petej, Fedorova 2015, NeurIPS 28, arXiv:1511.00213). They are
    merged to p1 / (1 - p0 + p1), which loses least in log-loss in the worst case (ibid., section 4), so that, unlike
    isotonic regression, it never says 0 or 1. Probabilities of several classes are scaled to sum to 1.

    Scores are first rounded to the nearest of at most 128 quantiles of the calibration scores. All answers are then
    worked out once, and a customer costs a look-up. (The package venn-abers was no choice: its import switches NumPy's
    warnings off for the whole process, and its loop takes time quadratic in the number of scores.)

    Attributes
    ----------
    knots_ : per class, ascending scores, shape (n_knots,); of two classes, for the second alone
    values_ : likewise, the calibrated probability at each knot, shape (n_knots,)

    Examples
    --------
    >>> proba = np.tile([0.2, 0.8], (10, 1))
    >>> y_index = np.array([1] * 9 + [0])
    >>> VennAbers().fit(proba, y_index).transform(proba[:1]).round(3)  # 9 / 11 and 10 / 11 of eleven
    array([[0.167, 0.833]])
    """

    def fit(self, proba: Floats, y_index: Ints) -> VennAbers:
        """Fit on raw probabilities and class indices 0 … n_classes - 1, shape (n,)."""
        self.knots_: list[Floats] = []
        self.values_: list[Floats] = []
        n_classes = proba.shape[1]
        for position in range(n_classes) if n_classes > 2 else [1]:  # p1 of one of two is 1 - p0 of the other
            score = proba[:, position]
            knots = np.unique(score)
            if len(knots) > _AT_MOST:
                knots = np.unique(np.quantile(score, np.linspace(0, 1, _AT_MOST)))
            at = _nearest(knots, score)
            n = np.bincount(at, minlength=len(knots)).astype(np.float64)
            k = np.bincount(at[y_index == position], minlength=len(knots)).astype(np.float64)
            low, high = _with_one_more(n, k, 0.0), _with_one_more(n, k, 1.0)
            self.knots_.append(knots)
            self.values_.append(high / (1 - low + high))
        return self

    def transform(self, proba: Floats) -> Floats:
        """Return calibrated probabilities of the same shape; rows sum to 1."""
        scores = proba.T if len(self.knots_) > 1 else proba.T[1:]
        learnt = zip(scores, self.knots_, self.values_, strict=True)
        parts = [values[_nearest(knots, score)] for score, knots, values in learnt]
        calibrated = np.column_stack(parts if len(parts) > 1 else [1 - parts[0], parts[0]])
        return calibrated / calibrated.sum(axis=1, keepdims=True)


def _with_one_more(n: Floats, k: Floats, label: float) -> Floats:
    """Return isotonic regression's answer at each knot i after one customer with `label` has joined it, shape (m,).

    By its min-max formula (Robertson, Wright, Dykstra 1988, Order Restricted Statistical Inference, theorem 1.4.4): the
    largest, over the first knot a <= i, of the smallest, over the last knot b >= i, share of the class in a … b. The
    one that joins i lies in all these intervals.
    """
    m = len(n)
    customers, having = np.concatenate([[0.0], np.cumsum(n)]), np.concatenate([[0.0], np.cumsum(k)])
    first, last = np.arange(m)[:, None], np.arange(m)[None, :]
    size = customers[last + 1] - customers[first] + 1
    share = np.where(last >= first, (having[last + 1] - having[first] + label) / np.maximum(size, 1), np.inf)
    # smallest[a, i]: over b >= i; then the largest over a <= i.
    smallest = np.minimum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
    return np.where(first <= last, smallest, -np.inf).max(axis=0)


def _nearest(knots: Floats, score: Floats) -> NDArray[np.intp]:
    return np.searchsorted((knots[1:] + knots[:-1]) / 2, score)
