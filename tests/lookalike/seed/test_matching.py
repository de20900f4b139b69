"""Seed lists as marketers bring them, and the order of customers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.lookalike.seed.matching import best_first, match_seed

IDS = np.array(["d", "a", "c", "b", "e"])


def test_a_list_is_matched_and_what_does_not_fit_is_counted():
    match = match_seed(["c", "x", "d", "c", "z", "y", "w", "x"], IDS)
    assert match.positions.tolist() == [0, 2]
    assert match.mask(5).tolist() == [True, False, True, False, False]
    assert (match.n_given, match.n_duplicates, match.n_unknown) == (8, 2, 4)
    assert match.unknown_examples == ("w", "x", "y")


def test_ids_given_as_numbers_match_ids_kept_as_text():
    assert match_seed([12, 7], np.array(["7", "12", "3"])).positions.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([], "the list is empty"),
        (["z", "y", "x", "w"], r"none of its 4 ids .*\(e\.g\. 'w', 'x', 'y'; the base holds ids like 'd'"),
        (list("abcdez"), "names all 5 customers of the base"),
    ],
)
def test_unusable_seeds_are_refused(seed, message):
    with pytest.raises(DataError, match=message):
        match_seed(seed, IDS)


@given(
    scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=12, max_size=12), order=st.permutations(range(12))
)
@settings(max_examples=60, deadline=None)
def test_customers_stand_by_score_and_equal_ones_by_id_in_whatever_order_they_come(scores, order):
    ids, values = np.array([f"c{i:02d}" for i in range(12)]), np.array(scores)
    found = best_first(ids, values)
    assert found.tolist() == sorted(range(12), key=lambda i: (-values[i], ids[i]))
    assert ids[order][best_first(ids[order], values[order])].tolist() == ids[found].tolist()


def test_bases_that_cannot_be_matched_are_refused():
    with pytest.raises(DataError, match=r"1 ids occur more than once \(e\.g\. 'a'\)"):
        match_seed(["a"], np.array(["a", "b", "a"]))
    with pytest.raises(DataError, match="at least one customer is needed"):
        match_seed(["a"], np.array([], dtype=str))
