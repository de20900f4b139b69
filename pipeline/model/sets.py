"""Prediction sets: the values that cannot be ruled out, with a guaranteed share of true ones among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.model.blocks import Floats, Ints


def fit_cut(proba: Floats, y_index: Ints, coverage: float) -> float:
    """Return the probability from which on a value belongs to a customer's set.

    The set of all values whose probability reaches the cut holds the true one with probability at least `coverage`,
    for customers exchangeable with these ones: split conformal prediction with the score 1 - p(true value) (Vovk,
    Gammerman, Shafer 2005; as least ambiguous sets: Sadinle, Lei, Wasserman 2019, doi:10.1080/01621459.2017.1395341).
    It is a statement about all customers together, not about each value or group.

    Parameters
    ----------
    proba
        Probabilities of customers whom the model had not seen, shape (n, n_classes).
    y_index
        Their true class indices, shape (n,).
    coverage
        Wanted share, between 0 and 1 exclusive. With fewer than coverage / (1 - coverage) customers the cut is 0.

    Examples
    --------
    >>> fit_cut(np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]), np.array([0, 0, 0]), 0.5)
    0.6
    """
    n = len(y_index)
    rank = int(np.ceil((n + 1) * coverage))
    if rank > n:
        return 0.0
    of_true = np.sort(proba[np.arange(n), y_index])[::-1]
    return float(of_true[rank - 1])


def sets_of(proba: Floats, cut: float, ordered: bool) -> NDArray[np.bool_]:
    """Return which values belong to each customer's set, shape (n, n_classes).

    The likeliest value always does. Where the values are ordered, so do those between two that do: both only make sets
    larger, and keep the guarantee.

    Examples
    --------
    >>> sets_of(np.array([[0.5, 0.1, 0.4], [0.3, 0.4, 0.3]]), 0.4, ordered=True).tolist()
    [[True, True, True], [False, True, False]]
    """
    inside = np.asarray(proba) >= cut
    inside[np.arange(len(inside)), np.argmax(proba, axis=1)] = True
    if ordered:
        begun = np.maximum.accumulate(inside, axis=1)
        not_ended = np.maximum.accumulate(inside[:, ::-1], axis=1)[:, ::-1]
        inside = begun & not_ended
    return inside
