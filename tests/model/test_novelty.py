import pickle

import numpy as np
import pytest
from scipy import sparse

from pipeline.errors import ConfigError
from pipeline.model.novelty import NoveltyDetector


def customers(rng, n, width=12):
    """Counts that move together, the last column half unknown, and five token columns."""
    activity = rng.lognormal(2, 1, (n, 1))
    dense = rng.poisson(activity * np.linspace(0.2, 3, width)).astype(float)
    dense[rng.random(n) < 0.5, -1] = np.nan
    return np.hstack([dense, rng.random((n, 5))])


@pytest.fixture(scope="module")
def fitted():
    return NoveltyDetector(12).fit(sparse.csr_matrix(customers(np.random.default_rng(0), 1500)))


def test_customers_from_the_same_place_have_uniform_p_values(fitted):
    told = fitted.p_values(customers(np.random.default_rng(1), 4000))
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(told <= level) == pytest.approx(level, abs=0.01 + 0.1 * level)


def test_planted_outliers_are_unlike(fitted):
    rng = np.random.default_rng(2)
    broken = customers(rng, 100)
    broken[:, 3] = 0.0  # buys as others do but never on Thursdays
    busy = customers(rng, 100) * 1000
    assert np.mean(fitted.p_values(busy) <= 0.01) > 0.95
    rare = customers(rng, 400)
    rare[:, :6] = rng.poisson(50, (400, 6))  # much in the columns that are low in others
    rare[:, 6:11] = 0
    assert np.mean(fitted.p_values(rare) <= 0.01) > 0.95
    assert np.mean(fitted.p_values(broken)) < 0.4


def test_a_broken_pattern_counts_more_than_a_large_customer(fitted):
    # All columns high together is what activity does; the same amounts in half of the columns is not.
    together, broken = np.zeros((1, 17)), np.zeros((1, 17))
    together[0, :12] = 60 * np.linspace(0.2, 3, 12)
    broken[0, :12:2] = 60 * np.linspace(0.2, 3, 12)[::2]
    assert fitted.score(broken)[0] > 2 * fitted.score(together)[0]


def test_training_customers_are_judged_by_detectors_that_had_not_seen_them():
    # With as many columns as customers a detector finds those it was fitted on close, and everybody else far away.
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 50))
    detector = NoveltyDetector(n_components=40)
    own = detector.fit_p_values(X)
    assert np.mean(own <= 0.2) == pytest.approx(0.2, abs=0.03)
    assert np.mean(detector.p_values(rng.normal(size=(500, 50))) <= 0.2) < 0.35
    assert np.mean(detector.p_values(X) <= 0.2) < 0.05  # what scores in sample would have hidden


def test_tokens_do_not_count_and_one_by_one_is_all_at_once(fitted):
    X = customers(np.random.default_rng(4), 20)
    changed = X.copy()
    changed[:, 12:] = 1e6
    np.testing.assert_array_equal(fitted.p_values(X), fitted.p_values(sparse.csr_matrix(changed)))
    one_by_one = np.concatenate([fitted.score(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(one_by_one, fitted.score(X), rtol=1e-4)


def test_a_column_that_is_the_same_for_all_and_one_that_is_unknown_are_not_judged():
    X = customers(np.random.default_rng(5), 200)
    X[:, 0], X[:, 1] = 7.0, np.nan
    detector = NoveltyDetector(12).fit(X)
    other = X[:5].copy()
    other[:, 0], other[:, 1] = 1e9, 1e9
    np.testing.assert_allclose(detector.score(other), detector.score(X[:5]))


def test_a_sample_bounds_what_is_fitted_and_kept(monkeypatch):
    monkeypatch.setattr("pipeline.model.novelty._AT_MOST", 300)
    X = customers(np.random.default_rng(6), 2000)
    detector = NoveltyDetector(12)
    own = detector.fit_p_values(X)
    assert len(detector.scores_) == 300
    assert own.shape == (2000,)
    assert np.mean(own <= 0.1) == pytest.approx(0.1, abs=0.04)
    assert len(pickle.dumps(detector)) < 10_000


def test_a_few_customers_and_none_are_taken():
    X = customers(np.random.default_rng(7), 3)
    detector = NoveltyDetector(12).fit(X)
    assert (detector.p_values(X * 1000) >= 0.25).all()  # three customers can make nobody an outlier
    assert detector.p_values(X[:0]).shape == (0,)


def test_a_negative_number_of_components_is_refused():
    with pytest.raises(ConfigError, match=r"n_components=-1: must be 0 or more"):
        NoveltyDetector(n_components=-1)


@pytest.mark.parametrize("days", [336, 120, 60])
def test_time_that_passes_for_everybody_makes_nobody_strange(days):
    """Days since four logs began are nearly the same for all customers, and 28 more when they are scored."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(2_000, 3))
    others = np.exp(2 + common @ rng.normal(size=(3, 30)) * 0.5 + 0.3 * rng.normal(size=(2_000, 30)))
    began = days + rng.random((2_000, 4))
    detector = NoveltyDetector().fit(np.hstack([others[:1_000], began[:1_000]]))
    p = detector.p_values(np.hstack([others[1_000:], began[1_000:] + 28]))
    assert (p < 0.05).mean() < 0.08
