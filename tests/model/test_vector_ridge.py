import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from pipeline.errors import ConfigError
from pipeline.model.vector_ridge import VectorRidge, leave_one_out


def test_leave_one_out_fits_are_those_of_ridges_without_the_row():
    rng = np.random.default_rng(0)
    vectors, targets = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    coefficients, left_out = leave_one_out(vectors, targets, 1.5)
    oracle = Ridge(1.5).fit(vectors, targets)
    np.testing.assert_allclose(coefficients[:-1].T, oracle.coef_, atol=1e-6)
    np.testing.assert_allclose(coefficients[-1], oracle.intercept_, atol=1e-6)
    for row in (0, 7, 29):
        others = np.arange(30) != row
        expected = Ridge(1.5).fit(vectors[others], targets[others]).predict(vectors[[row]])[0]
        np.testing.assert_allclose(left_out[row], expected, atol=1e-6)


def planted(n=600):
    """Return X: five aggregates, a vector of four of which the first tells y, three tokens."""
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(n, 5)), rng.normal(size=(n, 4)) * [1.0, 0.5, 0.2, 0.1], rng.random((n, 3))])
    return X, (X[:, 5] + 0.5 * rng.normal(size=n) > 0).astype(int)


def test_reads_the_vector_alone_and_finds_what_is_planted_there():
    X, y = planted()
    model = VectorRidge(n_dense=9, n_vector=4).fit(X[:400], y[:400])
    assert model.coef_.shape == (1, 4)
    assert roc_auc_score(y[400:], model.predict_proba(X[400:])[:, 1]) > 0.9
    blind = X.copy()
    blind[:, :5], blind[:, 9:] = np.nan, 7.0  # neither aggregates nor tokens are looked at
    np.testing.assert_array_equal(model.predict_proba(blind), model.predict_proba(X))


def test_unknown_components_are_refused():
    X, y = planted()
    X[3, 6] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        VectorRidge(n_dense=9, n_vector=4).fit(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, np.asarray])
def test_contributions_add_up_to_the_score(kind, n_classes):
    X, y = planted()
    y = y if n_classes == 2 else y + (X[:, 6] > 0.3)
    X = kind(X)
    model = VectorRidge(n_dense=9, n_vector=4).fit(X, y)
    scores = model.decision_function(X[:7])
    for c in range(n_classes):
        parts = model.contributions(X[:7], c)
        assert parts.shape == (7, 12)
        assert sparse.issparse(parts) == sparse.issparse(X)
        expected = scores - model.intercept_[0] if n_classes == 2 else scores[:, c] - model.intercept_[c]
        expected = (2 * c - 1) * expected if n_classes == 2 else expected
        np.testing.assert_allclose(np.asarray(parts.sum(axis=1)).ravel(), expected, atol=1e-10)


def test_more_components_than_dense_columns_is_a_clear_error():
    X, y = planted()
    with pytest.raises(ConfigError, match="n_vector=10, but there are 9 dense columns"):
        VectorRidge(n_dense=9, n_vector=10).fit(X, y)
