"""The laws that every ranking keeps."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.methods import baselines, methods
from pipeline.lookalike.methods.contract import checked_weights

LEARNING = ["blended", "classifier", "reranked", "nearest", "clusters", "nearest_seed", "centroid"]


@pytest.fixture
def new():
    """Return an unfitted ranking by name."""
    return lambda name, state=0: {**methods(random_state=state), **baselines(state)}[name]


@pytest.fixture(scope="module", params=[*LEARNING, "random"])
def fitted(request, town, kept):
    ranker = {**methods(), **baselines()}[request.param].fit(town.base, kept)
    return request.param, ranker, ranker.score(town.base)


def test_a_planted_group_is_found(town, kept, fitted):
    name, _, scores = fitted
    auc = roc_auc_score(town.planted[~kept], scores[~kept])
    assert abs(auc - 0.5) < 0.1 if name == "random" else auc > 0.75


def test_fitted_again_it_gives_the_same_and_forgets_what_it_learnt(town, kept, fitted):
    _, ranker, scores = fitted
    other = ~town.planted & (np.arange(len(kept)) % 3 == 0)
    again = pickle.loads(pickle.dumps(ranker)).fit(town.base, other).fit(town.base, kept)
    np.testing.assert_array_equal(again.score(town.base), scores)


def test_the_order_of_rows_does_not_matter(town, kept, fitted, new):
    name, _, scores = fitted
    order = np.random.default_rng(5).permutation(len(kept))
    mixed = town.rows(order).base
    found = new(name).fit(mixed, kept[order]).score(mixed)
    np.testing.assert_allclose(found, scores[order], atol=2e-6, rtol=1e-4)


def test_buckets_scored_one_by_one_give_what_the_whole_gives(town, fitted):
    _, ranker, scores = fitted
    for bucket in np.array_split(np.arange(len(scores)), 7):
        np.testing.assert_allclose(ranker.score(town.base.rows(bucket)), scores[bucket], atol=2e-6, rtol=1e-4)


def test_it_survives_being_sent_to_another_process(town, fitted):
    _, ranker, scores = fitted
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ranker)).score(town.base), scores)


def test_a_member_gains_nothing_from_being_in_the_seed(town, kept, fitted):
    name, _, scores = fitted
    hidden = town.planted & ~kept
    below = np.array([(scores[hidden] < score).mean() for score in scores[kept]])
    assert abs(below.mean() - 0.5) < (0.05 if name == "centroid" else 0.12)


@pytest.mark.parametrize("name", LEARNING)
def test_weights_of_one_change_nothing_and_a_dear_member_counts_more(town, kept, new, name):
    plain = new(name).fit(town.base, kept).score(town.base)
    same = new(name).fit(town.base, kept, np.full(kept.sum(), 7.0)).score(town.base)
    np.testing.assert_allclose(same, plain, atol=1e-6)


@pytest.mark.parametrize("name", LEARNING)
def test_the_like_of_dear_members_come_first(town, new, name):
    """A seed of two halves that like different things: weights decide whose like are found."""
    first = np.zeros(len(town.ids), dtype=bool)
    first[np.flatnonzero(town.planted)[:60]] = True
    second = np.zeros(len(town.ids), dtype=bool)
    second[np.flatnonzero(~town.planted)[:60]] = True
    seed = first | second
    dear = np.where(first[seed], 20.0, 1.0)
    rest = ~seed
    auc = [
        roc_auc_score(town.planted[rest], new(name).fit(town.base, seed, weights).score(town.base)[rest])
        for weights in (1 / dear, dear)
    ]
    assert auc[1] > auc[0] + 0.1


@pytest.mark.parametrize("name", LEARNING)
def test_unusable_seeds_and_weights_are_refused(town, kept, new, name):
    few = np.zeros_like(kept)
    few[:9] = True
    for mask, message in ((few, "9 members and 591 other"), (np.ones_like(kept), "600 members and 0 other")):
        with pytest.raises(DataError, match=message):
            new(name).fit(town.base, mask)
    with pytest.raises(DataError, match=r"mask of int64 \(60,\), needed is one of bool \(600,\)"):
        new(name).fit(town.base, np.flatnonzero(kept))
    with pytest.raises(DataError, match=r"60 members, but weights of shape \(59,\)"):
        new(name).fit(town.base, kept, np.ones(59))
    with pytest.raises(ModelError, match="not fitted"):
        new(name).score(town.base)


@pytest.mark.parametrize("weights", [[1.0, np.nan], [1.0, -1.0], [0.0, 0.0]])
def test_weights_that_mean_nothing_are_refused(weights):
    with pytest.raises(DataError, match="must be finite, at least 0 and not all 0"):
        checked_weights(np.array(weights), 2)
