"""Who answers, learnt from behaviour: `plant` makes customers of whom the active say more."""

import numpy as np

from pipeline.model.propensity import LEAST, response_propensity, too_few
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
