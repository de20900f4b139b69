import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pipeline.model.network import Networks


def customers(n=2000, n_classes=2):
    """Return columns of which the product of two tells the class; one of them is unknown of every ninth customer."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    y = y if n_classes == 2 else y + (X[:, 2] > 0.5)
    X[::9, 3] = np.nan
    return X, y


def test_learns_what_no_line_separates():
    X, y = customers(12_000)
    networks = Networks.fit(X[:10_000], y[:10_000], 2, 0)
    known = np.nan_to_num(X)
    line = LogisticRegression().fit(known[:10_000], y[:10_000])
    assert roc_auc_score(y[10_000:], networks.scores(X[10_000:])) > 0.9
    assert roc_auc_score(y[10_000:], line.decision_function(known[10_000:])) < 0.6


def test_being_unknown_tells_the_class_of_whom_nothing_else_tells_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2)).astype(np.float32)
    y = rng.integers(0, 2, 4000)
    X[(y == 1) & (rng.random(4000) < 0.5), 1] = np.nan
    networks = Networks.fit(X, y, 1, 0)
    assert networks.doubtful.tolist() == [1]
    unknown = np.isnan(X[:, 1])
    assert networks.scores(X[unknown]).min() > networks.scores(X[~unknown]).max()


def test_the_mean_of_networks_is_one_with_all_their_units():
    X, y = customers()
    together = Networks.fit(X, y, 3, 5)
    alone = [Networks.fit(X, y, 1, seed) for seed in (5, 6, 7)]
    assert together.inward.shape[1] == 3 * alone[0].inward.shape[1]
    np.testing.assert_allclose(together.scores(X), np.mean([one.scores(X) for one in alone], axis=0), atol=1e-5)


def test_one_column_far_out_changes_little():
    X, y = customers()
    networks = Networks.fit(X, y, 1, 0)
    far, farther = X[1:2].copy(), X[1:2].copy()
    far[0, 0], farther[0, 0] = 1e6, 1e12
    np.testing.assert_array_equal(networks.scores(far), networks.scores(farther))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_contributions_add_up_from_the_mean_customer(n_classes):
    X, y = customers(n_classes=n_classes)
    networks = Networks.fit(X, y, 2, 0)
    scores = networks.scores(X)
    for c in range(n_classes):
        parts = networks.contributions(X, c)
        assert parts.shape == X.shape
        told = (2 * c - 1) * scores if n_classes == 2 else scores[:, c] - scores.mean(axis=1)
        rest = told - parts.sum(axis=1)
        np.testing.assert_allclose(rest, rest[0], atol=1e-4)
        assert np.ptp(told) > 0.5


def test_a_column_that_never_varied_says_nothing_whatever_it_becomes():
    X, y = customers(20_000)
    constant = np.array([1234.56, -3.3e5, 30.0, 0.1], dtype=np.float32)
    X = np.hstack([X, np.tile(constant, (len(X), 1))])
    networks = Networks.fit(X, y, 1, 0)
    assert np.isinf(networks.spread[4:8]).all()
    other = X[:100].copy()
    other[:, 4:] *= 2
    np.testing.assert_array_equal(networks.scores(other), networks.scores(X[:100]))


def test_a_score_does_not_depend_on_who_else_is_asked():
    X, y = customers()
    networks = Networks.fit(X, y, 4, 0)
    alone = np.concatenate([networks.scores(X[start : start + 7]) for start in range(0, 700, 7)])
    np.testing.assert_allclose(alone, networks.scores(X)[:700], rtol=0, atol=1e-12)
