import math

import numpy as np
import pytest

from pipeline.segment.activity.rhythm import fit_rhythm, pauses, weighted_quantiles
from tests.segment.activity.diary import diary

SHARES = (0.80, 0.95, 0.99)


def test_pauses_stay_within_a_customer():
    owner, length, ended = pauses(diary({"a": [1, 4, 5], "b": [2], "c": [3, 13]}))
    assert owner.tolist() == [0, 0, 2]
    assert length.tolist() == [3, 1, 10]
    assert ended.tolist() == [4, 5, 13]


def test_a_log_of_single_days_has_no_rhythm():
    assert fit_rhythm([diary({"a": [1], "b": [9]})], SHARES) is None
    assert fit_rhythm([], SHARES) is None


def test_regular_customers_of_two_kinds():
    """Weekly and monthly customers: each is usual by its own measure, the middle one is the geometric mean."""
    days = {f"w{i}": range(0, 280, 7) for i in range(20)} | {f"m{i}": range(0, 280, 28) for i in range(20)}
    found = fit_rhythm([diary(days)], SHARES)
    assert found.usual_days == pytest.approx(math.sqrt(7 * 28))
    assert found.longer == pytest.approx((1, 1, 1), abs=0.01)  # nobody ever stayed away longer than usual
    assert found.period_days == 28
    assert (found.n_pauses, found.n_customers) == (20 * 39 + 20 * 9, 40)


def test_buckets_do_not_matter():
    rng = np.random.default_rng(0)
    days = {f"c{i}": rng.choice(300, 12, replace=False) for i in range(30)}
    whole = fit_rhythm([diary(days)], SHARES)
    parts = [diary({k: v for k, v in days.items() if (k < "c2") == side}) for side in (True, False)]
    split = fit_rhythm(parts, SHARES)
    assert split.longer == pytest.approx(whole.longer)
    assert (split.usual_days, split.weight) == pytest.approx((whole.usual_days, whole.weight))


def test_customers_who_do_not_differ_are_told_by_all_alone():
    rng = np.random.default_rng(1)
    days = {f"c{i}": np.cumsum(rng.geometric(0.2, 6)) for i in range(400)}
    found = fit_rhythm([diary(days)], SHARES)
    assert found.weight > 15  # pauses of its own would have to outweigh
    usual = found.usual(np.array([5 * math.log(40.0)]), np.array([5]))
    assert usual[0] < 2 * found.usual_days


def test_the_variances_are_those_of_the_population():
    """Log pauses with variance 0.5 between and 1 within customers: one's own pauses weigh half of ... two of them."""
    rng = np.random.default_rng(2)
    days = {}
    for i in range(3000):
        usual = math.log(300) + rng.normal(0, math.sqrt(0.5))
        days[f"c{i}"] = np.cumsum(np.maximum(1, np.round(np.exp(usual + rng.normal(0, 1, 9)))).astype(int))
    found = fit_rhythm([diary(days)], SHARES)
    assert found.weight == pytest.approx(2, rel=0.15)
    assert found.usual_days == pytest.approx(300, rel=0.05)
    # a pause minus what eight others tell of it: normal, variance 1 + 0.5 * 2 / (2 + 8)
    assert math.log(found.longer[1]) == pytest.approx(1.645 * math.sqrt(1.1), rel=0.06)


def test_customers_count_alike_however_often_they_came():
    often = {"daily": range(0, 1000)}
    rare = {f"c{i}": [0, 50] for i in range(9)}
    assert fit_rhythm([diary(often | rare)], SHARES).period_days == 50
    assert fit_rhythm([diary(often | rare)], SHARES, period_days=7).period_days == 7


def test_weighted_quantiles_are_values_that_occur():
    values, weights = np.array([5.0, 1.0, 9.0]), np.array([1.0, 8.0, 1.0])
    assert weighted_quantiles(values, weights, (0.5, 0.8, 0.81, 0.99)).tolist() == [1, 1, 5, 9]
