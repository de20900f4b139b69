import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.nonresponse.estimation import corrected_shares, effective_answers, naive_shares


def test_the_naive_interval_is_wilsons():
    found = naive_shares(np.array([0] * 7 + [1] * 13), 3)
    for position, n in enumerate((7, 13, 0)):
        exact = binomtest(n, 20).proportion_ci(0.95, "wilson")
        assert found.share[position] == n / 20
        assert (found.low[position], found.high[position]) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_with_equal_propensities_and_no_knowledge_it_is_the_count():
    y, answered = np.arange(400) % 4 == 0, np.arange(400) < 200
    found = corrected_shares(answered, y.astype(int), np.full((400, 2), 0.5), np.full(400, 0.5))
    assert found.share == pytest.approx([0.75, 0.25])
    # 200 answers of a variance of 3/16: a standard error of 0.0306
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.0306, abs=1e-3)


def test_shares_of_all_values_sum_to_1(planted):
    world = planted(0)
    proba = np.random.default_rng(0).dirichlet([1, 1], len(world.y))
    found = corrected_shares(world.answered, world.y, proba, world.propensity)
    assert found.share.sum() == pytest.approx(1)


@pytest.mark.parametrize("wrong", ["propensity", "proba"])
def test_one_right_model_is_enough(planted, wrong):
    world = planted(1, n=40_000)
    truth, answered = world.y.mean(), world.answered
    yes = world.chance
    proba = np.full((len(yes), 2), 0.5) if wrong == "proba" else np.column_stack([1 - yes, yes])
    propensity = np.full(len(yes), answered.mean()) if wrong == "propensity" else world.propensity
    assert abs(naive_shares(world.y[answered], 2).share[1] - truth) > 0.08
    assert corrected_shares(answered, world.y, proba, propensity).share[1] == pytest.approx(truth, abs=0.015)
    both_wrong = corrected_shares(
        answered, world.y, np.full((len(yes), 2), 0.5), np.full(len(yes), answered.mean())
    ).share[1]
    assert abs(both_wrong - truth) > 0.08


def test_unequal_weights_are_worth_fewer_answers():
    assert effective_answers(np.full(9, 0.3)) == pytest.approx(9)
    assert effective_answers(np.array([1.0, 1.0, 0.5])) == pytest.approx(16 / 6)
