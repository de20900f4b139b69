"""Mixed seeds: how many groups there are, and what is found of each."""

from __future__ import annotations

import numpy as np

from pipeline.lookalike.methods import Blended, Clusters
from pipeline.lookalike.methods.clusters import seed_groups

IDS = np.array([f"s{i:03d}" for i in range(90)])


def cloud(centres, sizes, seed=0):
    rng = np.random.default_rng(seed)
    places = np.repeat(np.asarray(centres, float), sizes, axis=0)
    return (places + 0.3 * rng.normal(size=places.shape)).astype(np.float32)


def test_two_planted_groups_are_two_and_the_larger_is_the_first():
    vectors = cloud([[3, 0, 0, 1], [0, 3, 1, 0]], [30, 60])
    groups = seed_groups(vectors, IDS, 4, 0)
    assert groups.tolist() == [1] * 30 + [0] * 60


def test_one_cloud_is_one_group_and_so_is_a_small_seed():
    assert not seed_groups(cloud([[3, 3, 3, 3]], [90]), IDS, 4, 0).any()
    small = cloud([[3, 0, 0, 1], [0, 3, 1, 0]], [19, 19])
    assert not seed_groups(small, IDS[:38], 4, 0).any()


def test_one_group_is_ranked_as_the_blended_does(town, kept):
    found = Clusters(max_groups=1).fit(town.base, kept).score(town.base)
    np.testing.assert_array_equal(found, Blended().fit(town.base, kept).score(town.base))
