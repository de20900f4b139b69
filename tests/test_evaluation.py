import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.errors import ConfigError
from pipeline.evaluation import evaluate, paired_bootstrap
from pipeline.metrics import log_loss_rows


def predictions(n_classes, n=400, decimals=1):
    """Return true classes, drawn from probabilities, and these, rounded."""
    rng = np.random.default_rng(0)
    true = rng.dirichlet(np.ones(n_classes), n)
    y = (np.log(true) + rng.gumbel(size=true.shape)).argmax(axis=1)
    proba = np.round(true, decimals) + 1e-3
    return y, proba / proba.sum(axis=1, keepdims=True)


def evaluated(n=300, n_classes=2, repeats=2, kind="binary", **kwargs):
    parts = [predictions(n_classes, n, decimals) for decimals in (1, 2)][:repeats]
    y, proba = parts[0][0], np.array([p for _, p in parts])
    stated = np.where(proba.max(axis=2) > 0.8, proba.argmax(axis=2), -1)
    prior = np.broadcast_to(np.bincount(y, minlength=n_classes) / n, proba.shape)
    values = [f"v{c}" for c in range(n_classes)]
    return y, proba, stated, evaluate(y, proba, stated, prior, kind, values, **kwargs)


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
    half = 1.96 * log_loss_rows(y, proba[0]).std() / np.sqrt(3000)
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
        rows = evaluate(y, proba, stated, proba, "binary", ["a", "b"], n_resamples=200, seed=seed)
        row = next(row for row in rows if row.metric == "accuracy")
        covered += row.low <= 0.7 <= row.high
    assert 0.89 <= covered / 200 <= 0.99


def test_same_seed_same_intervals():
    assert repr(evaluated(seed=4)[3]) == repr(evaluated(seed=4)[3])  # NaN equals nothing, its text does
    assert repr(evaluated(seed=4)[3]) != repr(evaluated(seed=5)[3])


def test_nothing_stated_gives_nan_and_no_warning():
    y, proba = predictions(2)
    nothing = np.full((1, len(y)), -1)
    rows = evaluate(y, proba[None], nothing, proba[None], "binary", ["a", "b"], n_resamples=20)
    found = {(row.metric, row.value): row for row in rows}
    assert np.isnan([found["precision", "a"].estimate, found["precision", "a"].low]).all()
    assert found["coverage", ""].estimate == 0
    assert found["precision", ""].n == 0


def test_only_ordinal_attributes_have_an_error_in_bands():
    assert "mean_absolute_error_bands" in {row.metric for row in evaluated(n_classes=3, kind="ordinal")[3]}
    assert "mean_absolute_error_bands" not in {row.metric for row in evaluated(n_classes=3, kind="nominal")[3]}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"kind": "ordnal"}, "unknown kind 'ordnal'.*ordinal"), ({"values": ["a"]}, "expected proba .*found")],
)
def test_wrong_input_is_refused(change, message):
    y, proba = predictions(2)
    arguments = {"kind": "binary", "values": ["a", "b"]} | change
    with pytest.raises(ConfigError, match=message):
        evaluate(y, proba[None], np.full((1, len(y)), -1), proba[None], **arguments)


def test_paired_bootstrap_sees_what_two_separate_intervals_cannot():
    rng = np.random.default_rng(0)
    old = rng.exponential(size=500)
    new = old - 0.02 + 0.01 * rng.normal(size=500)
    mean, low, high = paired_bootstrap(new, old)
    assert low < mean < high < 0
    assert mean == pytest.approx(-0.02, abs=0.003)
    _, low, high = paired_bootstrap(rng.permutation(new), old)  # the pairing is lost
    assert low < 0 < high


def test_sets_are_judged_by_how_often_they_hold_the_true_value_and_by_their_size():
    y = np.array([0, 1, 2, 0])
    sets = np.array([[[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]]], dtype=bool)  # right, right, wrong, right
    proba = np.full((1, 4, 3), 1 / 3)
    found = evaluate(y, proba, np.full((1, 4), -1), proba, "nominal", ["a", "b", "c"], 100, sets=sets)
    by_name = {e.metric: e for e in found if not e.value}
    assert by_name["set_coverage"].estimate == 0.75
    assert by_name["set_coverage"].prior == pytest.approx(7 / 12)
    assert by_name["set_size"].estimate == 1.75


def test_precision_among_the_silent_counts_each_customer_by_those_it_stands_for():
    y, stated = np.array([1, 1, 0, 0, 1]), np.array([[1, 1, 1, -1, 0]])
    proba = np.full((1, 5, 2), 0.5)
    weight = np.array([0.1, 0.1, 0.6, 0.2, 0.0])
    rows = evaluate(y, proba, stated, proba, "binary", ["no", "yes"], 100, silent_weight=weight)
    found = {(row.metric, row.value): row for row in rows}
    yes = found["precision_silent", "yes"]
    assert found["precision", "yes"].estimate == pytest.approx(2 / 3)
    assert yes.estimate == pytest.approx(0.2 / 0.8)
    assert yes.prior == pytest.approx(0.2 / 1.0)
    assert yes.n == round(0.8**2 / (0.01 + 0.01 + 0.36))  # Kish: 1.7
    assert np.isnan(found["precision_silent", "no"].estimate)  # the one that it is stated to stands for nobody
    assert found["precision_silent", "no"].n == 0


def test_with_equal_weights_precision_among_the_silent_is_precision():
    *_, rows = evaluated(silent_weight=np.full(300, 0.5))
    found = {(row.metric, row.value): row for row in rows}
    for value in ("", "v0", "v1"):
        assert found["precision_silent", value].estimate == pytest.approx(found["precision", value].estimate)
        assert found["precision_silent", value].low == pytest.approx(found["precision", value].low)
        assert found["precision_silent", value].n == found["precision", value].n
