"""Seed lists as marketers bring them, and who ends up in the audience."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.lookalike.audience import match_seed, select_audience

IDS = np.array(["d", "a", "c", "b", "e"])
SCORES = np.array([0.5, 0.9, 0.5, 0.7, 0.5])


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
def test_unusable_seeds_are_refused_in_both_places(seed, message):
    with pytest.raises(DataError, match=message):
        match_seed(seed, IDS)
    with pytest.raises(DataError, match=message):
        select_audience(IDS, SCORES, seed, [], 1)


def test_the_audience_is_the_best_of_the_rest_and_ties_go_by_id():
    found = select_audience(IDS, SCORES, seed_ids=["a", "unknown"], suppressed_ids=["b", "nobody"], size=2)
    expected = pd.DataFrame({"customer_id": ["c", "d"], "rank": [1, 2], "score": [0.5, 0.5]})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found["rank"].dtype == np.int64


@given(
    scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=12, max_size=12),
    seed=st.sets(st.integers(0, 11), min_size=1, max_size=5),
    suppressed=st.sets(st.integers(0, 11), max_size=5),
    order=st.permutations(range(12)),
)
@settings(max_examples=60, deadline=None)
def test_for_any_scores_the_laws_of_an_audience_hold(scores, seed, suppressed, order):
    ids, values = np.array([f"c{i:02d}" for i in range(12)]), np.array(scores)
    excluded = {ids[i] for i in seed | suppressed}
    size = 12 - len(excluded)
    found = select_audience(ids, values, ids[list(seed)], ids[list(suppressed)], size)
    assert set(found["customer_id"]) == set(ids) - excluded
    assert found["rank"].tolist() == list(range(1, size + 1))
    keys = list(zip(-found["score"], found["customer_id"], strict=True))
    assert keys == sorted(keys)
    mixed = select_audience(ids[order], values[order], ids[list(seed)], ids[list(suppressed)], size)
    pd.testing.assert_frame_equal(found, mixed)
    smaller = select_audience(ids, values, ids[list(seed)], ids[list(suppressed)], max(1, size // 2))
    pd.testing.assert_frame_equal(smaller, found[: len(smaller)])


@pytest.mark.parametrize("size", [0, 4, 100])
def test_a_size_out_of_reach_is_refused_with_the_number_available(size):
    message = rf"size is {size}, but 3 of 5 customers are available \(1 in the seed, 1 more suppressed\)"
    with pytest.raises(DataError, match=message):
        select_audience(IDS, SCORES, ["a"], ["b", "a"], size)


def test_scores_and_bases_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"5 customers, but scores of shape \(4,\)"):
        select_audience(IDS, SCORES[1:], ["a"], [], 1)
    with pytest.raises(DataError, match=r"1 of 5 scores are not finite \(e\.g\. of 'c'\)"):
        select_audience(IDS, np.where(IDS == "c", np.nan, SCORES), ["a"], [], 1)
    with pytest.raises(DataError, match=r"1 ids occur more than once \(e\.g\. 'a'\)"):
        match_seed(["a"], np.array(["a", "b", "a"]))
    with pytest.raises(DataError, match="at least one customer is needed"):
        match_seed(["a"], np.array([], dtype=str))
