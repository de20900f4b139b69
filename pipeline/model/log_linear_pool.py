"""How much each of several models is worth in a log-linear pool of their probabilities."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from pipeline.model.blocks import Floats, Ints


def fit_weights(scores: Floats, y_index: Ints, shrinkage: float, prior: Floats | None = None) -> tuple[Floats, Floats]:
    """Return weights (M,) >= 0 and intercepts (n_classes,) of softmax(sum_m w_m scores_m + intercepts).

    Minimises the summed log-loss plus `shrinkage` |w - 1/M|^2 / 2, and, with a prior, plus `shrinkage`
    |intercepts - prior|^2 / 2.

    Parameters
    ----------
    scores
        Out-of-fold scores, shape (M, n, n_classes).
    y_index
        Class index of each row.
    prior
        What the intercepts are drawn to, shape (n_classes,); None: they are free.
    """
    n_members, n, n_classes = scores.shape
    truth = np.eye(n_classes)[y_index]
    equal = np.full(n_members, 1.0 / n_members)
    centre, drawn = (np.zeros(n_classes), 0.0) if prior is None else (prior, shrinkage)
    scale = 1.0 / n  # of loss and gradient, so that the optimiser's tolerances do not depend on n

    def loss(parameters: Floats) -> tuple[float, Floats]:
        weights, intercept = parameters[:n_members], parameters[n_members:]
        logs = log_softmax(np.tensordot(weights, scores, axes=1) + intercept, axis=1)
        residual = np.exp(logs) - truth
        away, moved = weights - equal, intercept - centre
        value = -logs[np.arange(n), y_index].sum() + (shrinkage * (away @ away) + drawn * (moved @ moved)) / 2
        slope = (scores * residual).sum(axis=(1, 2)) + shrinkage * away
        return scale * value, scale * np.concatenate([slope, residual.sum(axis=0) + drawn * moved])

    start = np.concatenate([equal, centre])
    bounds = [(0.0, None)] * n_members + [(None, None)] * n_classes
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return best[:n_members], best[n_members:]
