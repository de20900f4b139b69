import pytest

from pipeline.model.propensity import response_propensity
from pipeline.nonresponse.response import describe_response
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
