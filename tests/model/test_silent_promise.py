"""The promise where those who answered are easy to know and those who did not are hard: of whom is it true?"""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression

from pipeline.model.certified import CertifiedClassifier
from pipeline.model.propensity import Answering

N_RUNS, N = 100, 3000
ALLOWED = binom.ppf(0.999, N_RUNS, 0.1)  # more failures would be chance once in a thousand


def world(rng, n):
    """Half of the customers are plain: their first feature tells the value, and four in five answer, of the rest one.

    A model without interactions takes both for equally easy to know.
    """
    plain = rng.random(n) < 0.5
    X = np.column_stack([rng.normal(size=n), plain])
    y = (rng.random(n) < 1 / (1 + np.exp(-np.where(plain, 6.0, 1.8) * X[:, 0]))).astype(int)
    propensity = np.where(plain, 0.8, 0.2)
    return X, y, propensity, rng.random(n) < propensity


def failures(weighed):
    """Count, by value, the runs in which its precision among the silent is too low, and those in which it is stated."""
    X_all, y_all, _, told_all = world(np.random.default_rng(12345), 40_000)
    X_silent, y_silent = X_all[~told_all], y_all[~told_all]
    failed, stated = np.zeros(2, dtype=int), np.zeros(2, dtype=int)
    for run in range(N_RUNS):
        X, y, propensity, told = world(np.random.default_rng(run), N)
        weight = Answering(propensity, None).silent_weight[told] if weighed else None
        model = CertifiedClassifier(LogisticRegression(), folds=3, random_state=run)
        said = model.fit(X[told], y[told], certify_weight=weight).stated(X_silent)
        for value in (0, 1):
            here = said == value
            stated[value] += here.any()
            failed[value] += here.any() and (y_silent[here] == value).mean() < 0.8
    return failed, stated


def test_certificates_among_those_who_answered_fail_among_the_silent():
    failed, stated = failures(weighed=False)
    assert stated.min() > 0.9 * N_RUNS
    assert failed.min() > 0.5 * N_RUNS


def test_weighed_certificates_keep_their_promise_among_the_silent():
    failed, stated = failures(weighed=True)
    assert failed.max() <= ALLOWED
    assert stated.min() > 0.3 * N_RUNS  # a model that is always silent keeps any promise


@pytest.mark.parametrize("holdout_from", [10**9, 2])
def test_those_who_certify_are_like_the_silent(holdout_from):
    X, y, propensity, told = world(np.random.default_rng(0), 40_000)
    weight = Answering(propensity, None).silent_weight
    model = CertifiedClassifier(LogisticRegression(), folds=2, holdout_from=holdout_from)
    model.fit(X[told], y[told], certify_weight=weight[told])
    order = np.random.default_rng(0).permutation(told.sum())
    certify = np.sort(order[: told.sum() // 4]) if holdout_from == 2 else np.arange(told.sum())
    of_them = X[told][certify][model.clean_like_, 1]
    assert of_them.mean() == pytest.approx(X[~told, 1].mean(), abs=0.05)  # one in five is plain; of those who told four
    assert model.clean_like_.sum() == sum(found.n_likeliest for found in model.evidence_)
