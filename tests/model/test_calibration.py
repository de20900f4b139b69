import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.metrics import ece, log_loss
from pipeline.model.calibration import CrossCalibration, ProbabilityCalibrator

METHODS = ["temperature", "sigmoid", "isotonic", "venn_abers"]


def skewed(n_classes, sharpness, n=4000, seed=0):
    """Return probabilities whose log is `sharpness` times the true one, and labels."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(n_classes), n)
    y = (np.log(true) + rng.gumbel(size=true.shape)).argmax(axis=1)
    raw = true**sharpness
    return raw / raw.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("sharpness", [3.0, 0.3])
def test_moves_in_the_right_direction_and_improves_new_customers(method, n_classes, sharpness):
    calibrator = ProbabilityCalibrator(method).fit(*skewed(n_classes, sharpness))
    raw, y = skewed(n_classes, sharpness, seed=1)
    calibrated = calibrator.transform(raw)
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)
    confidence_falls = calibrated.max(axis=1).mean() < raw.max(axis=1).mean()
    assert confidence_falls == (sharpness > 1)
    assert ece(y, calibrated) < 0.6 * ece(y, raw)
    assert log_loss(y, calibrated) < log_loss(y, raw)


def test_temperature_undoes_a_planted_temperature():
    raw, y = skewed(3, 2.0, n=20_000)
    true, _ = skewed(3, 1.0, n=20_000)
    np.testing.assert_allclose(ProbabilityCalibrator().fit(raw, y).transform(raw), true, atol=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_a_class_without_labels_keeps_no_probability(method):
    raw, y = skewed(3, 1.0)
    calibrated = ProbabilityCalibrator(method).fit(raw[y != 1], y[y != 1]).transform(raw)
    assert (calibrated[:, 1] == 0).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)


@pytest.mark.parametrize("method", METHODS)
def test_a_class_with_one_label_and_certain_probabilities_are_taken(method):
    raw = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 10 + [[0.5, 0.5, 0.0]])
    y = np.array([0, 1] * 10 + [2])
    calibrated = ProbabilityCalibrator(method).fit(raw, y).transform(raw)
    assert np.isfinite(calibrated).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1)


def test_a_single_class_is_certain():
    raw = np.array([[0.5, 0.5], [0.2, 0.8]])
    assert ProbabilityCalibrator().fit(raw, np.array([1, 1])).transform(raw).tolist() == [[0, 1], [0, 1]]


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"unknown calibration 'temprature' .* Did you mean 'temperature'"):
        ProbabilityCalibrator("temprature")


def test_temperature_is_chosen_where_it_is_right_or_labels_are_few_and_steps_where_the_shape_is_odd():
    rng = np.random.default_rng(0)
    n = 4000
    true = rng.random(n)
    y = (rng.random(n) < true).astype(int)
    folds = np.arange(n) % 5
    odds = (true / (1 - true)) ** 2  # twice too sure: one temperature mends it
    sure = np.column_stack([1 / (1 + odds), odds / (1 + odds)])
    steps = np.where(true < 0.5, 0.1 * true, 0.95 + 0.05 * true)  # no curve of one or two parameters does this
    odd = np.column_stack([1 - steps, steps])
    assert CrossCalibration(sure, y, folds).chosen() == "temperature"
    assert CrossCalibration(odd, y, folds).chosen() in {"isotonic", "venn_abers"}
    assert CrossCalibration(odd[:900], y[:900], folds[:900]).chosen() == "temperature"


def test_the_table_of_methods_holds_their_losses_on_other_folds_and_one_choice():
    raw, y = skewed(2, 3.0, n=2000)
    folds = np.arange(2000) % 4
    table = CrossCalibration(raw, y, folds).tried()
    assert [tried.method for tried in table] == METHODS
    assert sum(tried.chosen for tried in table) == 1
    by_hand = np.empty_like(raw)
    for fold in range(4):
        test = folds == fold
        by_hand[test] = ProbabilityCalibrator("sigmoid").fit(raw[~test], y[~test]).transform(raw[test])
    assert table[1].log_loss == pytest.approx(log_loss(y, by_hand))
    assert table[1].ece == pytest.approx(ece(y, by_hand))
    assert table[0].standard_error == 0


def test_a_method_that_is_set_is_the_only_one_tried_and_few_labels_try_temperature_alone():
    raw, y = skewed(2, 1.0, n=2000)
    folds = np.arange(2000) % 4
    assert [(t.method, t.chosen) for t in CrossCalibration(raw, y, folds, "isotonic").tried()] == [("isotonic", True)]
    assert [t.method for t in CrossCalibration(raw[:999], y[:999], folds[:999]).tried()] == ["temperature"]


def test_a_fold_s_customers_take_no_part_in_their_calibration_nor_in_the_choice_of_its_method():
    raw, y = skewed(2, 3.0, n=1600)
    folds = np.arange(1600) % 4
    clean = CrossCalibration(raw, y, folds).calibrated()
    for fold in range(4):
        test = folds == fold
        others = CrossCalibration(raw[~test], y[~test], folds[~test])
        by_hand = others.calibrator(others.chosen()).transform(raw[test])
        np.testing.assert_array_equal(clean[test], by_hand)
