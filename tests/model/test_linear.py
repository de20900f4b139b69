import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from pipeline.errors import ConfigError
from pipeline.model.linear import SparseLogistic


def test_equals_an_independent_solver(world):
    X, y = world(0)
    # liblinear penalises the intercept as the coefficient of a column of ones; so does this oracle.
    with_ones = np.hstack([X.toarray(), np.ones((X.shape[0], 1))])
    oracle = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-8, max_iter=5000).fit(with_ones, y)
    model = SparseLogistic(C=2.0).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), oracle.decision_function(with_ones), atol=0.02)


def test_dense_columns_are_ignored_and_may_be_unknown(world):
    X, y = world(0)
    X = X.toarray()
    alone = SparseLogistic().fit(X[:, 8:], y).predict_proba(X[:, 8:])
    X[::2, :8] = np.nan
    np.testing.assert_array_equal(SparseLogistic(n_dense=8).fit(X, y).predict_proba(X), alone)


def test_unknown_tokens_are_refused():
    with pytest.raises(ValueError, match="contains NaN"):
        SparseLogistic(n_dense=1).fit([[0.0, np.nan], [0.0, 1.0]], [0, 1])


def test_sparse_equals_dense(world):
    X, y = world(0)
    sparse_model, dense_model = SparseLogistic().fit(X, y), SparseLogistic().fit(X.toarray(), y)
    np.testing.assert_allclose(sparse_model.predict_proba(X), dense_model.predict_proba(X.toarray()), atol=1e-10)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, np.asarray])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_add_up_to_the_log_odds(world, kind, n_classes):
    X, y = world(0)
    X = kind(X.toarray())
    y = y if n_classes == 2 else (y + (np.arange(len(y)) % 3 == 0))
    model = SparseLogistic(n_dense=8).fit(X, y)
    for c in range(n_classes):
        parts = model.contributions(X[:9], c)
        assert parts.shape == (9, 208)
        assert sparse.issparse(parts) == sparse.issparse(X)
        expected = model.decision_function(X[:9])
        intercept = model.intercept_[0] if n_classes == 2 else model.intercept_[c]
        expected = (2 * c - 1) * (expected - intercept) if n_classes == 2 else expected[:, c] - intercept
        np.testing.assert_allclose(np.asarray(parts.sum(axis=1)).ravel(), expected, atol=1e-10)


def test_unscaled_columns_fall_back_to_another_solver_without_a_warning():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5)) * 1e4
    y = (X[:, 0] + 1e4 * rng.normal(size=300) > 0).astype(int)
    assert SparseLogistic(C=100.0).fit(X, y).score(X, y) > 0.7


def test_no_token_column_is_a_clear_error():
    with pytest.raises(ConfigError, match="n_dense=2 leaves no token column of 2"):
        SparseLogistic(n_dense=2).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
