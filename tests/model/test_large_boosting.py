import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from pipeline.model import large_boosting
from pipeline.model.boosting import DenseBoosting
from pipeline.model.large_boosting import LargeBoosting
from pipeline.model.token_boosting import TokenBoosting

GROWTH = {"learning_rate": 0.1, "num_leaves": 15, "feature_fraction": 0.5, "num_threads": 1, "verbose": -1, "seed": 0}


def smooth(n=6000, n_columns=90, seed=0, n_classes=2):
    """Return columns of noise, but for ten whose sum tells the class."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_columns)).astype(np.float32)
    appeal = 0.6 * X[:, :10].sum(axis=1)
    y = (rng.random(n) < 1 / (1 + np.exp(-appeal))).astype(np.int64)
    return X, y if n_classes == 2 else y + (X[:, 0] > 0.5)


def test_reads_the_columns_that_tell_and_no_more():
    X, y = smooth()
    model = LargeBoosting.fit(X, y, GROWTH, 30, 0)
    assert len(model.columns) == large_boosting._WIDTHS[0] < X.shape[1]
    assert set(range(10)) <= set(model.columns.tolist())
    other = X.copy()
    other[:, np.setdiff1d(np.arange(X.shape[1]), model.columns)] = 7.0
    np.testing.assert_array_equal(model.scores(other), model.scores(X))


def test_reads_more_columns_where_each_tells_a_little():
    rng = np.random.default_rng(0)
    X = (rng.random(size=(6000, 300)) < 0.5).astype(np.float32)
    y = (X[:, :150].sum(axis=1) > 75).astype(np.int64)
    stumps = {**GROWTH, "num_leaves": 2, "learning_rate": 0.4}
    assert len(LargeBoosting.fit(X, y, stumps, 300, 0).columns) == large_boosting._WIDTHS[1]


def test_many_customers_get_a_better_model_than_small_trees_are():
    X, y = smooth()
    X_new, y_new = smooth(seed=1)
    large = DenseBoosting(large_from=len(y)).fit(X, y)
    small = DenseBoosting(large_from=len(y) + 1).fit(X, y)
    assert small.large_ is None
    ranks = [roc_auc_score(y_new, model.decision_function(X_new)) for model in (large, small)]
    assert ranks[0] > ranks[1] + 0.005
    assert large.large_.weights[1] > large.large_.weights[0]  # the truth is smooth


def test_trees_stop_where_more_of_them_only_learn_noise():
    X, y = smooth()
    rng = np.random.default_rng(1)
    weak = np.where(rng.random(len(y)) < 0.8, rng.integers(0, 2, len(y)), y)
    few, many = (LargeBoosting.fit(X, labels, GROWTH, 30, 0).booster.num_trees() for labels in (weak, y))
    assert few < many <= 90


@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_and_a_constant_are_the_score(n_classes):
    X, y = smooth(2000, n_classes=n_classes)
    X[::7, 3] = np.nan
    X = sparse.csr_matrix(X)
    model = TokenBoosting(n_dense=70, n_estimators=20, least_tokens=10, large_from=1000).fit(X, y)
    scores = model.decision_function(X[:50])
    for c in range(n_classes):
        parts = model.contributions(X[:50], c)
        assert sparse.issparse(parts)
        told = (2 * c - 1) * scores if n_classes == 2 else scores[:, c] - scores.mean(axis=1)
        assert parts.shape == (50, 90)
        if n_classes == 2:
            rest = told - parts.toarray().sum(axis=1)
            np.testing.assert_allclose(rest, rest[0], atol=1e-4)
    if n_classes == 3:  # scores are told up to what all classes have in common
        sums = np.column_stack([model.contributions(X[:50], c).toarray().sum(axis=1) for c in range(3)])
        rest = (scores - sums) - (scores - sums)[:, :1]
        np.testing.assert_allclose(rest, np.tile(rest[0], (50, 1)), atol=1e-4)


def test_the_same_input_gives_the_same_model_sparse_or_not_and_a_saved_one_answers_alike():
    X, y = smooth(2000)
    first = TokenBoosting(n_dense=70, n_estimators=10, least_tokens=10, large_from=1000).fit(X, y)
    again = TokenBoosting(n_dense=70, n_estimators=10, least_tokens=10, large_from=1000).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(again.predict_proba(sparse.csr_matrix(X)), first.predict_proba(X), atol=1e-6)
    saved = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(saved.predict_proba(X), first.predict_proba(X))


def test_a_class_of_one_customer_is_learnt_and_not_judged():
    X, y = smooth(1000, n_classes=3)
    y = np.where(y == 2, 1, y)
    y[0] = 2
    model = LargeBoosting.fit(X, y, GROWTH, 5, 0)
    assert model.scores(X).shape == (1000, 3)
