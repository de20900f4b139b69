"""Held-out members: what is found in worlds where it is known what can be found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.measure.evaluation import SHARES, hold_out_evaluation, metrics_of
from pipeline.lookalike.methods import Blended, FixedOrder, Nearest, RandomOrder, baselines

METHODS = ("chosen", "blended", "nearest", "nearest_seed", "centroid", "random")


def evaluate(town, mask, **settings):
    settings = {"rankers": {"blended": Blended(), "nearest": Nearest()}} | settings
    found = hold_out_evaluation(town.base, mask, **settings)
    return {(row.method, row.metric, row.share): row for row in found.rows}


@pytest.fixture(scope="module")
def planted(town):
    return evaluate(town, town.planted, repeats=3)


def test_there_is_one_row_per_method_metric_and_share(planted):
    assert len(planted) == len(METHODS) * (1 + 2 * len(SHARES))
    for row in planted.values():
        assert (row.n_repeats, row.n_hidden, row.n_ranked) == (3, 60, 540)
        assert row.low <= row.mean <= row.high


def test_a_planted_group_is_found_and_better_than_by_chance(planted):
    auc = {method: planted[method, "auc", 1.0] for method in METHODS}
    assert auc["blended"].low > 0.85
    assert auc["blended"].mean > auc["nearest"].mean > auc["nearest_seed"].mean > 0.7
    assert auc["random"].low < 0.5 < auc["random"].high
    assert planted["blended", "lift", 0.1].mean > 5


def test_lift_is_recall_over_the_share_that_is_looked_at(planted):
    for share, size in zip(SHARES, (6, 27, 54, 108, 270), strict=True):
        recall, lift = (planted["blended", metric, share] for metric in ("recall", "lift"))
        assert lift.mean == pytest.approx(recall.mean * 540 / size)
        assert lift.high == pytest.approx(recall.high * 540 / size)


@pytest.mark.parametrize("draw", [101, 102, 103])
def test_a_random_seed_finds_nobody(town, draw):
    mask = np.zeros(len(town.ids), dtype=bool)
    mask[np.random.default_rng(draw).permutation(len(mask))[:200]] = True
    rows = evaluate(town, mask, repeats=3, random_state=draw)
    for method in METHODS:
        auc, lift = rows[method, "auc", 1.0], rows[method, "lift", 0.1]
        assert auc.low < 0.5 < auc.high, method
        assert lift.low < 1 < lift.high, method
        assert lift.mean == pytest.approx(1, abs=0.5), method


def test_what_is_found_hangs_on_the_features(town):
    order = np.random.default_rng(1).permutation(len(town.ids))
    rows = evaluate(town, town.planted[order], repeats=2)
    assert rows["blended", "auc", 1.0].mean < 0.6


def test_hidden_members_stand_in_the_base_while_rankings_are_fitted(town):
    seen = []

    class Spy(Blended):
        def fit(self, base, seed, weights=None, classifiers=None):
            seen.append((len(base), seed.copy()))
            return super().fit(base, seed, weights, classifiers)

    evaluate(town, town.planted, rankers={"blended": Spy()}, repeats=3)
    assert len(seen) == 3  # a single ranking is not compared
    for n, mask in seen:
        assert (n, mask.sum()) == (600, 60)
        assert not (mask & ~town.planted).any()
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_the_choice_sees_only_kept_members(town):
    """A ranking that is right about nobody but each half's hidden members is not chosen, whatever it would find."""
    seen = []

    class Spy(RandomOrder):
        def fit(self, base, seed, weights=None):
            seen.append(seed.copy())
            return self

        def __deepcopy__(self, memo):
            return self

    evaluate(town, town.planted, rankers={"blended": Blended(), "spy": Spy()}, repeats=1, choice_from=60)
    kept = np.any(seen, axis=0)
    assert kept.sum() == 60
    assert len(seen) == 5 + 1  # five folds within the half, and the half itself


def test_the_chosen_row_is_that_of_the_method_chosen_in_each_repeat(town):
    oracle = FixedOrder(dict(zip(town.ids.tolist(), town.planted.astype(float), strict=True)))
    rankers = {"blended": Blended(), "oracle": oracle}
    found = hold_out_evaluation(town.base, town.planted, rankers=rankers, repeats=2, choice_from=60)
    rows = {(row.method, row.metric, row.share): row for row in found.rows}
    assert found.choices == ("oracle", "oracle")
    assert rows["chosen", "auc", 1.0].mean == rows["oracle", "auc", 1.0].mean == 1.0
    default = hold_out_evaluation(town.base, town.planted, rankers=rankers, repeats=2, choice_from=61)
    assert default.choices == ("blended", "blended")


def test_the_given_rankings_are_not_fitted(town):
    ranker = Blended(k=3)
    evaluate(town, town.planted, rankers={"blended": ranker}, repeats=1)
    assert vars(ranker) == vars(Blended(k=3))


def test_names_that_stand_twice_are_refused(town):
    with pytest.raises(ConfigError, match="two rankings: random"):
        evaluate(town, town.planted, rankers={"blended": Blended(), "random": Nearest()}, rivals=baselines())


def test_the_order_of_rows_does_not_matter_but_the_random_state_does(town, planted):
    order = np.random.default_rng(2).permutation(len(town.ids))
    mixed = evaluate(town.rows(order), town.planted[order], repeats=3)
    for method in METHODS:
        key = (method, "auc", 1.0)
        assert mixed[key].mean == pytest.approx(planted[key].mean, abs=1e-4)
    other = evaluate(town, town.planted, repeats=3, random_state=9)
    assert other["blended", "auc", 1.0] != planted["blended", "auc", 1.0]


def test_metrics_agree_with_scikit_learn_and_with_counting():
    rng = np.random.default_rng(0)
    hidden = rng.random(500) < 0.2
    scores = np.round(rng.normal(size=500) + hidden, 1)  # with ties
    ids = np.array([f"i{i:03d}" for i in range(500)])
    points, _ = metrics_of(hidden, scores, ids)
    assert points[0] == pytest.approx(roc_auc_score(hidden, scores))
    ranked = sorted(range(500), key=lambda i: (-scores[i], ids[i]))
    for share, found in zip((5, 25, 50, 100, 250), points[1:], strict=True):
        assert found == pytest.approx(hidden[ranked[:share]].sum() / hidden.sum())


def test_the_standard_error_is_that_of_drawing_the_customers_anew():
    rng = np.random.default_rng(1)
    hidden = np.arange(400) < 100
    ids = np.arange(400).astype(str)
    draws = [metrics_of(hidden, rng.normal(size=400) + hidden, ids) for _ in range(400)]
    spread = np.std([points[0] for points, _ in draws])
    stated = np.sqrt(np.mean([variance[0] for _, variance in draws]))
    assert stated == pytest.approx(spread, rel=0.15)


def test_a_seed_too_small_to_be_halved_is_refused(town):
    mask = np.zeros(len(town.ids), dtype=bool)
    mask[:19] = True
    with pytest.raises(DataError, match=r"19 members in the seed and 5 repeats; at least 20 members"):
        evaluate(town, mask)
    with pytest.raises(DataError, match="0 repeats"):
        evaluate(town, town.planted, repeats=0)
