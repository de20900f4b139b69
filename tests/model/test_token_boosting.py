import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from pipeline.model.boosting import DenseBoosting
from pipeline.model.token_boosting import TokenBoosting


def test_chooses_the_planted_tokens_on_training_customers(world):
    rng = np.random.default_rng(1)
    X = np.hstack([rng.normal(size=(600, 2)), (rng.random((600, 50)) < 0.3) * 1.0])
    y = X[:, 2 + 7] + X[:, 2 + 31] > 0
    model = TokenBoosting(n_dense=2, least_tokens=2, most_tokens=2).fit(X, y)
    assert model.tokens_.tolist() == [7, 31]
    assert roc_auc_score(y, model.predict_proba(X)[:, 1]) > 0.95
    assert roc_auc_score(y, DenseBoosting(n_dense=2).fit(X, y).predict_proba(X)[:, 1]) < 0.9


@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_equals_dense_also_in_contributions(world, n_classes):
    X, y = world(0)
    y = y if n_classes == 2 else (y + (np.arange(len(y)) % 3 == 0))
    a = TokenBoosting(n_dense=8, least_tokens=30, most_tokens=30).fit(X, y)
    b = TokenBoosting(n_dense=8, least_tokens=30, most_tokens=30).fit(X.toarray(), y)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X.toarray()))
    for c in range(n_classes):
        parts = a.contributions(X[:9], c)
        assert sparse.issparse(parts)
        np.testing.assert_allclose(parts.toarray(), b.contributions(X[:9].toarray(), c))
        unchosen = np.setdiff1d(np.arange(200), a.tokens_) + 8
        assert not parts.toarray()[:, unchosen].any()
        # Up to the expected value, which is the same for everybody.
        scores = a.decision_function(X[:9])
        scores = (2 * c - 1) * scores if n_classes == 2 else scores[:, c]
        rest = scores - parts.toarray().sum(axis=1)
        np.testing.assert_allclose(rest, rest[0], atol=1e-6)


def test_only_many_customers_grow_large_trees_and_networks(world):
    X, y = world(0)
    small = TokenBoosting(n_dense=8).fit(X, y)
    large = TokenBoosting(n_dense=8, large_from=len(y)).fit(X, y)
    assert (small.large_, small.booster_.num_trees()) == (None, 100)
    assert (small.booster_.params["colsample_bytree"], small.booster_.params["num_leaves"]) == (0.1, 7)
    assert (large.booster_.params["feature_fraction"], large.booster_.params["num_leaves"]) == (0.3, 31)
    assert large.booster_ is large.large_.booster


def test_without_tokens_it_is_boosting_on_dense_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    y = X[:, 0] > 0
    same = {"min_child_samples": 10, "feature_fraction": 0.1}
    np.testing.assert_allclose(
        TokenBoosting(n_dense=4).fit(X, y).predict_proba(X), DenseBoosting(n_dense=4, **same).fit(X, y).predict_proba(X)
    )
