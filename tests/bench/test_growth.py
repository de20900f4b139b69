from __future__ import annotations

import numpy as np
import pytest

from tests.bench.growth import growth


def test_an_exact_power_law_gives_its_exponent_and_no_width():
    found = growth([1.0, 10.0, 100.0], [3.0, 3.0 * 10**1.5, 3.0 * 100**1.5])
    assert (found.exponent, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))


def test_the_interval_holds_the_true_exponent_about_as_often_as_it_says():
    chance = np.random.default_rng(0)
    sizes = np.repeat([2.0, 20.0, 200.0], 3)
    held = 0
    for _ in range(400):
        found = growth(list(sizes), list(5 * sizes**1.1 * np.exp(chance.normal(0, 0.2, len(sizes)))))
        held += found.low <= 1.1 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_two_sizes_and_costs_of_nothing_are_refused():
    with pytest.raises(ValueError, match="three different sizes"):
        growth([1.0, 2.0, 2.0], [1.0, 2.0, 2.1])
    with pytest.raises(ValueError, match="above 0"):
        growth([1.0, 2.0, 3.0], [1.0, 0.0, 2.0])
