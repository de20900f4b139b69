"""Neighbour scores against a slow oracle, and in worlds small enough to see the answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.lookalike.neighbours import centroid, nearest_seeds


@pytest.mark.parametrize("k", [1, 3, 10])
def test_nearest_seeds_is_the_mean_over_other_members_one_pair_at_a_time(town, kept, k):
    unit = town.vectors / np.maximum(np.linalg.norm(town.vectors, axis=1, keepdims=True), 1e-12)
    seeds = np.flatnonzero(kept)
    found = nearest_seeds(town.vectors, town.ids, town.vectors[kept], town.ids[kept], k)
    for i in range(0, len(town.ids), 7):
        others = sorted((float(unit[i] @ unit[j]) for j in seeds if j != i), reverse=True)
        assert found[i] == pytest.approx(np.mean(others[:k]), abs=3e-6)


def test_a_member_is_not_its_own_neighbour_even_among_many_equal_vectors():
    vectors = np.array([[1, 0]] * 30 + [[0, 1]], dtype=np.float32)
    ids = np.array([f"m{i:02d}" for i in range(31)])
    found = nearest_seeds(vectors, ids, vectors, ids, k=5)
    np.testing.assert_allclose(found, [1.0] * 30 + [0.0])


def test_more_neighbours_than_seeds_means_all_of_them():
    vectors = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    ids = np.array(["a", "b", "c"])
    found = nearest_seeds(vectors, ids, vectors[:2], ids[:2], k=10)
    np.testing.assert_allclose(found, [0, 0, np.sqrt(0.5)], atol=1e-6)
    assert nearest_seeds(vectors[:1], ids[:1], vectors[:1], ids[:1]).tolist() == [0]
    with pytest.raises(DataError, match="k=0; it must be at least 1"):
        nearest_seeds(vectors, ids, vectors[:2], ids[:2], k=0)


def test_centroid_weighs_members_alike_whatever_their_length():
    vectors = np.array([[9, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)
    found = centroid(vectors, vectors[:2])
    np.testing.assert_allclose(found, [np.sqrt(0.5), np.sqrt(0.5), 1, 0], atol=1e-6)
