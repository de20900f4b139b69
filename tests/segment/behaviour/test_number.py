"""Planted groups are found, and what has no groups is one."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.segment.behaviour.clustering import fit_axes, fit_clusters
from pipeline.segment.behaviour.number import choose_number, without_structure


def chosen(points, max_clusters=7, min_cell=20, min_stability=0.8):
    return choose_number(points, max_clusters, min_stability, 10, min_cell, random_state=0)


def on_axes(points):
    centred = points - points.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2].T


def groups(sizes, apart, n_axes=8, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    centres = apart * np.linalg.qr(rng.normal(size=(n_axes, n_axes)))[0][: len(sizes)]
    return on_axes(centres[truth] + rng.normal(size=(len(truth), n_axes))), truth


@pytest.mark.parametrize("sizes", [(300, 300), (300, 200, 100), (250, 150, 100, 60), (120,) * 6])
def test_planted_groups_are_found(sizes):
    points, truth = groups(sizes, apart=7)
    found = chosen(points)
    k = found.accepted[-1]
    assert k == len(sizes)
    assert adjusted_rand_score(truth, fit_clusters(points, k, 0).of(points)) >= 0.9
    row = found.table.set_index("k").loc[k]
    assert row["stability"] >= 0.8
    assert row["low"] <= row["stability"] <= row["high"]
    assert row["silhouette"] > row["without_structure"]


RNG = np.random.default_rng(3)
WIDE = np.geomspace(4, 0.3, 8)
STRUCTURELESS = {
    "a ball": RNG.normal(size=(600, 8)),
    "a long cloud": RNG.normal(size=(600, 8)) * WIDE,
    "a box": RNG.uniform(size=(600, 8)),
    "a long box": RNG.uniform(size=(600, 8)) * WIDE,
    "heavy tails": RNG.standard_t(3, size=(600, 8)),
}


@pytest.mark.parametrize("shape", STRUCTURELESS)
def test_what_has_no_groups_is_one(shape):
    assert chosen(on_axes(STRUCTURELESS[shape])).accepted == (1,)


def test_a_long_cloud_is_cut_stably_and_is_one_all_the_same():
    rng = np.random.default_rng(0)
    table = chosen(on_axes(rng.normal(size=(600, 6)) * [5, 1, 1, 1, 1, 1])).table.set_index("k")
    assert table.loc[2, "stability"] > 0.8
    assert not table.loc[2, "accepted"]


def test_clusters_of_too_few_do_not_count():
    points, _ = groups((400, 30), apart=9)
    assert chosen(points, min_cell=20).accepted[-1] == 2
    assert chosen(points, min_cell=40).accepted == (1,)


def test_few_customers_are_not_asked():
    assert chosen(np.random.default_rng(0).normal(size=(30, 4))).table.empty


def test_the_reference_keeps_centre_and_spread_of_each_cluster():
    points, truth = groups((2000, 1000), apart=7, n_axes=3)
    for uniform in (False, True):
        drawn = without_structure(points, truth, uniform, np.random.default_rng(0))
        for cluster in (0, 1):
            own, new = points[truth == cluster], drawn[truth == cluster]
            assert np.abs(own.mean(axis=0) - new.mean(axis=0)).max() < (0.5 if uniform else 0.1)
            if not uniform:
                assert np.cov(new.T) == pytest.approx(np.cov(own.T), abs=0.15)


def test_the_same_seed_gives_the_same_answer_and_clusters_are_ordered_by_size():
    points, _ = groups((250, 150, 60), apart=7)
    first, second = chosen(points), chosen(points)
    assert first.table.equals(second.table)
    labels = fit_clusters(points, 3, 0).of(points)
    assert np.bincount(labels).tolist() == [250, 150, 60]


def test_axes_do_not_depend_on_the_length_of_vectors():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 6)).astype(np.float32)
    axes = fit_axes(vectors, 3)
    assert axes.of(vectors).shape == (50, 3)
    assert axes.of(7 * vectors) == pytest.approx(axes.of(vectors), abs=1e-5)
