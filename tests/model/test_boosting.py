import pickle

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.errors import ConfigError
from pipeline.model.boosting import DenseBoosting


def test_finds_a_planted_step_and_ignores_tokens(world):
    X, y = world(0, token_signal=0.0)
    X_new, y_new = world(1, token_signal=0.0)
    model = DenseBoosting(n_dense=8).fit(X, y)
    assert roc_auc_score(y_new, model.predict_proba(X_new)[:, 1]) > 0.75
    X_new = X_new.toarray()
    before = model.predict_proba(X_new)
    X_new[:, 8:] = 0
    np.testing.assert_array_equal(model.predict_proba(X_new), before)


def test_unknown_is_a_value_of_its_own():
    X = np.where(np.arange(400) % 2, np.nan, 1.0).reshape(-1, 1)
    y = np.arange(400) % 2
    assert DenseBoosting().fit(X, y).score(X, y) == 1


def test_same_seed_same_model_and_a_saved_model_answers_alike(world):
    X, y = world(0)
    first = DenseBoosting(n_dense=8).fit(X, y)
    again = pickle.loads(pickle.dumps(DenseBoosting(n_dense=8).fit(X, y)))
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    other = DenseBoosting(n_dense=8, random_state=1).fit(X, y)
    assert (other.predict_proba(X) != first.predict_proba(X)).any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_differ_from_the_score_by_a_constant(world, n_classes):
    X, y = world(0)
    X = X.toarray()
    y = y if n_classes == 2 else (y + (X[:, 2] > 0))
    model = DenseBoosting(n_dense=8).fit(X, y)
    for c in range(n_classes):
        parts = model.contributions(X[:20], c)
        assert parts.shape == X[:20].shape
        scores = model.decision_function(X[:20])
        scores = (2 * c - 1) * scores if n_classes == 2 else scores[:, c]
        assert np.ptp(scores - parts.sum(axis=1)) < 1e-9
        assert np.ptp(scores) > 0.1


def test_no_dense_column_is_a_clear_error():
    with pytest.raises(ConfigError, match="n_dense=0 leaves no dense column of 2"):
        DenseBoosting(n_dense=0).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
