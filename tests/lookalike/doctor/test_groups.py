"""One group or several: planted mixtures are split, everything with one peak is not, nor is a random seed."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.lookalike.doctor.groups import Split, find_groups, valley_test

D = 16


def asked(points, others):
    """Return the groups of points among others, all moved far from the origin so that directions keep distances."""
    vectors = np.vstack([points, others]) + 12 * np.eye(D)[-1]
    ids = np.array([f"c{i:05d}" for i in range(len(vectors))])
    members = np.arange(len(points))
    return find_groups(vectors.astype(np.float32), ids, members, np.arange(len(points), len(vectors)))


def clouds(rng, centres, sizes, spread=1.0):
    """Return round clouds; a centre is a multiple of a unit vector, (axis, distance)."""
    parts = []
    for (axis, distance), size in zip(centres, sizes, strict=True):
        points = spread * rng.normal(size=(size, D))
        points[:, axis] += distance
        parts.append(points)
    return np.vstack(parts)


def test_a_mixture_of_two_planted_groups_is_two():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found = asked(clouds(rng, [(0, 5), (1, 5)], [60, 40]), rng.normal(size=(1000, D)))
        assert found.answer == "several"
        first, second = found.members
        assert abs(len(first) - 60) <= 3
        assert (first < 60).mean() > 0.95
        assert (second >= 60).mean() > 0.95


def test_a_mixture_of_three_is_three():
    rng = np.random.default_rng(0)
    found = asked(clouds(rng, [(0, 7), (1, 7), (2, 7)], [80, 70, 60]), rng.normal(size=(1000, D)))
    assert [len(members) for members in found.members] == pytest.approx([80, 70, 60], abs=4)
    assert len(found.splits) >= 2


SHAPES = {
    "round": lambda rng, n: rng.normal(size=(n, D)),
    "stretched": lambda rng, n: rng.normal(size=(n, D)) * np.r_[8.0, 4.0, np.ones(D - 2)],
    "skewed": lambda rng, n: rng.exponential(size=(n, D)) * np.r_[4.0, 2.0, np.ones(D - 2)],
    "heavy-tailed": lambda rng, n: np.clip(rng.standard_t(2, size=(n, D)), -9, 9),
    "even": lambda rng, n: rng.uniform(-3, 3, size=(n, D)) * np.r_[2.0, np.ones(D - 1)],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [40, 200])
def test_what_has_one_peak_is_one_group_however_it_is_shaped(shape, size):
    several = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        several += asked(SHAPES[shape](rng, size) + 2, rng.normal(size=(500, D))).answer == "several"
    assert several <= 1


def clustered(rng, shares, n):
    sizes = np.round(np.array(shares) * n).astype(int)
    return clouds(rng, [(axis, 7) for axis in range(len(shares))], sizes)


def test_a_random_seed_has_no_groups_of_its_own_although_the_base_has():
    several = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        everybody = rng.permutation(clustered(rng, [0.5, 0.5], 1000))
        several += asked(everybody[:100], everybody[100:]).answer == "several"
    assert several <= 1


def test_two_of_many_clusters_are_two_groups_and_one_of_them_is_one():
    rng = np.random.default_rng(0)
    others = clustered(rng, [0.125] * 8, 1600)
    assert len(asked(clouds(rng, [(0, 7), (1, 7)], [50, 50]), others).members) == 2
    assert asked(clouds(rng, [(0, 7)], [100]), others).answer == "one"


def test_clusters_of_the_base_in_other_proportions_are_groups():
    rng = np.random.default_rng(0)
    others = clustered(rng, [0.95, 0.05], 1000)
    found = asked(clouds(rng, [(0, 7), (1, 7)], [50, 50]), others)
    assert len(found.members) == 2
    assert found.splits[0].base[1] < 0.05  # the valley is the base's, too


@pytest.mark.parametrize(
    ("first", "half_way", "second", "base", "counts"),
    [
        (900, 300, 800, (0.4, 0.3, 0.4), True),
        (900, 700, 800, (0.4, 0.5, 0.4), False),  # a valley, but a shallow one
        (900, 300, 800, (0.45, 0.18, 0.4), False),  # the base's valley is nearly as deep
        (900, 300, 800, (0.6, 0.15, 0.2), True),  # but holds the sides in other proportions
    ],
)
def test_what_large_numbers_alone_make_significant_does_not_count(first, half_way, second, base, counts):
    split = Split(first, half_way, second, base, p_valley=1e-9, p_own=1e-9)
    assert split.counts is counts
    assert not replace(split, p_valley=0.02).counts
    assert not replace(split, p_own=0.02).counts


def test_few_members_cannot_be_judged():
    rng = np.random.default_rng(0)
    found = asked(clouds(rng, [(0, 9), (1, 9)], [14, 14]), rng.normal(size=(100, D)))
    assert found.answer == "too few"
    assert [len(members) for members in found.members] == [28]
    assert found.splits == ()


def test_members_who_are_all_alike_are_one_group():
    assert asked(np.ones((50, D)), np.random.default_rng(0).normal(size=(100, D))).answer == "one"


def test_members_without_behaviour_are_in_no_group():
    rng = np.random.default_rng(0)
    vectors = np.vstack([clouds(rng, [(0, 7), (1, 7)], [50, 50]), rng.normal(size=(500, D))]).astype(np.float32)
    vectors[[3, 99]] = 0
    ids = np.array([f"c{i:05d}" for i in range(600)])
    found = find_groups(vectors, ids, np.arange(100), np.arange(100, 600))
    assert sum(len(members) for members in found.members) == 98
    assert not np.isin([3, 99], np.concatenate(found.members)).any()


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(0)
    vectors = np.vstack([clouds(rng, [(0, 6), (1, 6)], [60, 40]), rng.normal(size=(400, D))]).astype(np.float32)
    ids = np.array([f"c{i:05d}" for i in range(500)])
    order = rng.permutation(500)
    found = find_groups(vectors, ids, np.arange(100), np.arange(100, 500))
    again = find_groups(vectors[order], ids[order], np.flatnonzero(order < 100), np.flatnonzero(order >= 100))
    assert [set(ids[m]) for m in found.members] == [set(ids[order][m]) for m in again.members]


@pytest.mark.parametrize(
    ("first", "half_way", "second", "expected"),
    [
        (2, 0, 3, 1 / 4),  # of the thinner side: both of two members on it
        (3, 1, 9, 5 / 16),  # at most one of four half-way
        (0, 0, 5, 1.0),  # nobody on one side: no valley
    ],
)
def test_the_valley_is_judged_by_its_thinner_side(first, half_way, second, expected):
    assert valley_test(first, half_way, second) == pytest.approx(expected)


def test_one_peak_is_called_a_valley_in_at_most_one_of_a_hundred():
    rng = np.random.default_rng(0)
    even = rng.multinomial(60, [1 / 3] * 3, size=2000)  # the hardest distribution with one peak: none
    assert np.mean([valley_test(*row) <= 0.01 for row in even]) <= 0.01
