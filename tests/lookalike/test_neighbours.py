"""Neighbour scores against a slow oracle, and in worlds small enough to see the answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.lookalike.index import KINDS, ExactIndex
from pipeline.lookalike.neighbours import candidates, centroid, mean_similarity, nearest_seeds


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


# ---- candidates from the index of the base

# Points one degree apart on a circle: the neighbours of a seed are the arc around it.
ANGLE = 2 * np.pi * np.arange(360) / 360
CIRCLE = np.column_stack([np.cos(ANGLE), np.sin(ANGLE)]).astype(np.float32)
NAMES = np.array([f"p{i:03d}" for i in range(360)])


@pytest.mark.parametrize("kind", ["exact", "graph"])
def test_candidates_are_the_arcs_around_the_seeds_without_seeds_and_excluded(kind):
    index, seeds = KINDS[kind]().fit(CIRCLE, NAMES), [90, 270]
    found = candidates(index, CIRCLE[seeds], NAMES[seeds], wanted=7, exclude=["p091", "unknown"])
    assert found.ids.tolist() == ["p088", "p089", "p092", "p268", "p269", "p271", "p272"]
    np.testing.assert_allclose(found.nearest, np.cos(np.deg2rad([2, 1, 2, 2, 1, 1, 2])), atol=2e-6)
    assert found.beyond == pytest.approx(np.cos(np.deg2rad(2)), abs=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_as_many_candidates_as_wanted_though_the_seeds_share_their_neighbours(kind):
    index, seeds = KINDS[kind]().fit(CIRCLE, NAMES), np.arange(100, 120)
    assert len(candidates(index, CIRCLE[seeds], NAMES[seeds], wanted=300)) == 300
    everybody = candidates(index, CIRCLE[seeds], NAMES[seeds], wanted=9999)
    assert len(everybody) == 340
    assert everybody.beyond == -1


def test_candidates_are_those_of_a_comparison_of_all_with_all_though_places_are_crowded():
    # A member in a crowd of 1,000, and 39 elsewhere: the crowd comes first, though no list starts that long.
    rng = np.random.default_rng(0)
    crowd = rng.normal(size=6) + 0.02 * rng.normal(size=(1000, 6))
    data = np.vstack([crowd[:1], rng.normal(size=(39, 6)), crowd[1:], rng.normal(size=(3000, 6))]).astype(np.float32)
    names = np.array([f"c{i:04d}" for i in range(len(data))])
    found = candidates(ExactIndex().fit(data, names), data[:40], names[:40], wanted=1400)
    unit = data / np.linalg.norm(data, axis=1)[:, None]
    true = (unit[40:] @ unit[:40].T).max(axis=1)
    assert set(found.ids) == set(names[40:][np.argsort(-true)[:1400]])
    assert found.beyond == pytest.approx(np.sort(true)[-1400], abs=2e-6)
    # So who scores above it by the mean over three seeds stands as in the ranking of all.
    scores = mean_similarity(ExactIndex().fit(data[:40], names[:40]), data, names, k=3)[40:]
    certain = names[40:][scores > found.beyond]
    assert len(certain) > 0
    assert set(certain) <= set(found.ids)


def test_members_with_the_same_vector_and_silent_ones_change_nothing():
    index = ExactIndex().fit(CIRCLE, NAMES)
    vectors = np.vstack([CIRCLE[[90, 90, 90]], np.zeros((1, 2), dtype=np.float32)])
    found = candidates(index, vectors, np.array(["p090", "x", "y", "z"]), wanted=2)
    assert found.ids.tolist() == ["p089", "p091"]


def test_candidates_of_nothing_are_refused():
    index = ExactIndex().fit(CIRCLE, NAMES)
    with pytest.raises(DataError, match="wanted=0; it must be at least 1"):
        candidates(index, CIRCLE[:2], NAMES[:2], wanted=0)
    with pytest.raises(DataError, match="none of the 2 seeds has a vector other than zero"):
        candidates(index, np.zeros((2, 2), dtype=np.float32), NAMES[:2], wanted=1)
    with pytest.raises(DataError, match="all customers of the base are in the seed or excluded"):
        candidates(index, CIRCLE[:2], NAMES[:2], wanted=1, exclude=NAMES[2:])
