import numpy as np
import pytest
from scipy.stats import binom

from pipeline.errors import ConfigError
from pipeline.model.certification import _plan, certify, clopper_pearson_lower, stated_values

N_WORLDS = 1000
SLACK = 3 * np.sqrt(0.1 * 0.9 / N_WORLDS)


def naive_threshold(score, correct):
    """The lowest threshold with an observed precision of 0.8: what certification must not be."""
    precise = [t for t in _plan(0.8, 0.1)[0] if (score >= t).any() and correct[score >= t].mean() >= 0.8]
    return min(precise, default=None)


@pytest.mark.parametrize("n", [60, 300, 2000])
def test_an_uninformative_score_just_below_the_precision_is_rarely_certified(n):
    rng = np.random.default_rng(n)
    wrong = naive = 0
    for _ in range(N_WORLDS):
        score, correct = rng.uniform(0.4, 1, n), rng.random(n) < 0.799
        wrong += certify(score, correct, 0.8, 0.9).certified
        naive += naive_threshold(score, correct) is not None
    assert wrong / N_WORLDS <= 0.1 + SLACK
    assert naive / N_WORLDS > 0.5  # the simulation does punish a rule that looks at the data too often


def test_a_score_that_is_precise_from_some_point_on_is_rarely_certified_below_it():
    # P(correct | s) = s for s uniform on (0.4, 1): the precision from t on is (1 + t) / 2, 0.8 at t = 0.6.
    rng = np.random.default_rng(1)
    found = []
    for _ in range(N_WORLDS):
        score = rng.uniform(0.4, 1, 600)
        found.append(certify(score, rng.random(600) < score).threshold)
    assert sum(t is not None and t < 0.6 - 1e-9 for t in found) / N_WORLDS <= 0.1 + SLACK
    assert sum(t is not None and t <= 0.7 for t in found) / N_WORLDS > 0.75  # and it does certify


def test_levels_at_the_outset_sum_to_delta_and_start_at_the_required_precision():
    for m in (0.5, 0.8, 0.9, 0.95, 0.99):
        grid, level = _plan(m, 0.1)
        assert level.sum() == pytest.approx(0.1)
        assert grid[level > 0].tolist() == pytest.approx([(1 + m) / 2, m])
        assert (np.diff(grid) < 0).all()
        assert grid[-1] == pytest.approx(m / 2, abs=(1 - m) / 10)
    np.testing.assert_allclose(_plan(0.8, 0.1)[0], np.arange(0.9, 0.39, -0.02))


def test_a_rejection_hands_its_level_down_and_a_failure_ends_the_walk():
    # 40 right from 0.9 on, then at 0.7 enough errors that 0.8 is not met from there on.
    score = np.repeat([0.95, 0.7], [40, 20])
    correct = np.repeat([True, False], [40, 20])
    found = certify(score, correct)
    assert found.threshold == pytest.approx(0.72)
    assert (found.n_accepted, found.n_correct) == (40, 40)
    # Its level alone (0.07) would not certify 14 of 15 (p = 0.167); 13 of 13 (p = 0.055) is.
    assert not certify(np.full(15, 0.85), np.arange(15) > 0).certified
    assert certify(np.full(13, 0.85), np.ones(13, dtype=bool)).certified


def test_a_certified_bound_is_never_below_the_required_precision():
    rng = np.random.default_rng(0)
    found = [certify(s := rng.uniform(0.4, 1, 300), rng.random(300) < s**0.3) for _ in range(50)]
    assert sum(c.certified for c in found) > 40
    assert all(c.lower_bound >= 0.8 for c in found if c.certified)


def test_clopper_pearson_inverts_the_binomial_test():
    bound = clopper_pearson_lower(45, 50, 0.9)
    assert binom.sf(44, 50, bound) == pytest.approx(0.1)
    assert np.isnan(clopper_pearson_lower(0, 0, 0.9))
    assert clopper_pearson_lower(0, 5, 0.9) == 0


def test_the_reason_says_what_is_missing():
    def reason(score, correct):
        return certify(np.array(score), np.array(correct, dtype=bool)).reason

    assert reason([], []) == "never the most probable value"
    assert reason([0.5], [1]) == "no probability reaches 0.80"
    assert reason([0.9] * 3, [1, 0, 0]) == "not precise enough: 1 of 3 right at 0.80"
    assert "too little evidence: 3 of 3 right" in reason([0.9] * 3, [1, 1, 1])
    assert reason([0.9] * 30, [1] * 30) == "certified"


@pytest.mark.parametrize("bad", [{"min_precision": 1.0}, {"confidence": 0.0}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ConfigError, match=f"{next(iter(bad))}=.*between 0 and 1"):
        certify(np.array([0.9]), np.array([True]), **bad)


def test_at_most_one_value_is_stated_and_only_the_most_probable():
    proba = np.array([[0.6, 0.4, 0.0], [0.2, 0.45, 0.35], [0.1, 0.1, 0.8]])
    assert stated_values(proba, [0.6, 0.5, 0.3]).tolist() == [0, -1, 2]
    assert stated_values(proba, [np.inf] * 3).tolist() == [-1] * 3
