"""Who answers: how customers with a profile differ in what they do from those without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.evaluation import evaluate
from pipeline.features.naming import is_component, readable
from pipeline.model.blocks import Floats, Ints, Matrix
from pipeline.model.propensity import behaviour_model

_EXPLAINED = 500  # customers whose contributions are looked at


@dataclass(frozen=True)
class Response:
    """How well behaviour tells those who answered from those who did not.

    Attributes
    ----------
    n_answered, n_base
        Customers who answered, and all.
    auc, low, high
        Cross-validated area under the ROC curve with its 95 % bootstrap interval; 0.5 if answering were chance.
    features
        The most telling features: `feature` in words, `answered` and `silent` (its mean in the two groups), `weight`
        (mean absolute contribution in log-odds).
    """

    n_answered: int
    n_base: int
    auc: float
    low: float
    high: float
    features: pd.DataFrame


def describe_response(
    X: Matrix,
    names: np.ndarray,
    answered: np.ndarray,
    n_dense: int,
    seed: int,
    resamples: int,
    propensity: tuple[Floats, Ints],
    n_features: int = 10,
) -> Response:
    """Return how those who answered differ from the others, given their `response_propensity`.

    Components of the behaviour vector are left out of the features: they have no words of their own.
    """
    y = answered.astype(np.int64)
    probability, folds = propensity
    proba = np.column_stack([1 - probability, probability])[None]
    prior = np.broadcast_to(np.array([1 - y.mean(), y.mean()]), proba.shape)
    nothing_stated = np.full((1, len(y)), -1)
    found = evaluate(y, proba, nothing_stated, prior, "binary", ("no", "yes"), resamples, seed, folds[None])
    area = next(estimate for estimate in found if estimate.metric == "auc")
    features = _telling(X, names, answered, n_dense, seed, n_features)
    return Response(int(y.sum()), len(y), area.estimate, area.low, area.high, features)


def _telling(X: Matrix, names: np.ndarray, answered: np.ndarray, n_dense: int, seed: int, n: int) -> pd.DataFrame:
    model = behaviour_model(n_dense, seed).fit(X, answered.astype(np.int64))
    sample = np.linspace(0, X.shape[0] - 1, min(X.shape[0], _EXPLAINED)).astype(int)
    weight = np.asarray(abs(model.contributions(X[sample], 1)).mean(axis=0)).ravel()
    worded = ~is_component(names)
    best = [i for i in np.argsort(-weight, kind="stable") if worded[i] and weight[i] > 0][:n]
    columns = X[:, best].toarray()
    means = [[_mean(columns[side, i]) for i in range(len(best))] for side in (answered, ~answered)]
    words = [readable(str(names[i])) for i in best]
    return pd.DataFrame({"feature": words, "answered": means[0], "silent": means[1], "weight": weight[best]})


def _mean(column: Floats) -> float:
    """Return the mean of what is known; NaN if nothing is."""
    known = column[~np.isnan(column)]
    return float(known.mean()) if len(known) else float("nan")
