import time

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from sklearn.metrics import brier_score_loss as sk_brier
from sklearn.metrics import log_loss as sk_log_loss

from pipeline import metrics
from pipeline.errors import ConfigError


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


def evaluated(n=300, n_classes=2, repeats=2, kind="binary", **kwargs):
    parts = [sample(n_classes, n, seed=0, decimals=d) for d in (1, 2)][:repeats]
    y, proba = parts[0][0], np.array([p for _, p, _ in parts])
    stated = np.where(proba.max(axis=2) > 0.8, proba.argmax(axis=2), -1)
    prior = np.broadcast_to(np.bincount(y, minlength=n_classes) / n, proba.shape)
    values = [f"v{c}" for c in range(n_classes)]
    return y, proba, stated, metrics.evaluate(y, proba, stated, prior, kind, values, **kwargs)


def test_an_estimate_is_the_mean_over_repeats_between_its_bounds():
    y, proba, stated, rows = evaluated()
    found = {(row.metric, row.value): row for row in rows}
    assert found["auc", ""].estimate == pytest.approx(np.mean([roc_auc_score(y, p[:, 1]) for p in proba]))
    assert found["precision", "v1"].estimate == pytest.approx(np.mean([(y[s == 1] == 1).mean() for s in stated]))
    assert found["precision", "v1"].prior == pytest.approx(y.mean())
    assert found["recall", "v1"].n == y.sum()
    assert found["auc", ""].prior == 0.5
    assert found["accuracy", ""].prior == pytest.approx(max(y.mean(), 1 - y.mean()))
    for row in rows:
        if row.metric != "ece":  # biased upwards in resamples
            assert row.low <= row.estimate <= row.high


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    y, proba, _, rows = evaluated(n=3000, repeats=1)
    found = next(row for row in rows if row.metric == "log_loss")
    half = 1.96 * metrics.log_loss_rows(y, proba[0]).std() / np.sqrt(3000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_intervals_cover_the_truth_about_as_often_as_promised():
    # Accuracy of a coin that is right with probability 0.7; 95 % intervals over 200 worlds.
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        y = rng.integers(0, 2, 200)
        says = np.where(rng.random(200) < 0.7, y, 1 - y)
        proba = np.eye(2)[says][None] * 0.8 + 0.1
        stated = np.full((1, 200), -1)
        rows = metrics.evaluate(y, proba, stated, proba, "binary", ["a", "b"], n_resamples=200, seed=seed)
        row = next(row for row in rows if row.metric == "accuracy")
        covered += row.low <= 0.7 <= row.high
    assert 0.89 <= covered / 200 <= 0.99


def test_same_seed_same_intervals():
    assert repr(evaluated(seed=4)[3]) == repr(evaluated(seed=4)[3])  # NaN equals nothing, its text does
    assert repr(evaluated(seed=4)[3]) != repr(evaluated(seed=5)[3])


def test_nothing_stated_gives_nan_and_no_warning():
    y, proba, _ = sample(2)
    nothing = np.full((1, len(y)), -1)
    rows = metrics.evaluate(y, proba[None], nothing, proba[None], "binary", ["a", "b"], n_resamples=20)
    found = {(row.metric, row.value): row for row in rows}
    assert np.isnan([found["precision", "a"].estimate, found["precision", "a"].low]).all()
    assert found["coverage", ""].estimate == 0
    assert found["precision", ""].n == 0


def test_only_ordinal_attributes_have_an_error_in_bands():
    assert "mean_absolute_error_bands" in {row.metric for row in evaluated(n_classes=3, kind="ordinal")[3]}
    assert "mean_absolute_error_bands" not in {row.metric for row in evaluated(n_classes=3, kind="nominal")[3]}


def test_a_thousand_resamples_are_quick():
    start = time.perf_counter()
    evaluated(n=2500)
    assert time.perf_counter() - start < 3  # about 0.2 s on an idle machine


@pytest.mark.parametrize(
    ("change", "message"),
    [({"kind": "ordnal"}, "unknown kind 'ordnal'.*ordinal"), ({"values": ["a"]}, "expected proba .*found")],
)
def test_wrong_input_is_refused(change, message):
    y, proba, _ = sample(2)
    arguments = {"kind": "binary", "values": ["a", "b"]} | change
    with pytest.raises(ConfigError, match=message):
        metrics.evaluate(y, proba[None], np.full((1, len(y)), -1), proba[None], **arguments)


def test_paired_bootstrap_sees_what_two_separate_intervals_cannot():
    rng = np.random.default_rng(0)
    old = rng.exponential(size=500)
    new = old - 0.02 + 0.01 * rng.normal(size=500)
    mean, low, high = metrics.paired_bootstrap(new, old)
    assert low < mean < high < 0
    assert mean == pytest.approx(-0.02, abs=0.003)
    _, low, high = metrics.paired_bootstrap(rng.permutation(new), old)  # the pairing is lost
    assert low < 0 < high


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
