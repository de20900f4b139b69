import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.market.money import Measured, money, response_of


def test_with_nothing_uncertain_it_is_the_product():
    found = money(Measured.certain(200), 0.1, Measured.certain(3.0))
    assert (found.total.mean, found.total.low, found.total.high) == pytest.approx((60, 60, 60))
    assert set(found.due_to.values()) == {0.0}


def test_the_interval_of_a_product_of_normals_is_that_of_the_delta_method():
    people, value = Measured(1000, 902, 1098), Measured(20.0, 18.04, 21.96)  # 5 % each
    found = money(people, 0.5, value)
    spread = (found.total.high - found.total.low) / found.total.mean
    assert spread == pytest.approx(2 * 1.96 * np.hypot(0.05, 0.05), rel=0.03)
    assert found.due_to["people"] == pytest.approx(0.5, abs=0.03)


def test_few_contacted_carry_the_uncertainty():
    found = money(Measured(1000, 990, 1010), response_of(2, 40), Measured(20.0, 19.9, 20.1))
    assert found.due_to["response"] > 0.99
    assert found.total.low < 1000 * 20 * 0.05 < found.total.high


def test_the_interval_covers_the_truth_when_everything_was_measured():
    rng = np.random.default_rng(0)
    held = 0
    for run in range(200):
        value = rng.gamma(2.0, 10.0, 300)
        error = 1.96 * value.std(ddof=1) / np.sqrt(300)
        measured = Measured(value.mean(), value.mean() - error, value.mean() + error)
        people = rng.normal(1000, 30)
        asked = response_of(int(rng.binomial(400, 0.08)), 400)
        found = money(Measured(people, people - 1.96 * 30, people + 1.96 * 30), asked, measured, run).total
        held += found.low <= 1000 * 0.08 * 20 <= found.high
    assert held >= 184  # 95 % of 200, less two standard deviations


@pytest.mark.parametrize("asked", [(5, 4), (-1, 10), (0, 0)])
def test_impossible_responses_are_refused(asked):
    with pytest.raises(ConfigError, match="responders"):
        response_of(*asked)
