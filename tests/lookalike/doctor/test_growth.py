"""What twice the seed would bring: exact curves are read back, noise is admitted."""

import numpy as np
import pytest

from pipeline.lookalike.doctor.growth import SHARES, growth, twice_the_seed
from pipeline.lookalike.doctor.sample import draw_sample
from pipeline.lookalike.doctor.separation import auc_by_fold, held_out_scores
from tests.lookalike.doctor.conftest import make_base

N_SHARES = np.array(SHARES)


def read(aucs, error, luck=0.0):
    return twice_the_seed(np.array(aucs), error**2 * np.eye(4), luck, np.random.default_rng(0))


@pytest.mark.parametrize(("gap", "exponent"), [(0.05, 1.0), (0.1, 0.5), (0.02, 1.5)])
def test_an_exact_curve_is_read_back(gap, exponent):
    gain, low, high, _, _ = read(0.8 + gap * (1 - N_SHARES**-exponent), error=0.0005)
    truth = gap * (1 - 2**-exponent)
    assert low <= truth <= high
    assert gain == pytest.approx(truth, rel=0.2)


def test_a_flat_curve_promises_nothing():
    gain, low, high, p_worth, limit = read([0.8] * 4, error=0.001)
    assert low <= 0.001
    assert gain < high < 0.01
    assert p_worth < 0.05
    assert limit >= 0.8


def test_a_steep_curve_promises_more():
    gain, low, _, p_worth, _ = read([0.6, 0.7, 0.75, 0.78], error=0.002)
    assert p_worth > 0.95
    assert 0.02 < low < gain < 0.08


def test_noise_larger_than_the_gain_widens_the_interval_and_is_not_hidden():
    _, low, high, p_worth, _ = read([0.79, 0.80, 0.80, 0.80], error=0.03)
    assert high - low > 0.02
    assert 0.05 < p_worth < 0.95


def test_luck_of_who_comes_lets_the_gain_be_negative():
    _, low, high, _, _ = read([0.8] * 4, error=0.001, luck=0.01**2)
    assert low == pytest.approx(-0.018, abs=0.004)
    assert high == pytest.approx(0.022, abs=0.004)


def test_errors_that_all_sizes_share_do_not_blur_the_gain():
    aucs, shared = 0.8 + 0.05 * (1 - 1 / N_SHARES), np.full((4, 4), 0.03**2)
    together = twice_the_seed(aucs, shared + 1e-8 * np.eye(4), 0.0, np.random.default_rng(0))
    apart = twice_the_seed(aucs, 0.03**2 * np.eye(4), 0.0, np.random.default_rng(0))
    assert together[2] - together[1] < 0.5 * (apart[2] - apart[1])


@pytest.fixture(scope="module")
def hard():
    """Many who like many items a little: a group that takes members to be learnt."""
    liking = np.full((1500, 60), 0.4)
    liking[:500, ::2] = 0.6
    return make_base(liking, seed=2)


def test_the_interval_holds_what_twice_the_seed_really_brings(hard):
    sample = draw_sample(hard, np.arange(1500) < 500, 20_000, 10_000, 0)
    Z = np.empty_like(sample.Z)
    Z[sample.rows] = sample.Z
    rng = np.random.default_rng(0)

    def auc(members, tested):
        labels = np.zeros((1500, 1), dtype=bool)
        labels[members] = True
        scores = held_out_scores(Z, labels, rng.integers(0, 10, 1500))
        rows = np.r_[tested, np.arange(500, 1500)]
        return auc_by_fold(scores[rows], (rows < 500)[:, None], np.zeros(len(rows), dtype=np.int64))[0]

    held, rises = 0, []
    for i in range(12):
        order = rng.permutation(500)
        seed = np.zeros(1500, dtype=bool)
        seed[order[:80]] = True
        found = growth(draw_sample(hard, seed, 20_000, 10_000, i), i)
        truth = auc(order[:160], order[160:]) - auc(order[:80], order[160:])
        held += found.low <= truth <= found.high
        rises.append(found.points[-1].auc - found.points[0].auc)
    assert held >= 9
    assert np.mean(rises) > 0.01


def test_the_points_are_at_quarters_of_the_seed(base, planted):
    found = growth(draw_sample(base, planted, 20_000, 10_000, 0))
    assert [point.n for point in found.points] == [30, 60, 90, 120]
    assert all(point.low < point.auc < point.high for point in found.points)
    assert found.says in ("little", "unknown")
    assert found.points[-1].auc == pytest.approx(0.9, abs=0.08)
