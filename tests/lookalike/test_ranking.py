"""Who resembles a seed: the laws of the ranker."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.neighbours import nearest_seeds
from pipeline.lookalike.ranking import SeedRanker, _share_below


def fitted(town, kept, **settings):
    return SeedRanker(**settings).fit(town.X, town.vectors, kept, town.ids, n_dense=town.n_dense)


@pytest.fixture(scope="module")
def ranker(town, kept):
    return fitted(town, kept)


@pytest.fixture(scope="module")
def scores(town, ranker):
    return ranker.score(town.X, town.vectors, town.ids)


def test_a_planted_group_is_found(town, kept, scores):
    rest = ~kept
    assert roc_auc_score(town.planted[rest], scores[rest]) > 0.93
    best = np.argsort(-scores[rest])[:30]
    assert town.planted[rest][best].mean() > 0.7  # a random choice holds 0.11


def test_scores_lie_between_0_and_1_and_order_everyone(scores):
    assert ((scores > 0) & (scores < 1)).all()
    assert len(np.unique(scores)) > 0.9 * len(scores)


def test_the_same_settings_give_the_same_scores_and_another_random_state_others(town, kept, scores):
    again = fitted(town, kept).score(town.X, town.vectors, town.ids)
    np.testing.assert_array_equal(scores, again)
    other = fitted(town, kept, random_state=1).score(town.X, town.vectors, town.ids)
    assert not np.array_equal(scores, other)
    assert np.corrcoef(scores, other)[0, 1] > 0.95


def test_shuffled_rows_give_the_same_scores(town, kept, scores):
    order = np.random.default_rng(5).permutation(len(town.ids))
    mixed = town.rows(order)
    again = fitted(mixed, kept[order]).score(mixed.X, mixed.vectors, mixed.ids)
    np.testing.assert_allclose(again, scores[order], atol=1e-6)


def test_buckets_scored_one_by_one_give_what_the_whole_gives(town, ranker, scores):
    for bucket in np.array_split(np.arange(len(town.ids)), 7):
        part = town.rows(bucket)
        np.testing.assert_allclose(ranker.score(part.X, part.vectors, part.ids), scores[bucket], atol=1e-6)


def test_a_second_fit_forgets_the_first(town, kept, scores):
    ranker = fitted(town, ~town.planted & (np.arange(len(kept)) % 3 == 0))
    ranker.fit(town.X, town.vectors, kept, town.ids, n_dense=town.n_dense)
    np.testing.assert_array_equal(ranker.score(town.X, town.vectors, town.ids), scores)


@pytest.mark.parametrize("in_seed", [True, False])
def test_nobody_is_scored_by_a_classifier_that_was_trained_on_it(town, kept, in_seed):
    customer = np.flatnonzero(kept == in_seed)[0]
    mark = sp.lil_matrix((len(town.ids), 1))
    mark[customer, 0] = 5.0  # a token that nobody else has: a classifier that saw the customer knows it
    marked = sp.hstack([town.X, mark]).tocsr()
    blank = sp.hstack([town.X, sp.csr_matrix(mark.shape)]).tocsr()
    ranker = SeedRanker().fit(marked, town.vectors, kept, town.ids, n_dense=town.n_dense)
    weights = [abs(tokens.coef_[0, -1]) for tokens, _ in ranker.models_]
    assert sorted(w > 0.01 for w in weights) == [False, True, True, True, True]
    one = slice(customer, customer + 1)
    with_mark, without = (ranker.score(X[one], town.vectors[one], town.ids[one]) for X in (marked, blank))
    assert with_mark == without


def test_training_is_bounded_and_the_untrained_are_scored_too(town, kept):
    ranker = fitted(town, kept, base_sample=100, max_seeds=20)
    assert len(ranker.folds_.ids) == 100 + kept.sum()
    assert set(town.ids[kept]) <= set(ranker.folds_.ids)
    assert len(ranker.index_.ids_) == 20
    found = ranker.score(town.X, town.vectors, town.ids)
    rest = ~kept
    assert roc_auc_score(town.planted[rest], found[rest]) > 0.9
    assert len(np.unique(found)) > 0.95 * len(found)


def test_only_the_nearest_share_is_ranked_again(town, kept, scores):
    found = fitted(town, kept, candidates_share=0.25).score(town.X, town.vectors, town.ids)
    near = nearest_seeds(town.vectors, town.ids, town.vectors[kept], town.ids[kept])
    base = np.flatnonzero(~kept)
    by_neighbours = base[np.argsort(-near[base], kind="stable")]
    first, last = by_neighbours[: len(base) // 4 - 1], by_neighbours[len(base) // 4 + 1 :]
    assert found[first].min() > found[last].max()
    np.testing.assert_array_equal(np.argsort(found[first]), np.argsort(scores[first]))
    assert (np.diff(found[last]) <= 0).all()


def test_customers_without_behaviour_are_scored_low_not_refused(town, kept):
    X, vectors = town.X.tolil(), town.vectors.copy()
    silent = np.flatnonzero(~town.planted)[:5]
    X[silent, town.n_dense :] = 0
    vectors[silent] = 0
    ranker = SeedRanker().fit(X.tocsr(), vectors, kept, town.ids, n_dense=town.n_dense)
    found = ranker.score(X.tocsr(), vectors, town.ids)
    assert found[silent].max() < np.quantile(found[kept], 0.25)


def test_the_scale_of_a_dense_column_does_not_matter(town, kept, scores):
    X = sp.csr_matrix(town.X @ sp.diags(np.r_[1000.0, 0.01, np.ones(town.X.shape[1] - 2)]))
    again = SeedRanker().fit(X, town.vectors, kept, town.ids, n_dense=2).score(X, town.vectors, town.ids)
    np.testing.assert_allclose(again, scores, atol=1e-3)


def test_a_value_far_beyond_what_was_fitted_says_no_more_than_a_large_one(town, ranker):
    one, found = town.rows(np.arange(1)), []
    for value in (1e6, 1e9):
        X = one.X.copy()
        X[0, 0] = value
        found.append(ranker.score(X, one.vectors, one.ids)[0])
    assert found[0] == found[1]


def test_a_ranker_survives_being_sent_to_another_process(town, ranker, scores):
    again = pickle.loads(pickle.dumps(ranker))
    np.testing.assert_array_equal(again.score(town.X, town.vectors, town.ids), scores)


def test_a_constant_dense_column_is_harmless(town, kept):
    X = sp.hstack([np.ones((len(town.ids), 1)), town.X]).tocsr()
    found = SeedRanker().fit(X, town.vectors, kept, town.ids, n_dense=3).score(X, town.vectors, town.ids)
    assert np.isfinite(found).all()


def test_what_is_beyond_the_reference_is_still_ordered():
    values = np.array([-9.0, -2.0, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0, 50.0])
    ranks = _share_below(values, np.array([0.0, 1.0, 1.0, 2.0]))
    assert (np.diff(ranks) >= 0).all()
    assert len(np.unique(ranks)) == 8
    assert ((ranks > 0) & (ranks < 1)).all()
    assert ranks[[2, 4, 6]].tolist() == [1 / 8, 1 / 2, 7 / 8]  # middle of the places that equals share


# ---- what is refused


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"k": 0}, "k=0; it must be at least 1"),
        ({"candidates_share": 0}, r"candidates_share=0; it must be in \(0, 1\]"),
        ({"C": -1}, "C=-1; it must be above 0"),
        ({"n_folds": 1}, "n_folds=1; it must be from 2 to 10"),
        ({"base_sample": 3}, "base_sample=3; it must be at least 10"),
    ],
)
def test_impossible_settings_are_named(town, kept, setting, message):
    with pytest.raises(ModelError, match=message):
        fitted(town, kept, **setting)


def test_unusable_seeds_are_refused(town, kept):
    few, all_ = np.zeros_like(kept), np.ones_like(kept)
    few[:9] = True
    for mask, message in ((few, "9 members and 591 other"), (all_, "600 members and 0 other")):
        with pytest.raises(DataError, match=message):
            fitted(town, mask)
    with pytest.raises(DataError, match=r"mask of int64 \(60,\), needed is one of bool \(600,\)"):
        fitted(town, np.flatnonzero(kept))


def test_inputs_that_do_not_fit_are_refused(town, kept, ranker):
    with pytest.raises(DataError, match="600 rows of features, 599 vectors and 600 ids"):
        ranker.score(town.X, town.vectors[1:], town.ids)
    with pytest.raises(ModelError, match="fitted on 62 columns and vectors of 24, found 61 and 24"):
        ranker.score(town.X[:, 1:], town.vectors, town.ids)
    with pytest.raises(ModelError, match="not fitted"):
        SeedRanker().score(town.X, town.vectors, town.ids)
    broken = town.X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(DataError, match=r"1 feature columns hold NaN .*first: column 1"):
        SeedRanker().fit(broken, town.vectors, kept, town.ids)
    with pytest.raises(DataError, match="ids occur more than once"):
        SeedRanker().fit(town.X, town.vectors, kept, np.repeat(town.ids[::2], 2))
