"""Customers who share a vector, in cases small enough to see the answer."""

from __future__ import annotations

import numpy as np

from pipeline.lookalike.index import distinct
from pipeline.lookalike.index.distinct import Holders, number_vectors
from pipeline.lookalike.vectors import UnitRows

ROWS = np.array([[0, 1], [1, 0], [0, 0], [0, 5], [1, 1], [-0.0, 2], [3, 0]], dtype=np.float32)


def unit(rows=ROWS):
    return UnitRows(rows, np.arange(len(rows)))


def test_vectors_are_numbered_by_their_first_row_and_zero_is_none():
    numbers, first = number_vectors(unit())
    assert numbers.tolist() == [0, 1, -1, 0, 2, 0, 1]
    assert first.tolist() == [0, 1, 4]


def test_vectors_that_share_a_hash_stay_apart(monkeypatch):
    monkeypatch.setattr(distinct, "_hashes", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    numbers, first = number_vectors(unit())
    assert numbers.tolist() == [0, 1, -1, 0, 2, 0, 3]
    assert first.tolist() == [0, 1, 4, 6]


def test_of_many_different_vectors_each_has_its_own_number():
    rows = np.random.default_rng(0).normal(size=(100_000, 3)).astype(np.float32)
    numbers, first = number_vectors(unit(rows))
    np.testing.assert_array_equal(numbers, np.arange(100_000))
    np.testing.assert_array_equal(first, np.arange(100_000))


def test_nearest_vectors_become_customers_in_order_of_score_then_position():
    # Vector 0: customers 0, 3, 5; vector 1: customers 1, 6; vector 2: customer 4; customer 2 is silent.
    holders = Holders.of(np.array([0, 1, -1, 0, 2, 0, 1], dtype=np.int32), 3)
    found = np.array([[0, 1, 2], [2, 1, -1]])
    scores = np.array([[0.9, 0.9, -0.1], [0.5, -0.2, -1]], dtype=np.float32)
    customers, best, short = holders.nearest(found, scores, 4)
    assert customers.tolist() == [[0, 1, 3, 5], [4, 2, 1, 6]]
    np.testing.assert_allclose(best, [[0.9, 0.9, 0.9, 0.9], [0.5, 0, -0.2, -0.2]])
    assert short.tolist() == [False, False]
    assert holders.nearest(found, scores, 5)[2].tolist() == [False, True]


def test_only_those_allowed_are_answered():
    allowed = np.array([False, True, True, True, False, True, False])
    holders = Holders.of(np.array([0, 1, -1, 0, 2, 0, 1], dtype=np.int32), 3, allowed)
    assert holders.counts.tolist() == [2, 1, 0]
    assert holders.silent.tolist() == [2]
    customers, _, _ = holders.nearest(np.array([[1, 0]]), np.array([[0.9, 0.8]], dtype=np.float32), 3)
    assert customers.tolist() == [[1, 3, 5]]
