import numpy as np
import pytest

from pipeline.nonresponse.propensity import LEAST, describe_response, response_propensity, too_few
from tests.nonresponse.conftest import N_DENSE, NAMES


def described(world):
    propensity = response_propensity(world.X, world.answered, N_DENSE, 0)
    return describe_response(world.X, NAMES, world.answered, N_DENSE, 0, 200, propensity)


def test_a_planted_difference_is_found_and_named(planted):
    world = planted(0, n=1500, by_activity=2.0)
    found = described(world)
    assert found.low > 0.75
    assert (found.n_answered, found.n_base) == (world.answered.sum(), 1500)
    first = found.features.iloc[0]
    windows = [f"shop: total amount in the last {days} days" for days in (7, 28, 91, 182)]
    assert set(found.features["feature"][:4]) == set(windows)  # what was planted, in all its windows
    column = world.X[:, windows.index(first["feature"])].toarray().ravel()
    assert first["answered"] == pytest.approx(column[world.answered].mean())
    assert first["silent"] == pytest.approx(column[~world.answered].mean())


def test_where_answering_is_chance_the_interval_says_so(planted):
    found = described(planted(0, n=1500, by_activity=0.0))
    assert found.low < 0.5 < found.high


def test_no_customer_has_a_part_in_its_own_propensity(planted):
    world = planted(3)
    before, folds = response_propensity(world.X, world.answered, N_DENSE, 0)
    one = int(np.flatnonzero(folds == 0)[0])
    X = world.X.tolil()
    X[one, 0] = 50.0
    after, _ = response_propensity(X.tocsr(), world.answered, N_DENSE, 0)
    others = (folds == 0) & (np.arange(len(folds)) != one)
    assert np.array_equal(before[others], after[others])
    assert not np.array_equal(before[folds == 1], after[folds == 1])


def test_what_cannot_be_told_apart_is_said(planted):
    answered = np.arange(600) < LEAST - 1
    assert too_few(answered) == "29 answered and 571 did not, at least 30 of each are needed"
    assert response_propensity(planted(0).X, answered, N_DENSE, 0) is None
    assert too_few(np.arange(600) < LEAST) == ""
