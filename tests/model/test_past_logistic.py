import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from pipeline.errors import ConfigError
from pipeline.model.past_logistic import PastLogistic


def planted(n=600):
    """Return X: three columns of the past, of which the first two tell y, and four others; one is unknown at times."""
    rng = np.random.default_rng(0)
    X = np.hstack([rng.poisson(2.0, (n, 3)).astype(float), rng.normal(size=(n, 4))])
    y = (X[:, 0] + 0.5 * rng.normal(size=n) > 1.5).astype(int)
    X[y == 0, 1] = np.where(rng.random((y == 0).sum()) < 0.5, np.nan, X[y == 0, 1])
    return X, y


def test_reads_the_past_alone_and_finds_what_is_planted_there():
    X, y = planted()
    model = PastLogistic(n_past=3, C=1.0).fit(X[:400], y[:400])
    assert model.coef_.shape == (1, 4)  # three columns and the indicator of the second
    assert model.doubtful_.tolist() == [1]
    assert roc_auc_score(y[400:], model.predict_proba(X[400:])[:, 1]) > 0.9
    blind = X.copy()
    blind[:, 3:] = np.nan
    np.testing.assert_array_equal(model.predict_proba(blind), model.predict_proba(X))


def test_being_unknown_tells_something():
    unknown = np.array([[np.nan], [0.0]] * 50)
    model = PastLogistic(C=1.0).fit(unknown, [1, 0] * 50)
    assert model.predict([[np.nan], [0.0]]).tolist() == [1, 0]


def test_what_was_never_known_in_training_says_nothing_later():
    X, y = planted()
    X[:, 2] = np.nan
    model = PastLogistic(n_past=3).fit(X, y)
    later = X.copy()
    later[:, 2] = 1000.0
    np.testing.assert_allclose(model.predict_proba(later), model.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, np.asarray])
def test_contributions_add_up_to_the_score(kind, n_classes):
    X, y = planted()
    y = y if n_classes == 2 else y + (X[:, 2] > 3)
    X = kind(X)
    model = PastLogistic(n_past=3).fit(X, y)
    scores = model.decision_function(X[:7])
    for c in range(n_classes):
        parts = model.contributions(X[:7], c)
        assert parts.shape == (7, 7)
        assert sparse.issparse(parts) == sparse.issparse(X)
        expected = scores - model.intercept_[0] if n_classes == 2 else scores[:, c] - model.intercept_[c]
        expected = (2 * c - 1) * expected if n_classes == 2 else expected
        np.testing.assert_allclose(np.asarray(parts.sum(axis=1)).ravel(), expected, atol=1e-10)


def test_without_a_past_there_is_a_clear_error():
    X, y = planted()
    with pytest.raises(ConfigError, match="n_past=0: there is no column of the attribute's own past"):
        PastLogistic(n_past=0).fit(X, y)
