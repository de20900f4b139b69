import numpy as np
import pytest
from scipy.stats import binom

from pipeline.model.certification import certify, gather
from pipeline.model.multiplicity import Levels, attribute_levels, catalogue_level

N_WORLDS = 400


def slack(rate):
    return 3 * np.sqrt(rate * (1 - rate) / N_WORLDS)


def random_evidence(rng, n=150):
    score = rng.uniform(0.4, 1, n)
    return score, rng.random(n) < score ** rng.uniform(0.3, 1.2)


def test_the_p_value_is_the_smallest_delta_that_certifies():
    rng = np.random.default_rng(0)
    told = []
    for _ in range(60):
        score, correct = random_evidence(rng)
        p = gather(score, correct, 0.8).p_value
        told.append(p)
        if p < 0.99:
            assert certify(score, correct, 0.8, 1 - min(0.999, p * 1.0001)).certified
        if 1e-12 < p < 1:
            assert not certify(score, correct, 0.8, 1 - p * 0.9999).certified
    assert 0.1 < np.mean(np.array(told) < 0.1) < 0.9  # both kinds of evidence were met


def test_more_delta_never_certifies_less_nor_a_higher_threshold():
    rng = np.random.default_rng(1)
    for _ in range(60):
        score, correct = random_evidence(rng)
        thresholds = [certify(score, correct, 0.8, 1 - delta).threshold for delta in (0.001, 0.01, 0.05, 0.1, 0.3)]
        as_numbers = [np.inf if t is None else t for t in thresholds]
        assert as_numbers == sorted(as_numbers, reverse=True)


def test_holm_hands_on_the_level_of_a_walk_that_has_ended_and_of_no_other():
    def all_right(n, score=0.95):
        return gather(np.full(n, score), np.ones(n, dtype=bool), 0.8)

    # 0.8**99 is far below any level: this walk reaches the end of the grid.
    np.testing.assert_allclose(attribute_levels([all_right(99), all_right(3)], 0.1), [0.05, 0.1])
    # 40 right from 0.9 on, but wrong from 0.7 on: certified, and its walk stops half way: it keeps its level.
    score, correct = np.repeat([0.95, 0.7], [40, 40]), np.repeat([True, False], [40, 40])
    half_way = gather(score, correct, 0.8)
    assert half_way.certificate(0.05).certified
    np.testing.assert_allclose(attribute_levels([half_way, all_right(3)], 0.1), [0.05, 0.05])
    np.testing.assert_allclose(attribute_levels([all_right(99), all_right(99)], 0.1), [0.05, 0.05])
    assert attribute_levels([], 0.1).tolist() == []


def test_the_catalogues_level_is_that_of_benjamini_and_yekutieli_by_hand():
    # m = 4: harmonic sum 25/12; bounds 0.012, 0.024, 0.036, 0.048. The third p-value is above its own, the fourth not.
    assert catalogue_level([0.001, 0.02, 0.04, 0.047], 0.1) == pytest.approx(0.048)
    assert catalogue_level([0.001, 0.02, 0.04, 0.05], 0.1) == pytest.approx(0.024)
    assert catalogue_level([], 0.1) == 0


def test_a_level_of_nothing_certifies_nothing():
    found = gather(np.full(10_000, 0.95), np.ones(10_000, dtype=bool), 0.8)
    assert not found.certificate(0.0).certified
    assert Levels(0.1, 0.05, 0.01).passed(0.03) == {"value": True, "attribute": True, "catalogue": False}
    assert Levels(0.1, 0.05, 0.0).passed(found.p_value)["catalogue"] is False


def worlds(n_values, n_good, seed, shared=0.0, n_worlds=N_WORLDS):
    """Yield evidence of values whose precision at any threshold is 0.799, after `n_good` ones with 0.98.

    `shared`: share of the customers who are right for all values or wrong for all: what attributes of the same
    customers may be.
    """
    rng = np.random.default_rng(seed)
    n = 120
    precision = np.repeat([0.98, 0.799], [n_good, n_values - n_good])
    for _ in range(n_worlds):
        luck = np.where(rng.random(n) < shared, rng.random(n), rng.random((n_values, n)))
        score = rng.uniform(0.5, 1, n)
        yield [gather(score, luck[i] < precision[i], 0.8) for i in range(n_values)]


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_in_an_attribute_any_threshold_is_too_low_in_at_most_a_tenth_of_worlds(shared):
    wrong = alone = right = 0
    for evidence in worlds(6, 1, 0, shared):
        levels = attribute_levels(evidence, 0.1)
        certified = [found.certificate(level).certified for found, level in zip(evidence, levels, strict=True)]
        wrong += any(certified[1:])
        right += certified[0]
        alone += any(found.certificate(0.1).certified for found in evidence[1:])
    assert wrong / N_WORLDS <= 0.1 + slack(0.1)
    assert right / N_WORLDS > 0.9
    if not shared:
        assert alone / N_WORLDS > 0.2  # each by itself, as by default: the correction is needed


def test_textbook_holm_would_break_the_promise_where_level_is_left_to_be_spent():
    # Two values whose first hypothesis holds by far and whose lower thresholds are all too low by a hair.
    rng = np.random.default_rng(3)
    grid_start, textbook, ours = 0.9, 0, 0
    for _ in range(N_WORLDS):
        evidence = []
        for _ in range(2):
            sure = rng.random(40) < 0.9999
            # Together with the 40 right ones, precision from 0.88 on is 0.799: (40 + 0.6985 n) / (40 + n) for n = 40.
            low = rng.random(40) < 0.598
            score = np.concatenate([np.full(40, 0.95), np.full(40, 0.89)])
            evidence.append(gather(score, np.concatenate([sure, low]), 0.8))
        both = [found.certificate(0.1).threshold for found in evidence]
        textbook += any(t is not None and t < grid_start - 0.01 for t in both)  # the second is tested at all of delta
        levels = attribute_levels(evidence, 0.1)
        kept = [f.certificate(level).threshold for f, level in zip(evidence, levels, strict=True)]
        ours += any(t is not None and t < grid_start - 0.01 for t in kept)
    assert ours / N_WORLDS <= 0.1 + slack(0.1)
    assert ours < textbook


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_of_a_catalogues_certificates_at_most_a_tenth_is_wrong_on_average(shared):
    false_share, alone, found_good = [], [], []
    for evidence in worlds(40, 15, 5, shared, 200):
        level = catalogue_level([found.p_value for found in evidence], 0.1)
        certified = np.array([found.certificate(level).certified for found in evidence])
        false_share.append(certified[15:].sum() / max(1, certified.sum()))
        found_good.append(certified[:15].mean())
        by_itself = np.array([found.certificate(0.1).certified for found in evidence])
        alone.append(by_itself[15:].sum() / max(1, by_itself.sum()))
    assert np.mean(false_share) <= 0.1
    assert np.mean(found_good) > 0.5
    assert np.mean(alone) > 2 * np.mean(false_share)


def test_a_catalogue_of_nothing_but_wrong_values_certifies_any_in_at_most_a_tenth_of_worlds():
    # With all hypotheses true, every certificate is wrong, and the false discovery rate is the chance of any.
    found = [catalogue_level([e.p_value for e in evidence], 0.1) > 0 for evidence in worlds(30, 0, 9)]
    assert np.mean(found) <= 0.1 + slack(0.1)


def test_the_null_of_one_value_is_rejected_no_more_often_than_its_p_value_says():
    rng = np.random.default_rng(11)
    told = [gather(rng.uniform(0.4, 1, 80), rng.random(80) < 0.8, 0.8).p_value for _ in range(1000)]
    for delta in (0.02, 0.1, 0.3):
        assert np.mean(np.array(told) <= delta) <= binom.ppf(0.999, 1000, delta) / 1000
