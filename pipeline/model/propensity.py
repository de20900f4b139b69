"""Who answers: the probability that a customer's value is known, from behaviour, by a model that has not seen it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier

from pipeline.model.blocks import Floats, Ints, Matrix
from pipeline.model.crossfit import decided_for, fold_numbers, out_of_fold
from pipeline.model.token_boosting import TokenBoosting

FOLDS = 5
LEAST = 30  # fewer customers on one side teach no model
# Nothing is stated of customers whose like answer more rarely. A lower bound speaks of more customers but lets the
# rarest of those who answered weigh more: on the default source 0.05 keeps 862 silent households in reach and leaves
# 50 of 801 answers to certify with, 0.1 keeps 711 and leaves 88. No label was looked at to choose it.
REACH = 0.1
Propensity = tuple[Floats, Ints] | None
_FEATURE_FRACTION = 0.3  # trees that may look at a tenth, as the recipe's do, draw propensities together
_AT_MOST = 20_000  # customers that who answers is learnt from; the others' propensities are predicted


@dataclass(frozen=True)
class Answering:
    """Who of a base's customers answers.

    Attributes
    ----------
    propensity
        Probability that each customer answers, by a model fitted without it, shape (n_customers,).
    model
        Classifier of who answers (class 1), fitted on these customers, for others.
    """

    propensity: Floats
    model: BaseEstimator

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Return of whom those who answered can tell something, shape (n_customers,): see `REACH`."""
        return self.propensity >= REACH

    @property
    def silent_weight(self) -> Floats:
        """Return how often a customer's like is silent per one that answers, shape (n_customers,), scaled to at most 1.

        Given behaviour x, customers who did not answer are met (1 - e(x)) / e(x) times as often as those who did, up to
        a constant, with e the propensity. So those who answered, drawn or weighed by this, are like the silent ones
        (weighting by the odds: Rosenbaum 1987, JASA 82, 387-394; for tests and conformal prediction: Tibshirani, Foygel
        Barber, Candès, Ramdas 2019, arXiv:1904.06019). Zero where they are out of reach, hence the bound.

        Examples
        --------
        >>> Answering(np.array([0.05, 0.1, 0.5]), BaseEstimator()).silent_weight.round(3).tolist()
        [0.0, 1.0, 0.111]
        """
        e = np.maximum(self.propensity, REACH)
        odds = (1 - e) / e / ((1 - REACH) / REACH)
        return np.where(self.reached, odds, 0.0)


def behaviour_model(n_dense: int, seed: int) -> BaseEstimator:
    """Return the classifier that is fitted to who answers and to what they answer.

    Trees on aggregates and on telling tokens: who answers is mostly a matter of how much somebody does, which a model
    of tokens alone cannot see; probabilities that are too high for the rarely active bias every correction.
    """
    return TokenBoosting(n_dense=n_dense, feature_fraction=_FEATURE_FRACTION, random_state=seed)


def too_few(answered: np.ndarray) -> str:
    """Return why nobody can be told apart by whether they answered, or an empty text."""
    n_answered, n_silent = int(answered.sum()), int((~answered).sum())
    if min(n_answered, n_silent) >= LEAST:
        return ""
    return f"{n_answered:,} answered and {n_silent:,} did not, at least {LEAST} of each are needed"


def response_propensity(X: Matrix, answered: np.ndarray, n_dense: int, seed: int) -> Propensity:
    """Return each customer's probability of answering, by a model without its fold, and the folds; None if `too_few`.

    Parameters
    ----------
    X
        Features, shape (n, n_features), the first `n_dense` of them dense.
    answered
        Whether each one answered, shape (n,), bool.
    """
    if too_few(answered):
        return None
    y = answered.astype(np.int64)
    folds = fold_numbers(y, FOLDS, seed)
    return out_of_fold(decided_for(behaviour_model(n_dense, seed), len(y)), X, y, folds)[:, 1], folds


def learn_answering(
    X: Matrix,
    answered: np.ndarray,
    n_dense: int,
    seed: int,
    at_most: int = _AT_MOST,
    drawn: np.ndarray | None = None,
) -> Answering | None:
    """Return who answers, learnt from at most `at_most` customers; None if too few are silent.

    Parameters as in `response_propensity`. No answer is read, only whether there is one.

    Parameters
    ----------
    drawn
        Who was drawn from the base at random, whether or not they answered, shape (n,); the others are among the
        customers because they answered, and say nothing of how many do. None: everybody.
    """
    known = np.arange(len(answered)) if drawn is None else np.flatnonzero(drawn)
    rows = np.sort(known[np.random.default_rng(seed).permutation(len(known))[:at_most]])
    found = response_propensity(X[rows], answered[rows], n_dense, seed)
    if found is None and int((~answered[rows]).sum()) < LEAST:
        return None
    if found is None:
        # Hardly anybody answers: whom, cannot be learnt; so rarely that nobody is in reach, unless the base is tiny.
        seldom = DummyClassifier().fit(np.zeros((len(rows) + 1, 1)), np.append(answered[rows], True).astype(np.int64))
        return Answering(seldom.predict_proba(np.zeros((len(answered), 1)))[:, 1], seldom)
    model = decided_for(behaviour_model(n_dense, seed), len(rows)).fit(X[rows], answered[rows].astype(np.int64))
    propensity = np.empty(len(answered))
    propensity[rows] = found[0]
    others = np.setdiff1d(np.arange(len(answered)), rows)
    if len(others):
        propensity[others] = model.predict_proba(X[others])[:, 1]
    return Answering(propensity, model)
