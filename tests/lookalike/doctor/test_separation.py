"""Whether a seed can be told from the base: planted ones can, random ones cannot."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.lookalike.doctor.sample import draw_sample
from pipeline.lookalike.doctor.separation import auc_by_fold, held_out_scores, placements, separation


def judged(base, seed, **settings):
    return separation(draw_sample(base, seed, 20_000, 10_000, 0), **settings)


def drawn(base, size, seed, among=None):
    among = np.arange(len(base)) if among is None else np.flatnonzero(among)
    mask = np.zeros(len(base), dtype=bool)
    mask[np.random.default_rng(seed).permutation(among)[:size]] = True
    return mask


@pytest.mark.parametrize("size", [30, 120])
def test_random_seeds_cannot_be_told_from_the_base(base, size):
    told = [judged(base, drawn(base, size, i), random_state=i).told for i in range(100)]
    assert sum(told) <= 5


def test_p_values_of_random_seeds_are_uniform(base):
    p = np.array([judged(base, drawn(base, 40, i), n_shuffled=99, random_state=i).p_value for i in range(100)])
    assert 0.35 < p.mean() < 0.65
    assert 10 <= (p <= 0.25).sum() <= 40


@pytest.mark.parametrize("size", [20, 60, 120])
def test_a_planted_group_is_told_also_by_few_of_its_members(base, planted, size):
    told = [judged(base, drawn(base, size, i, planted)).told for i in range(10)]
    assert sum(told) >= 9


def test_the_figures_of_a_planted_group(base, planted):
    found = judged(base, planted)
    assert found.p_value == 1 / 200
    assert 0.85 < found.low < found.auc < found.high < 1
    assert found.shuffled[0] == pytest.approx(0.5, abs=0.02)
    assert found.shuffled[0] < found.shuffled[1] < 0.65
    assert (found.n_seed, found.n_base, found.n_shuffled) == (120, 680, 199)


def test_the_interval_holds_the_mean_of_other_seeds_of_the_kind(base, planted):
    found = [judged(base, drawn(base, 60, i, planted), n_shuffled=1) for i in range(20)]
    mean = np.mean([one.auc for one in found])
    assert sum(one.low <= mean <= one.high for one in found) >= 17


def test_nobody_s_score_depends_on_whether_it_is_in_the_seed(base, planted):
    sample = draw_sample(base, planted, 20_000, 10_000, 0)
    other = sample.seed.copy()
    other[7] = ~other[7]
    labels = np.column_stack([sample.seed, other])
    scores = held_out_scores(sample.Z, labels, sample.fold)
    # The strength of the regularisation is shared by all labelings, so that only the contrast differs.
    same_fold = sample.fold == sample.fold[7]
    np.testing.assert_allclose(scores[same_fold, 0], scores[same_fold, 1], rtol=1e-9)
    assert (np.abs(scores[~same_fold, 0] - scores[~same_fold, 1]) > 1e-9).any()


def test_area_and_placements_agree_with_a_second_implementation():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 9, (60, 3)).astype(float), rng.random((60, 3)) < 0.3
    one = np.zeros(60, dtype=np.int64)
    expected = [roc_auc_score(labels[:, i], scores[:, i]) for i in range(3)]
    np.testing.assert_allclose(auc_by_fold(scores, labels, one), expected)
    placed = placements(scores, labels[:, 0], one)
    assert placed[:, 0].mean() == pytest.approx(expected[0])


def test_pairs_of_different_folds_are_not_compared():
    scores = np.array([[0.0], [1.0], [10.0], [11.0]])
    labels = np.array([[False], [True], [False], [True]])
    assert auc_by_fold(scores, labels, np.array([0, 0, 1, 1])).tolist() == [1.0]
    assert auc_by_fold(scores, labels, np.zeros(4, dtype=np.int64)).tolist() == [0.75]


def test_a_sample_of_the_base_holds_all_members_and_equal_folds(base, planted):
    sample = draw_sample(base, planted, 200, 10_000, 0)
    assert sample.seed.sum() == 120
    assert (~sample.seed).sum() == 200
    assert np.bincount(sample.fold[sample.seed]).tolist() == [12] * 10
    assert draw_sample(base, planted, 200, 50, 0).seed.sum() == 50
