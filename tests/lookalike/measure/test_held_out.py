"""Where held-out members stand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.lookalike.measure.held_out import fit_together, held_out_standing
from pipeline.lookalike.methods import Blended, Classifier, Clusters, FixedOrder, Nearest, RandomOrder, Reranked


def values(town, scores):
    return FixedOrder(dict(zip(town.ids.tolist(), scores, strict=True)))


def test_members_are_counted_among_the_others_alone(town, kept):
    """The order of ids is the ranking: a member stands below exactly the others with smaller ids."""
    order = values(town, -np.argsort(np.argsort(town.ids)).astype(float))
    found = held_out_standing(town.base, kept, {"it": order}, n_folds=7, repeats=2)["it"]
    expected = [(town.ids[~kept] < name).sum() for name in town.ids[kept]]
    assert found.above.tolist() == [expected, expected]
    assert found.n_available == 540


def test_only_available_customers_count(town, kept):
    order = values(town, -np.argsort(np.argsort(town.ids)).astype(float))
    available = np.arange(len(kept)) % 4 != 0
    found = held_out_standing(town.base, kept, {"it": order}, repeats=1, available=available)["it"]
    others = town.ids[~kept & available]
    assert found.n_available == len(others)
    assert found.above[0].tolist() == [(others < name).sum() for name in town.ids[kept]]


def test_each_member_is_hidden_once_per_repeat_and_weights_follow(town, kept):
    seen = []

    class Spy(RandomOrder):
        def fit(self, base, seed, weights=None):
            seen.append((seed.copy(), weights))
            return self

        def __deepcopy__(self, memo):
            return self

    worth = np.arange(1.0, kept.sum() + 1)
    held_out_standing(town.base, kept, {"it": Spy()}, worth, n_folds=5, repeats=2)
    assert len(seen) == 10
    for part in (seen[:5], seen[5:]):
        hidden = np.sum([kept & ~seed for seed, _ in part], axis=0)
        np.testing.assert_array_equal(hidden, kept)
    for seed, weights in seen:
        np.testing.assert_array_equal(weights, worth[seed[kept]])


def test_the_order_of_rows_does_not_matter(town, kept):
    order = np.random.default_rng(3).permutation(len(kept))
    one = held_out_standing(town.base, kept, {"it": Nearest()}, n_folds=5)["it"].above
    two = held_out_standing(town.rows(order).base, kept[order], {"it": Nearest()}, n_folds=5)["it"].above
    places = np.argsort(np.argsort(town.ids[kept]))
    mixed = np.argsort(np.argsort(town.ids[order][kept[order]]))
    np.testing.assert_allclose(one[:, np.argsort(places)], two[:, np.argsort(mixed)], atol=1)


def test_rankings_of_one_kind_share_their_classifiers_and_score_as_alone(town, kept):
    several = {
        "a": Blended(),
        "b": Classifier(),
        "c": Reranked(),
        "d": Blended(C=2.0),
        "e": Nearest(),
        "f": Clusters(max_groups=1),
    }
    fitted = fit_together(several, town.base, kept)
    assert fitted["a"].classifiers_ is fitted["b"].classifiers_ is fitted["c"].classifiers_
    assert fitted["d"].classifiers_ is not fitted["a"].classifiers_
    assert fitted["f"].parts_[0][0].classifiers_ is fitted["a"].classifiers_
    assert not hasattr(several["a"], "classifiers_")
    alone = Reranked().fit(town.base, kept).score(town.base)
    np.testing.assert_array_equal(fitted["c"].score(town.base), alone)


def test_small_seeds_keep_ten_members_to_learn_from(town):
    seed = np.arange(600) < 12
    assert held_out_standing(town.base, seed, {"it": Nearest()}, n_folds=10)["it"].above.shape == (2, 12)
    with pytest.raises(DataError, match="10 in the seed, 10 folds and 2 repeats; at least 10 members must remain"):
        held_out_standing(town.base, np.arange(600) < 10, {"it": Nearest()})
    with pytest.raises(DataError, match="no customer is available"):
        held_out_standing(town.base, seed, {"it": Nearest()}, available=seed)
