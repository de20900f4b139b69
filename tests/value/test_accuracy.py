import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_tweedie_deviance

from pipeline.value.accuracy import accuracy, deciles, deviance

RNG = np.random.default_rng(0)
CAME = np.where(RNG.random(400) < 0.4, 0.0, RNG.lognormal(3, 1, 400))
SAID = CAME * 0.5 + RNG.lognormal(2.5, 0.5, 400)


def figures(came, said):
    return accuracy(came, said, 200, 0).set_index("metric")["estimate"]


def test_figures_are_those_of_other_libraries():
    found = figures(CAME, SAID)
    assert found["mae"] == pytest.approx(np.mean(np.abs(CAME - SAID)))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((CAME - SAID) ** 2)))
    assert found["spearman"] == pytest.approx(spearmanr(CAME, SAID).statistic)
    assert found["calibration"] == pytest.approx(SAID.sum() / CAME.sum())
    assert found["deviance"] == pytest.approx(mean_tweedie_deviance(CAME, SAID, power=1.5))
    top = np.argsort(-SAID)[:40]
    assert found["top_decile_capture"] == pytest.approx(CAME[top].sum() / CAME.sum())


def test_who_knows_what_comes_captures_the_best():
    found = figures(CAME, CAME)
    assert (found["mae"], found["spearman"], found["calibration"]) == (0, pytest.approx(1), 1)
    assert found["top_decile_capture"] == found["best_capture"]


def test_who_says_the_same_of_all_captures_a_tenth_and_ranks_nobody():
    found = figures(CAME, np.full(400, 7.0))
    assert found["top_decile_capture"] == pytest.approx(0.1)
    assert np.isnan(found["spearman"])


def test_the_deviance_is_smallest_at_the_mean():
    mean = CAME.mean()
    losses = [deviance(CAME, np.full(400, mean * f)).mean() for f in (0.8, 0.95, 1.0, 1.05, 1.2)]
    assert int(np.argmin(losses)) == 2


def test_intervals_hold_what_is_true_of_the_population():
    """Expectations are a quarter too high: 100 samples of 300 customers."""
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        mean = rng.lognormal(3, 0.5, 300)
        came = rng.gamma(2.0, mean / 2)
        row = accuracy(came, 1.25 * mean, 200, seed).set_index("metric").loc["calibration"]
        held += row["low"] <= 1.25 <= row["high"]
    assert held >= 88


def test_tenths_go_from_low_to_high():
    table = deciles(np.arange(95.0), np.arange(95.0))
    assert table["n"].sum() == 95
    assert table["expected"].is_monotonic_increasing
    assert (table["expected"] == table["came"]).all()
    assert len(deciles(np.array([1.0, 2.0]), np.array([1.0, 2.0]))) == 2
    assert len(deciles(np.array([]), np.array([]))) == 0
