"""Who answers, learnt from behaviour: `plant` makes customers of whom the active say more."""

import numpy as np
import pytest

from pipeline.model.propensity import LEAST, REACH, Answering, learn_answering, response_propensity, too_few
from tests.nonresponse.conftest import N_DENSE, plant


def test_no_customer_has_a_part_in_its_own_propensity():
    world = plant(3)
    before, folds = response_propensity(world.X, world.answered, N_DENSE, 0)
    one = int(np.flatnonzero(folds == 0)[0])
    X = world.X.tolil()
    X[one, 0] = 50.0
    after, _ = response_propensity(X.tocsr(), world.answered, N_DENSE, 0)
    others = (folds == 0) & (np.arange(len(folds)) != one)
    assert np.array_equal(before[others], after[others])
    assert not np.array_equal(before[folds == 1], after[folds == 1])


def test_what_cannot_be_told_apart_is_said():
    answered = np.arange(600) < LEAST - 1
    assert too_few(answered) == "29 answered and 571 did not, at least 30 of each are needed"
    assert response_propensity(plant(0).X, answered, N_DENSE, 0) is None
    assert too_few(np.arange(600) < LEAST) == ""


def test_those_who_answered_weighed_by_the_odds_are_like_those_who_did_not():
    world = plant(1, n=3000)
    found = learn_answering(world.X, world.answered, N_DENSE, 0)
    told, silent = world.answered, ~world.answered & found.reached
    activity = world.X[:, :4].toarray().mean(axis=1)
    away = activity[told].mean() - activity[silent].mean()
    weighed = np.average(activity[told], weights=found.silent_weight[told]) - activity[silent].mean()
    assert away > 0.8
    assert abs(weighed) < 0.1 * away


def test_weights_are_odds_within_reach_and_nothing_beyond():
    found = Answering(np.array([REACH / 2, REACH, 0.5, 0.9]), None)
    # (1 - e) / e over its largest value, 9: 1, 1 / 9, (1 / 9) / 9.
    assert found.silent_weight == pytest.approx([0, 1, 1 / 9, 1 / 81])
    assert found.reached.tolist() == [False, True, True, True]


def test_of_a_large_base_a_sample_teaches_and_the_rest_is_predicted():
    world = plant(2, n=900)
    found = learn_answering(world.X, world.answered, N_DENSE, 0, at_most=600)
    rows = np.sort(np.random.default_rng(0).permutation(900)[:600])
    own, _ = response_propensity(world.X[rows], world.answered[rows], N_DENSE, 0)
    rest = np.setdiff1d(np.arange(900), rows)
    assert np.array_equal(found.propensity[rows], own)
    assert np.array_equal(found.propensity[rest], found.model.predict_proba(world.X[rest])[:, 1])


def test_nobody_is_weighed_where_all_answered():
    assert learn_answering(plant(0).X, np.ones(600, dtype=bool), N_DENSE, 0) is None


def test_where_hardly_anybody_answers_nobody_is_in_reach():
    """Too few answers to learn who gives them are no sign that everybody does."""
    world = plant(0, n=2_000)
    answered = np.zeros(2_000, dtype=bool)
    answered[:20] = True
    found = learn_answering(world.X, answered, N_DENSE, 0)
    assert not found.reached.any()
    assert not found.silent_weight.any()
    assert (found.model.predict_proba(world.X)[:, 1] < REACH).all()
