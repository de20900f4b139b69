import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from sklearn.metrics import brier_score_loss as sk_brier
from sklearn.metrics import log_loss as sk_log_loss

from pipeline import metrics


def sample(n_classes, n=400, seed=0, decimals=1):
    """Return labels, probabilities with many ties, and random weights with zeros."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(n_classes), n)
    y = (np.log(true) + rng.gumbel(size=true.shape)).argmax(axis=1)
    proba = np.round(true, decimals) + 1e-3
    return y, proba / proba.sum(axis=1, keepdims=True), rng.poisson(1.0, n).astype(float)


@pytest.mark.parametrize("weighted", [False, True])
def test_auc_with_ties_equals_scikit_learn(weighted):
    y, p, w = sample(2)
    w = w if weighted else None
    assert metrics.auc(y, p, w) == pytest.approx(roc_auc_score(y, p[:, 1], sample_weight=w))
    y, p, w = sample(4)
    w = w if weighted else None
    expected = np.mean([roc_auc_score(y == c, p[:, c], sample_weight=w) for c in range(4)])
    assert metrics.auc(y, p, w) == pytest.approx(expected)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_other_probability_metrics_equal_scikit_learn(n_classes, weighted):
    y, p, w = sample(n_classes)
    w = w if weighted else None
    assert metrics.log_loss(y, p, w) == pytest.approx(sk_log_loss(y, p, sample_weight=w))
    best = p.argmax(axis=1)
    assert metrics.accuracy(y, p, w) == pytest.approx(accuracy_score(y, best, sample_weight=w))
    assert metrics.balanced_accuracy(y, p, w) == pytest.approx(balanced_accuracy_score(y, best, sample_weight=w))
    if n_classes == 2:
        expected = sk_brier(y, p[:, 1], sample_weight=w)
    else:
        expected = np.average(((p - np.eye(4)[y]) ** 2).sum(axis=1), weights=w)
    assert metrics.brier(y, p, w) == pytest.approx(expected)


METRICS = [
    metrics.auc,
    metrics.log_loss,
    metrics.brier,
    metrics.ece,
    metrics.accuracy,
    metrics.balanced_accuracy,
    metrics.mean_absolute_error_bands,
]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_many_rows_of_weights_equal_one_at_a_time(metric, n_classes):
    y, p, _ = sample(n_classes)
    weights = np.random.default_rng(1).poisson(1.0, (7, len(y))).astype(float)
    np.testing.assert_allclose(metric(y, p, weights), [metric(y, p, w) for w in weights])


@pytest.mark.parametrize("metric", [m for m in METRICS if m is not metrics.ece])  # its bins are fixed
def test_a_weight_of_two_is_the_same_as_a_second_copy(metric):
    y, p, w = sample(3)
    drawn = np.repeat(np.arange(len(y)), w.astype(int))
    assert metric(y, p, w) == pytest.approx(metric(y[drawn], p[drawn]))


def test_ece_by_hand():
    # Two bins of two: mean 0.15 against 0.5 observed, 0.85 against 1.
    y, p1 = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    proba = np.column_stack([1 - p1, p1])
    assert metrics.ece(y, proba, n_bins=2) == pytest.approx((0.35 + 0.15) / 2)
    assert metrics.ece(y, proba, np.array([1.0, 0, 1, 1]), n_bins=2) == pytest.approx((0.1 + 0.2 + 0.1) / 3)


def test_ece_of_a_constant_is_its_distance_from_the_share():
    y = np.array([0] * 6 + [1] * 4)
    assert metrics.ece(y, np.tile([0.5, 0.5], (10, 1))) == pytest.approx(0.1)


def test_ece_of_several_classes_looks_at_the_most_probable_one():
    proba = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert metrics.ece(np.array([0, 1]), proba, n_bins=1) == pytest.approx(abs(0.75 - 0.5))


def test_error_in_bands_is_that_of_the_median():
    proba = np.array([[0.4, 0.25, 0.35], [0.5, 0.0, 0.5], [0.0, 0.1, 0.9]])  # medians 1, 0 and 2
    assert metrics.mean_absolute_error_bands(np.array([0, 2, 2]), proba) == pytest.approx((1 + 2 + 0) / 3)


def test_statement_metrics_by_hand():
    y, stated = np.array([0, 0, 1, 1, 1]), np.array([0, -1, 1, 0, -1])
    assert metrics.coverage(stated, 0) == pytest.approx(2 / 5)
    assert metrics.coverage(stated) == pytest.approx(3 / 5)
    assert metrics.n_stated(stated, 1) == 1
    assert metrics.recall(y, stated, 1) == pytest.approx(1 / 3)
    assert metrics.precision(y, stated, 0) == pytest.approx(1 / 2)
    assert metrics.precision(y, stated) == pytest.approx(2 / 3)
    assert metrics.precision(y, stated, 0, np.array([3.0, 1, 1, 1, 1])) == pytest.approx(3 / 4)


def test_undefined_is_nan():
    y = np.zeros(3, dtype=int)
    assert np.isnan(metrics.auc(y, np.tile([0.5, 0.5], (3, 1))))
    assert np.isnan(metrics.precision(y, np.full(3, -1), 0))
    assert np.isnan(metrics.recall(y, np.full(3, -1), 1))


def test_calibration_curve_by_hand():
    y, p1 = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    mean, share, n = metrics.calibration_curve(y, np.column_stack([1 - p1, p1]), n_bins=2)
    np.testing.assert_allclose(mean, [0.15, 0.85])
    np.testing.assert_allclose(share, [0.5, 1.0])
    assert n.tolist() == [2, 2]
    mean, share, _ = metrics.calibration_curve(y, np.column_stack([1 - p1, p1]), value=0, n_bins=2)
    np.testing.assert_allclose(mean, [0.15, 0.85])
    np.testing.assert_allclose(share, [0.0, 0.5])


def test_precision_coverage_curve_by_hand():
    y = np.array([1, 0, 1, 0, 1])
    p1 = np.array([0.9, 0.8, 0.8, 0.6, 0.3])  # the last one is never given value 1
    threshold, covered, precise = metrics.precision_coverage_curve(y, np.column_stack([1 - p1, p1]), 1)
    assert threshold.tolist() == [0.9, 0.8, 0.6]
    np.testing.assert_allclose(covered, [0.2, 0.6, 0.8])
    np.testing.assert_allclose(precise, [1, 2 / 3, 1 / 2])
    assert all(len(part) == 0 for part in metrics.precision_coverage_curve(y, np.tile([0.9, 0.1], (5, 1)), 1))


def test_auc_compares_customers_of_one_fold_only():
    y = np.array([0, 1, 0, 1, 1])
    score = np.array([0.1, 0.2, 0.8, 0.7, 0.9])  # fold 1 scores higher throughout
    folds = np.array([0, 0, 1, 1, 1])
    proba = np.column_stack([1 - score, score])
    # One pair in fold 0, ranked rightly; two in fold 1, one of them rightly. Across folds it would be 4 of 6.
    assert metrics.auc(y, proba, folds=folds) == pytest.approx(2 / 3)
    assert metrics.auc(y, proba) == pytest.approx(4 / 6)
    weights = np.array([[1.0, 1, 1, 1, 1], [2, 1, 1, 1, 1]])
    np.testing.assert_allclose(metrics.auc(y, proba, weights, folds), [2 / 3, 3 / 4])
