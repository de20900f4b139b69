"""Who may become a member, and seeds and sizes that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.lookalike.members.available import Listed, available, check_lineage, check_seed_size

IDS = np.array([f"c{i:03d}" for i in range(200)])


def mask(*rows):
    found = np.zeros(200, dtype=bool)
    found[list(rows)] = True
    return found


def test_each_customer_is_counted_by_the_first_reason_that_applies():
    found = available(IDS, mask(0, 1, 2), suppress=["c002", "c003", "c003", "nobody"], exclude=["c001", "c003", "c004"])
    assert np.flatnonzero(~found.free).tolist() == [0, 1, 2, 3, 4]
    assert (found.n_seed, found.suppressed, found.excluded) == (3, Listed(3, 1, 1), Listed(3, 0, 1))
    assert found.words() == "195 of 200 customers are available (3 in the seed, 1 suppressed, 1 excluded)"


def test_a_control_group_is_taken_out_of_those_who_are_free():
    found = available(IDS, mask(0, 1, 2)).without_control(mask(2, 3, 4))
    assert np.flatnonzero(~found.free).tolist() == [0, 1, 2, 3, 4]
    assert found.n_control == 2
    assert found.words() == (
        "195 of 200 customers are available (3 in the seed, 0 suppressed, 0 excluded, 2 in the control group)"
    )


@given(*(st.sets(st.integers(0, 19)) for _ in range(3)))
@settings(max_examples=60, deadline=None)
def test_seed_suppressed_excluded_and_free_customers_sum_to_the_base(seed, suppress, exclude):
    found = available(IDS[:20], mask(*seed)[:20], [IDS[i] for i in suppress], [IDS[i] for i in exclude])
    assert found.n_seed + found.suppressed.n_taken + found.excluded.n_taken + found.n_free == 20
    assert set(np.flatnonzero(found.free)) == set(range(20)) - seed - suppress - exclude


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, "size is 0, but 195 of 200 customers are available .* at least 50 members.* from 50 to 195"),
        (49, "size is 49, but .*from 50 to 195"),
        (196, "size is 196, but .*from 50 to 195"),
        (201, "size is 201, more than the whole base of 200 customers"),
    ],
)
def test_a_size_out_of_reach_is_refused(size, message):
    found = available(IDS, mask(0, 1, 2, 3, 4))
    with pytest.raises(DataError, match=message):
        found.checked_size(size)
    assert found.checked_size(50) == 50
    assert found.checked_size(195) == 195


def test_a_base_that_is_used_up_is_said_to_be():
    found = available(IDS, mask(0), suppress=IDS[:180])
    with pytest.raises(DataError, match=r"20 of 200 customers are available .* at least 50 members"):
        found.checked_size(10)
    assert found.checked_size(10, minimum=10) == 10


@pytest.mark.parametrize(
    ("n", "minimum", "message"),
    [
        (0, 10, "0 of its ids are in the base; at least 10"),
        (1, 10, "only 1 of its ids is in the base; at least 10 members"),
        (9, 3, "9 of its ids are in the base; at least 10 members"),
        (19, 20, "at least 20 members"),
    ],
)
def test_a_seed_that_is_too_small_is_refused(n, minimum, message):
    with pytest.raises(DataError, match=message):
        check_seed_size(n, minimum)
    check_seed_size(20, minimum)


AUDIENCE = [f"m{i:03d}" for i in range(400)]


@pytest.mark.parametrize(
    "seed",
    [AUDIENCE, AUDIENCE[:200], AUDIENCE[:20], AUDIENCE[200:], [*AUDIENCE[:300], *(f"x{i}" for i in range(20))]],
    ids=["all", "upper half", "first twenty", "lower half", "most, and others"],
)
def test_a_look_alike_of_a_look_alike_is_refused(seed):
    with pytest.raises(DataError, match=r"members of the audience 'spring' and .*a look-alike of a look-alike"):
        check_lineage(seed, {"autumn": ["a", "b"], "spring": AUDIENCE})


def test_those_who_responded_to_an_audience_are_a_seed():
    rng = np.random.default_rng(0)
    responded = rng.choice(AUDIENCE[:200], 40, replace=False)  # the better half responds
    check_lineage(responded, {"spring": AUDIENCE})
    check_lineage([], {"spring": AUDIENCE})
    check_lineage([*AUDIENCE[:200], *(f"x{i}" for i in range(100))], {"spring": AUDIENCE})
