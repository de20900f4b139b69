import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pipeline.errors import ConfigError
from pipeline.model.network import DenseNetwork


def test_learns_what_no_line_separates():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 2))
    y = X[:, 0] * X[:, 1] > 0
    network = DenseNetwork(passes=60, alpha=0.1).fit(X[:2000], y[:2000])
    line = LogisticRegression().fit(X[:2000], y[:2000])
    assert roc_auc_score(y[2000:], network.predict_proba(X[2000:])[:, 1]) > 0.9
    assert roc_auc_score(y[2000:], line.predict_proba(X[2000:])[:, 1]) < 0.6


def test_unknown_is_the_mean_customer_and_tokens_are_ignored(world):
    X, y = world(0)
    X = X.toarray()
    model = DenseNetwork(n_dense=8).fit(X, y)
    back = np.sign(model.mean_) * np.expm1(np.abs(model.mean_))  # of sign(x) ln(1 + |x|)
    mean, unknown, other_tokens = X[:1].copy(), X[:1].copy(), X[:1].copy()
    mean[0, :8], unknown[0, :8] = back, np.nan
    other_tokens[0, 8:] = 7.0
    np.testing.assert_allclose(model.predict_proba(mean), model.predict_proba(unknown), atol=1e-9)
    np.testing.assert_array_equal(model.predict_proba(other_tokens), model.predict_proba(X[:1]))


def test_one_column_far_out_changes_little(world):
    X, y = world(0)
    X = X.toarray()
    model = DenseNetwork(n_dense=8).fit(X, y)
    far, farther = X[:1].copy(), X[:1].copy()
    far[0, 3], farther[0, 3] = 1e6, 1e12
    np.testing.assert_array_equal(model.predict_proba(far), model.predict_proba(farther))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_add_up_from_the_mean_customer(world, n_classes):
    X, y = world(0)
    y = y if n_classes == 2 else (y + (np.arange(len(y)) % 3 == 0))
    model = DenseNetwork(n_dense=8).fit(X, y)
    nobody = X[:1].toarray()
    nobody[0, :8] = np.nan  # the mean customer
    for c in range(n_classes):
        parts = model.contributions(X[:9], c, steps=500)
        assert sparse.issparse(parts)
        assert parts.shape == (9, 208)
        scores, base = model.decision_function(X[:9]), model.decision_function(nobody)
        expected = (2 * c - 1) * (scores - base) if n_classes == 2 else scores[:, c] - base[0, c]
        np.testing.assert_allclose(np.asarray(parts.sum(axis=1)).ravel(), expected, atol=2e-3)


def test_no_dense_column_is_told():
    with pytest.raises(ConfigError, match="n_dense=0 leaves no dense column of 2"):
        DenseNetwork(n_dense=0).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
