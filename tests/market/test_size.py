import numpy as np
import pytest

from pipeline.lookalike.described.probability import Known
from pipeline.lookalike.described.rule import parse_rule
from pipeline.market.size import market_size, told_of
from tests.nonresponse.conftest import N_DENSE, plant

VALUES = {"wine": ("no", "yes"), "age": ("young", "old")}
NOBODY = np.zeros(4, dtype=bool)


def declared(**cells):
    """Each attribute's value by customer, None where it was not told."""
    return {
        name: Known(
            VALUES[name],
            np.array([[np.nan, np.nan] if cell is None else np.eye(2)[VALUES[name].index(cell)] for cell in told]),
            NOBODY[: len(told)],
            np.array([cell is not None for cell in told]),
        )
        for name, told in cells.items()
    }


def test_one_part_that_fails_decides_a_conjunction():
    rule = parse_rule("wine=yes and age=old", VALUES)
    found = told_of(rule, declared(wine=["yes", "no", "yes", None], age=["old", None, None, "old"]))
    assert found.tolist() == [1, 0, -1, -1]


def counted(world, seed=0):
    return market_size(world.told, np.zeros(len(world.y), dtype=bool), world.X, N_DENSE, seed)


def test_the_correction_finds_the_people_whom_the_count_misses():
    held, fooled, runs = 0, 0, 12
    for seed in range(runs):
        world = plant(seed, n=900)
        found, truth = counted(world, seed), world.y.sum()
        assert found.people is not None
        held += found.people.low <= truth <= found.people.high
        fooled += not found.naive.low <= truth <= found.naive.high
        assert found.bounds[0] <= found.people.mean <= found.bounds[1]
    assert held >= 10
    assert fooled >= 10


def test_what_customers_stand_for_sums_to_the_people():
    world = plant(3, n=900)
    found = counted(world)
    known = found.outcomes[~np.isnan(found.outcomes)]
    assert known.mean() * found.n_base == pytest.approx(found.people.mean)
    assert len(known) == found.n_comparable


def test_if_everybody_told_it_is_a_count():
    world = plant(0, n=100)
    found = market_size(world.y, np.zeros(100, dtype=bool), world.X, N_DENSE, 0)
    assert found.people.mean == found.people.low == found.people.high == pytest.approx(world.y.sum())


def test_if_nobody_told_nothing_is_claimed():
    world = plant(0, n=100)
    found = market_size(np.full(100, -1), np.ones(100, dtype=bool), world.X, N_DENSE, 0)
    assert (found.people, found.n_stated, found.bounds) == (None, 100, (0.0, 100.0))
    assert "nobody has told" in found.reason


def test_too_few_inside_is_a_reason_not_a_number():
    world = plant(0, n=300)
    told = np.where(world.told == 1, 0, world.told)
    told[np.flatnonzero(told == 0)[:3]] = 1
    found = market_size(told, np.zeros(300, dtype=bool), world.X, N_DENSE, 0)
    assert found.people is None
    assert "3 answered 'inside'" in found.reason
