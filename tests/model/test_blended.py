import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from pipeline.errors import ConfigError
from pipeline.model.blended import BlendedClassifier, fit_weights
from pipeline.model.boosting import DenseBoosting
from pipeline.model.crossfit import fold_numbers
from pipeline.model.linear import SparseLogistic
from pipeline.model.vector_ridge import VectorRidge


class Memory(ClassifierMixin, BaseEstimator):
    """Knows its training customers by heart, and nobody else."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes(): label for row, label in zip(np.asarray(X), y, strict=True)}
        return self

    def predict_proba(self, X):
        known = [self.known_.get(row.tobytes()) for row in np.asarray(X)]
        return np.array([[0.5, 0.5] if k is None else [0.99 - 0.98 * k, 0.01 + 0.98 * k] for k in known])


def test_a_member_that_only_remembers_gets_nothing():
    # In-sample it is perfect; out of fold it knows nothing. Weights fitted on the training fit would love it.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = (X[:, 0] + 0.5 * rng.normal(size=600) > 0).astype(int)
    model = BlendedClassifier({"memory": Memory(), "linear": SparseLogistic()}, shrinkage=0.0).fit(X, y)
    flat = np.full((10, 2), 0.5)
    np.testing.assert_allclose(Memory().fit(X, y).predict_proba(rng.normal(size=(10, 3))), flat)
    assert model.weights_[1] > 0.5
    held_out = rng.normal(size=(2000, 3))
    truth = (held_out[:, 0] > 0).astype(int)
    assert roc_auc_score(truth, model.predict_proba(held_out)[:, 1]) > 0.95


def test_out_of_fold_rows_never_saw_their_own_label():
    # With memory as the only member, a row whose label had been seen would be predicted with 0.99.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    clean = BlendedClassifier({"memory": Memory()}).fit_out_of_fold(X, y, fold_numbers(y, 5, 0))
    assert abs(clean[:, 1] - 0.5).max() < 0.1


def test_out_of_fold_equals_refitting_members_by_hand(world):
    X, y = world(0)
    folds = fold_numbers(y, 3, 0)
    members = {"linear": SparseLogistic(n_dense=8), "boosting": DenseBoosting(n_dense=8)}
    model = BlendedClassifier(members, n_dense=8)
    found = model.fit_out_of_fold(X, y, folds)
    scores = np.zeros((2, len(y), 2))
    for fold in range(3):
        for m, member in enumerate(members.values()):
            logs = np.log(clone(member).fit(X[folds != fold], y[folds != fold]).predict_proba(X[folds == fold]))
            scores[m, folds == fold] = logs - logs.mean(axis=1, keepdims=True)
    for fold in range(3):
        weights, intercept = fit_weights(scores[:, folds != fold], y[folds != fold], model.shrinkage)
        expected = softmax(np.tensordot(weights, scores[:, folds == fold], axes=1) + intercept, axis=1)
        np.testing.assert_allclose(found[folds == fold], expected, atol=1e-6)
    # And what is deployed is fitted on everybody.
    np.testing.assert_allclose(model.weights_, fit_weights(scores, y, model.shrinkage)[0], atol=1e-6)
    alone = members["linear"].fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.members_["linear"].predict_proba(X), alone)


def test_is_better_than_each_member_where_each_knows_half(world):
    X, y = world(0, n=3000)
    model = BlendedClassifier(n_dense=8).fit(X[:1000], y[:1000])
    losses = [log_loss(y[1000:], part.predict_proba(X[1000:])) for part in (model, *model.members_.values())]
    assert losses[0] < min(losses[1:]) - 0.02


def test_few_labels_keep_the_weights_nearly_equal_and_many_do_not():
    rng = np.random.default_rng(0)
    for n, bound in ((20, 0.1), (20_000, 0.3)):
        truth = rng.integers(0, 2, n)
        strong, noise = 2.0 * (truth - 0.5) + rng.normal(size=n), rng.normal(size=n)
        scores = np.stack([np.column_stack([-s, s]) / 2 for s in (strong, noise)])
        weights, _ = fit_weights(scores, truth, shrinkage=200.0)
        assert (abs(weights - 0.5).max() < bound) == (n == 20)


def test_weights_minimise_the_penalised_loss():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 150)
    scores = rng.normal(size=(2, 150, 3)) + np.eye(3)[y]

    def loss(weights, intercept):
        proba = softmax(np.tensordot(weights, scores, axes=1) + intercept, axis=1)
        return -np.log(proba[np.arange(150), y]).sum() + 2.5 * ((weights - 0.5) ** 2).sum()

    weights, intercept = fit_weights(scores, y, shrinkage=5.0)
    best = loss(weights, intercept)
    for step in rng.normal(scale=0.02, size=(50, 5)):
        assert loss(weights + step[:2], intercept + step[2:]) > best - 1e-6


def test_contributions_are_the_members_weighed(world):
    X, y = world(0)
    model = BlendedClassifier(n_dense=8).fit(X, y)
    parts = model.contributions(X[:5], 1).toarray()
    by_hand = sum(
        weight * member.contributions(X[:5], 1).toarray()
        for weight, member in zip(model.weights_, model.members_.values(), strict=True)
    )
    np.testing.assert_allclose(parts, by_hand)
    rest = model.decision_function(X[:5]) - parts.sum(axis=1)
    np.testing.assert_allclose(rest, rest[0], atol=1e-6)  # the rest is the same for everybody


@pytest.mark.parametrize(("n_dense", "left"), [(0, ["linear"]), (208, ["boosting"])])
def test_a_member_without_columns_is_left_out(world, n_dense, left):
    X, y = world(0)
    assert list(BlendedClassifier(n_dense=n_dense).fit(X, y).members_) == left


def test_members_without_contributions_or_n_dense_are_welcome(world):
    X, y = world(0)
    X = X.toarray()
    model = BlendedClassifier({"prior": DummyClassifier(strategy="prior"), "near": KNeighborsClassifier()}).fit(X, y)
    assert not model.contributions(X, 1).any()
    assert model.score(X, y) > 0.6


def test_parameters_of_members_are_reached_by_name():
    model = BlendedClassifier({"linear": SparseLogistic(C=3.0)})
    assert model.get_params()["linear__C"] == 3.0
    copy = clone(model).set_params(linear__C=5.0)
    assert (copy.members["linear"].C, model.members["linear"].C) == (5.0, 3.0)


def test_a_blend_of_members_with_nothing_to_read_is_a_clear_error():
    X, y = np.eye(20), np.arange(20) % 2
    with pytest.raises(ConfigError, match="none of the members vectors has a column to read among 20"):
        BlendedClassifier({"vectors": VectorRidge()}, n_dense=5, n_vector=0).fit(X, y)
    with pytest.raises(ConfigError, match="none is given"):
        BlendedClassifier({}, n_dense=5).fit(X, y)
