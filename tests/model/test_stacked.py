import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from pipeline.model.boosting import DenseBoosting
from pipeline.model.linear import SparseLogistic
from pipeline.model.stacked import StackedClassifier, fit_blend, spread


def areas(world, **signal):
    X, y = world(0, **signal)
    X_new, y_new = world(1, n=3000, **signal)
    models = [SparseLogistic(n_dense=8), DenseBoosting(n_dense=8), StackedClassifier(n_dense=8)]
    return [roc_auc_score(y_new, model.fit(X, y).predict_proba(X_new)[:, 1]) for model in models]


def test_beats_both_parts_when_both_blocks_carry_signal(world):
    linear, boosting, stack = areas(world)
    assert stack > max(linear, boosting) + 0.03


def test_useless_dense_features_do_no_harm(world):
    linear, _, stack = areas(world, dense_signal=0.0)
    assert stack > linear - 0.005


def test_useless_tokens_do_no_harm(world):
    _, boosting, stack = areas(world, token_signal=0.0)
    assert stack > boosting - 0.01


def test_without_tokens_the_trees_remain(world):
    X, y = world(0, token_signal=0.0)
    X = X[:, :8].toarray()
    model = StackedClassifier(n_dense=8).fit(X, y)
    assert model.linear_ is None
    assert roc_auc_score(y, model.predict_proba(X)[:, 1]) > 0.8
    assert model.contributions(X[:3], 1).shape == (3, 8)


def test_without_dense_features_the_tokens_remain(world):
    X, y = world(0)
    X_new, y_new = world(1)
    model = StackedClassifier(n_dense=0).fit(X[:, 8:], y)
    assert roc_auc_score(y_new, model.predict_proba(X_new[:, 8:])[:, 1]) > 0.6


def test_unknown_dense_values_are_taken(world):
    X, y = world(0)
    X = X.toarray()
    X[::3, 0] = np.nan
    assert StackedClassifier(n_dense=8).fit(X, y).score(X, y) > 0.7


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, np.asarray])
def test_contributions_differ_from_the_score_by_a_constant(world, kind, n_classes):
    X, y = world(0)
    dense = X.toarray()
    X = kind(dense)
    y = y if n_classes == 2 else (y + (dense[:, 2] > 0))
    model = StackedClassifier(n_dense=8).fit(X, y)
    for c in range(n_classes):
        parts = model.contributions(X[:20], c)
        assert sparse.issparse(parts) == sparse.issparse(X)
        scores = model.decision_function(X[:20])
        scores = (2 * c - 1) * scores if n_classes == 2 else scores[:, c]
        assert np.ptp(scores - np.asarray(parts.sum(axis=1)).ravel()) < 1e-9
        assert np.ptp(scores) > 0.1


def test_the_blend_recovers_planted_weights():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 3))
    logits = 1.5 * first + 0.5 * second + [0.0, 1.0, -1.0]
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    weights, intercept = fit_blend(first, second, y)
    np.testing.assert_allclose(weights, [1.5, 0.5], atol=0.06)
    np.testing.assert_allclose(intercept - intercept[0], [0, 1, -1], atol=0.08)


def test_the_blend_never_turns_a_part_around():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 2000, 2))
    y = (first - 0.5 * second + rng.gumbel(size=first.shape)).argmax(axis=1)
    weights, _ = fit_blend(first, second, y)
    assert weights[1] == 0
    assert fit_blend(first, -second, y)[0][1] > 0.3


def test_spread_keeps_the_amount_and_does_not_blow_up_where_pulls_cancel():
    pulls = np.array([[1.0, -1.0 + 1e-12, 0.0], [0.0, -2.0, -2.0], [0.0, 0.0, 0.0]])
    expected = [[2.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    for kind in (np.asarray, sparse.csr_matrix):
        found = spread(np.array([2.0, 2.0, 2.0]), kind(pulls))
        np.testing.assert_allclose(found.toarray() if sparse.issparse(found) else found, expected)


def test_a_class_with_a_single_customer_does_not_stop_the_fit(world):
    X, y = world(0)
    y = y.copy()
    y[0] = 2
    model = StackedClassifier(n_dense=8).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_logit_columns_of_other_classes_are_credited_with_the_right_sign(world):
    # With the trees alone and useless dense features, a token pulls in the trees as it does in the logits.
    X, y = world(0, n=900, dense_signal=0.0, token_signal=2.0)
    taste = SparseLogistic(n_dense=8).fit(X, y).decision_function(X)
    model = StackedClassifier(n_dense=8).fit(X, np.digitize(taste, np.quantile(taste, [0.33, 0.67])))
    model.weights_ = np.array([0.0, 1.0])
    for c in (0, 2):
        by_trees = model.contributions(X, c).toarray()[:, 8:]
        by_logit = model.linear_.contributions(X[:, 8:], c).toarray()
        agree = np.sign(by_trees) == np.sign(by_logit)
        assert np.abs(by_trees[agree]).sum() > 4 * np.abs(by_trees[~agree & (by_logit != 0)]).sum()
