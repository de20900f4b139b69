import numpy as np
import pytest

from pipeline.value.concentration import concentration


def gini_by_pairs(values):
    """Half the mean difference of all pairs over the mean: the definition."""
    return np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())


def test_gini_is_the_mean_difference_of_pairs():
    values = np.random.default_rng(0).lognormal(0, 1, 200)
    assert concentration(values, 100, 0).gini.estimate == pytest.approx(gini_by_pairs(values), abs=1e-12)


def test_shares_of_the_best_by_hand():
    values = np.array([50.0, 20, 10, 5, 5, 4, 3, 2, 1, 0])
    found = concentration(values, 100, 0)
    assert found.held[0.10].estimate == pytest.approx(0.5)
    assert found.held[0.20].estimate == pytest.approx(0.7)
    assert found.held[0.05].estimate == pytest.approx(0.25)  # half of the best customer
    curve = found.curve.set_index("customers")["value"]
    assert (curve.iloc[0], curve.iloc[-1]) == (0, pytest.approx(1))
    assert curve.is_monotonic_increasing


def test_where_all_are_alike_nothing_is_concentrated():
    found = concentration(np.full(50, 3.0), 100, 0)
    assert found.gini.estimate == pytest.approx(0, abs=1e-12)
    assert found.held[0.10].estimate == pytest.approx(0.10)


def test_who_is_worth_less_than_nothing_is_counted_apart():
    found = concentration(np.array([4.0, 4, 0, -3]), 100, 0)
    assert (found.n, found.n_none, found.n_negative, found.negative, found.total) == (4, 1, 1, -3, 8)
    assert found.gini.estimate == pytest.approx(0.5)


def test_nobody_worth_anything_has_no_concentration():
    assert concentration(np.array([0.0, -1.0]), 100, 0) is None
    assert concentration(np.array([]), 100, 0) is None


def test_the_interval_holds_the_gini_of_the_population():
    """Lognormal amounts: Gini is erf(sigma / 2), here 0.5205; 100 samples of 300 customers."""
    held = 0
    for seed in range(100):
        found = concentration(np.random.default_rng(seed).lognormal(0, 1, 300), 200, seed).gini
        held += found.low <= 0.5205 <= found.high
    assert held >= 85  # percentile intervals of a skewed statistic fall a little short of 95
