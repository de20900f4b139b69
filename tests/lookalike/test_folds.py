"""Who trains which classifier: the same in every bucket and order, and in equal shares."""

from __future__ import annotations

import numpy as np

from pipeline.lookalike.folds import draw_folds

IDS = np.array([f"c{i:04d}" for i in range(1000)])
SEED = np.arange(1000) < 23


def test_each_fold_holds_its_share_of_seed_and_base():
    rows, folds = draw_folds(IDS, SEED, base_sample=100, n_folds=5, salt="s")
    assert SEED[rows].sum() == 23
    assert len(rows) == 123
    for mask in (SEED[rows], ~SEED[rows]):
        sizes = np.bincount(folds.fold_of_trained[mask], minlength=5)
        assert sizes.max() - sizes.min() <= 1


def test_the_order_of_customers_does_not_matter():
    order = np.random.default_rng(0).permutation(1000)
    rows, folds = draw_folds(IDS, SEED, 100, 5, "s")
    mixed_rows, mixed = draw_folds(IDS[order], SEED[order], 100, 5, "s")
    assert IDS[rows].tolist() == IDS[order][mixed_rows].tolist() == folds.ids.tolist()
    np.testing.assert_array_equal(folds.of(IDS)[order], mixed.of(IDS[order]))


def test_trained_customers_keep_their_fold_and_others_spread_evenly():
    rows, folds = draw_folds(IDS, SEED, 100, 5, "s")
    np.testing.assert_array_equal(folds.of(IDS[rows]), folds.fold_of_trained)
    strangers = folds.of(np.array([f"new{i}" for i in range(2000)]))
    assert np.bincount(strangers, minlength=5).min() > 340
    assert folds.of(IDS[:0]).shape == (0,)


def test_another_salt_draws_others():
    chosen = [set(draw_folds(IDS, SEED, 100, 5, salt)[0]) for salt in "ab"]
    assert len(chosen[0] ^ chosen[1]) > 50
