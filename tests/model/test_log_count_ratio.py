import numpy as np
import pytest
from scipy import sparse

from pipeline.errors import ConfigError
from pipeline.model.linear import SparseLogistic
from pipeline.model.log_count_ratio import LogCountRatio

# Six customers, three tokens; how much of a token a customer has must not matter.
HAS = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 1, 1], [0, 0, 1], [0, 1, 1]], dtype=float)
WEIGHTS = HAS * np.array([[0.3], [2.0], [0.7], [1.0], [0.1], [5.0]])
Y = np.array(["tea", "tea", "tea", "wine", "wine", "wine"])


def test_ratios_are_those_of_a_hand_calculation():
    # Customers with each token: tea 3, 1, 1; wine 0, 2, 3. With one added: 4, 2, 2 of 8 and 1, 3, 4 of 8.
    expected = np.log([1 / 4, 3 / 2, 4 / 2])  # of wine, the second class, against tea
    np.testing.assert_allclose(LogCountRatio().fit(WEIGHTS, Y).ratios_, [expected])


def test_only_presence_counts():
    model = LogCountRatio().fit(WEIGHTS, Y)
    np.testing.assert_array_equal(model.predict_proba(WEIGHTS), LogCountRatio().fit(HAS, Y).predict_proba(HAS))


def test_is_a_logistic_regression_on_weighed_presence():
    ratio = np.log([1 / 4, 3 / 2, 4 / 2])
    weighed = HAS * ratio
    weighed /= np.linalg.norm(weighed, axis=1, keepdims=True)
    oracle = SparseLogistic(C=1.0).fit(weighed, Y)
    np.testing.assert_allclose(LogCountRatio().fit(HAS, Y).decision_function(HAS), oracle.decision_function(weighed))


def test_dense_columns_are_ignored_and_sparse_equals_dense(world):
    X, y = world(0)
    alone = LogCountRatio().fit(X[:, 8:], y).predict_proba(X[:, 8:])
    noisy = X.toarray()
    noisy[::2, :8] = np.nan
    np.testing.assert_allclose(LogCountRatio(n_dense=8).fit(noisy, y).predict_proba(noisy), alone, atol=1e-10)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, np.asarray])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_add_up_to_the_log_odds(world, kind, n_classes):
    X, y = world(0)
    X = kind(X.toarray())
    y = y if n_classes == 2 else (y + (np.arange(len(y)) % 3 == 0))
    model = LogCountRatio(n_dense=8).fit(X, y)
    for c in range(n_classes):
        parts = model.contributions(X[:9], c)
        assert parts.shape == (9, 208)
        part = 0 if n_classes == 2 else c
        scores = model.decision_function(X[:9])
        expected = (scores if n_classes == 2 else scores[:, c]) - model.models_[part].intercept_[0]
        expected = expected * (2 * c - 1) if n_classes == 2 else expected
        np.testing.assert_allclose(np.asarray(parts.sum(axis=1)).ravel(), expected, atol=1e-10)


def test_rare_but_telling_tokens_weigh_more_than_for_plain_logistic_regression():
    rng = np.random.default_rng(0)
    y = rng.random(2000) < 0.1
    noise = rng.random((2000, 300)) < 0.3
    rare = (y & (rng.random(2000) < 0.2))[:, None]
    X = np.hstack([noise, rare]).astype(float)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    has = X[:, -1] > 0
    lift = {}
    for model in (LogCountRatio(), SparseLogistic()):
        proba = model.fit(X, y).predict_proba(X)[:, 1]
        lift[type(model).__name__] = proba[has].mean() / proba[~has].mean()
    assert lift["LogCountRatio"] > 2 * lift["SparseLogistic"]


def test_no_token_column_is_told():
    with pytest.raises(ConfigError, match="n_dense=3 leaves no token column of 3"):
        LogCountRatio(n_dense=3).fit(HAS, Y)
