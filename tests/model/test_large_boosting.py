import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from pipeline.model import large_boosting
from pipeline.model.blended import BlendedClassifier
from pipeline.model.boosting import DenseBoosting
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.large_boosting import LargeBoosting
from pipeline.model.propensity import learn_answering
from pipeline.model.stacked import StackedClassifier
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
        rest = told - parts.toarray().sum(axis=1)
        np.testing.assert_allclose(rest, rest[0], atol=1e-4)
        assert np.ptp(told) > 0.5


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


def test_a_rare_class_that_nobody_held_out_has_keeps_about_its_share():
    X, y = smooth(6000)
    y[np.flatnonzero(y == 1)[:3]] = 2
    proba = DenseBoosting(large_from=1000, n_estimators=10).fit(X, y).predict_proba(smooth(4000, seed=1)[0])
    assert 1e-5 < proba[:, 2].mean() < 2e-3  # 3 of 6,000 are 5e-4


def test_those_held_out_teach_no_network_before_the_pool_is_weighed(monkeypatch):
    X, y = smooth(1000)
    fitted = []
    fit = large_boosting.Networks.fit
    monkeypatch.setattr(
        large_boosting.Networks, "fit", lambda rows, *rest: fitted.append(len(rows)) or fit(rows, *rest)
    )
    LargeBoosting.fit(X, y, GROWTH, 5, 0)
    assert fitted == [800, 1000]


SMALL = {"n_estimators": 5, "large_from": 400}
LEARNERS = {
    "certified": lambda: CertifiedClassifier(DenseBoosting(**SMALL), folds=5),
    "blended": lambda: BlendedClassifier({"trees": DenseBoosting(**SMALL)}, n_dense=80, folds=5),
    "stacked": lambda: StackedClassifier(boosting=DenseBoosting(**SMALL), n_dense=80, folds=5),
}


def learnt_from(monkeypatch):
    """Return a list that is filled with the numbers of customers that the larger kind of model learns from."""
    rows, fit = [], LargeBoosting.fit
    monkeypatch.setattr(LargeBoosting, "fit", lambda inputs, *rest: rows.append(inputs.shape[0]) or fit(inputs, *rest))
    return rows


@pytest.mark.parametrize("name", LEARNERS)
def test_models_of_folds_are_of_the_kind_of_the_one_fitted_on_all(monkeypatch, name):
    X, y = smooth(450)
    rows = learnt_from(monkeypatch)
    LEARNERS[name]().fit(np.abs(X), y)
    assert sorted(rows) == [360] * 5 + [450]
    rows.clear()
    LEARNERS[name]().fit(np.abs(X[:390]), y[:390])
    assert rows == []


def test_who_answers_is_told_by_one_kind_of_model(monkeypatch):
    X, y = smooth(10_400)
    rows = learnt_from(monkeypatch)
    learn_answering(sparse.csr_matrix(np.abs(X)), y == 1, 80, 0)
    assert sorted(rows) == [8_320] * 5 + [10_400]
