"""Two classifiers and the nearest seeds as one rank; what all rankings keep to is in test_contract."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import roc_auc_score

from pipeline.errors import ModelError
from pipeline.lookalike.methods import Blended, Classifier, Reranked
from pipeline.lookalike.methods.ranks import share_below
from pipeline.lookalike.neighbours import nearest_seeds
from pipeline.lookalike.population import Base


def fitted(town, kept, **settings):
    return Blended(**settings).fit(town.base, kept)


def rescored(ranker, town, X, vectors=None):
    return ranker.score(with_columns(town, X, vectors))


def with_columns(town, X, vectors=None, n_dense=2):
    names = np.array([f"x{i}" for i in range(X.shape[1])])
    return Base(town.ids, sp.csr_matrix(X), town.vectors if vectors is None else vectors, names, n_dense)


@pytest.fixture(scope="module")
def ranker(town, kept):
    return fitted(town, kept)


@pytest.fixture(scope="module")
def scores(town, ranker):
    return ranker.score(town.base)


def test_scores_lie_between_0_and_1_and_order_everyone(scores):
    assert ((scores > 0) & (scores < 1)).all()
    assert len(np.unique(scores)) > 0.9 * len(scores)


@pytest.mark.parametrize("in_seed", [True, False])
def test_nobody_is_scored_by_a_classifier_that_was_trained_on_it(town, kept, in_seed):
    customer = np.flatnonzero(kept == in_seed)[0]
    mark = sp.lil_matrix((len(town.ids), 1))
    mark[customer, 0] = 5.0  # a token that nobody else has: a classifier that saw the customer knows it
    marked = sp.hstack([town.X, mark]).tocsr()
    blank = sp.hstack([town.X, sp.csr_matrix(mark.shape)]).tocsr()
    ranker = Blended().fit(with_columns(town, marked), kept)
    weights = [abs(tokens.coef_[0, -1]) for tokens, _ in ranker.classifiers_.models_]
    assert sorted(w > 0.01 for w in weights) == [False, True, True, True, True]
    one = np.array([customer])
    with_mark, without = (ranker.score(with_columns(town, X).rows(one)) for X in (marked, blank))
    assert with_mark == without


def test_training_is_bounded_and_the_untrained_are_scored_too(town, kept):
    ranker = fitted(town, kept, base_sample=100, max_seeds=20)
    assert len(ranker.classifiers_.folds_.ids) == 100 + kept.sum()
    assert set(town.ids[kept]) <= set(ranker.classifiers_.folds_.ids)
    assert len(ranker.nearest_.index_.ids_) == 20
    found = ranker.score(town.base)
    rest = ~kept
    assert roc_auc_score(town.planted[rest], found[rest]) > 0.9
    assert len(np.unique(found)) > 0.95 * len(found)


def test_only_the_nearest_share_is_ranked_again(town, kept, scores):
    found = fitted(town, kept, candidates_share=0.25).score(town.base)
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
    base = with_columns(town, X.tocsr(), vectors)
    found = Blended().fit(base, kept).score(base)
    assert found[silent].max() < np.quantile(found[kept], 0.25)


def test_the_scale_of_a_dense_column_does_not_matter(town, kept, scores):
    X = sp.csr_matrix(town.X @ sp.diags(np.r_[1000.0, 0.01, np.ones(town.X.shape[1] - 2)]))
    again = Blended().fit(with_columns(town, X), kept).score(with_columns(town, X))
    np.testing.assert_allclose(again, scores, atol=1e-3)


def test_a_value_far_beyond_what_was_fitted_says_no_more_than_a_large_one(town, ranker):
    found = []
    for value in (1e6, 1e9):
        X = town.X.copy()
        X[0, 0] = value
        found.append(rescored(ranker, town, X)[0])
    assert found[0] == found[1]


def test_a_constant_dense_column_is_harmless(town, kept):
    X = sp.hstack([np.ones((len(town.ids), 1)), town.X]).tocsr()
    base = with_columns(town, X, n_dense=3)
    found = Blended().fit(base, kept).score(base)
    assert np.isfinite(found).all()


def test_what_is_beyond_the_reference_is_still_ordered():
    values = np.array([-9.0, -2.0, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0, 50.0])
    ranks = share_below(values, np.array([0.0, 1.0, 1.0, 2.0]))
    assert (np.diff(ranks) >= 0).all()
    assert len(np.unique(ranks)) == 8
    assert ((ranks > 0) & (ranks < 1)).all()
    assert ranks[[2, 4, 6]].tolist() == [1 / 8, 1 / 2, 7 / 8]  # middle of the places that equals share


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"k": 0}, "k=0; it must be at least 1"),
        ({"candidates_share": 0}, r"candidates_share=0; it must be in \(0, 1\]"),
        ({"C": -1}, "C=-1; it must be above 0"),
        ({"n_folds": 1}, "n_folds=1; it must be from 2 to 10"),
        ({"base_sample": 3}, "base_sample=3; it must be at least 10"),
        ({"max_seeds": 1}, "max_seeds=1; it must be at least 2"),
        ({"neighbour_weight": -1}, "neighbour_weight=-1; it must be at least 0"),
    ],
)
def test_impossible_settings_are_named(town, kept, setting, message):
    with pytest.raises(ModelError, match=message):
        fitted(town, kept, **setting)


def test_the_classifier_and_the_reranked_are_settings_of_the_blended(town, kept):
    pairs = (
        (Classifier(), Blended(neighbour_weight=0)),
        (Reranked(0.4), Blended(neighbour_weight=0, candidates_share=0.4)),
    )
    for one, other in pairs:
        np.testing.assert_array_equal(
            one.fit(town.base, kept).score(town.base), other.fit(town.base, kept).score(town.base)
        )


def test_the_prior_of_a_fitted_ranking_is_that_of_the_planted_group(town, kept):
    prior = Blended().fit(town.base, kept).prior_
    assert prior.low <= 60 / 540 <= prior.high
    assert (prior.n_seed, prior.n_base) == (60, 540)
