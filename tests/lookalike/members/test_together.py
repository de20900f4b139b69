"""From scores to what is exported: the parts together, in the order in which they must be used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.lookalike.members.available import available
from pipeline.lookalike.members.control import draw_control, held_back
from pipeline.lookalike.members.export import export_tables
from pipeline.lookalike.members.mix import cells_of, check_keep, keep_mix
from pipeline.lookalike.seed.matching import best_first

N = 6000


@pytest.fixture(scope="module")
def town():
    rng = np.random.default_rng(0)
    ids = np.array([f"c{i:05d}" for i in range(N)])
    sex = rng.choice(np.array(["f", "m", None], dtype=object), N, p=[0.4, 0.3, 0.3])
    scores = rng.random(N) + 0.3 * (sex == "f")
    return ids, pd.DataFrame({"sex": sex}), scores, rng.permutation(N) < 200


def made(town, shift=0.0, size=300):
    """Return members and those held back; `shift` changes scores after the control group was sealed."""
    ids, portraits, scores, seed = town
    scores = scores + shift * np.cos(np.arange(N))
    free = available(ids, seed, suppress=ids[:500], exclude=ids[400:800])
    control = draw_control(ids, free.free, 0.2, "spring")
    left = free.without_control(control.drawn)
    left.checked_size(size)
    check_keep(["sex"], portraits.columns)
    cells = cells_of(portraits, ["sex"])
    mix = keep_mix(ids, scores, left.free, cells, seed, size)
    rows = np.flatnonzero(free.free)
    order = rows[best_first(ids[rows], scores[rows])]
    back = held_back(mix.members, control.drawn, order, cells.cell)
    return control, left, mix, back, export_tables(ids, scores, mix.members, back, [""] * size)


def test_nobody_is_contacted_who_must_not_be(town):
    ids, _, _, seed = town
    control, left, mix, back, export = made(town)
    forbidden = {*ids[seed], *ids[:800], *ids[control.drawn]}
    assert not forbidden & set(export.members["customer_id"])
    assert set(export.control["customer_id"]) == set(ids[back])
    assert set(ids[back]) <= set(ids[control.drawn]) - set(ids[seed]) - set(ids[:800])
    assert left.n_free + left.n_control + left.n_seed + left.suppressed.n_taken + left.excluded.n_taken == N
    assert len(mix.members) == 300


def test_those_held_back_are_like_the_members(town):
    _, portraits, scores, _ = town
    _, _, mix, back, export = made(town)
    # A fifth of the free customers is held back at random, so of the would-be members as well.
    n = len(mix.members) + len(back)
    assert abs(len(back) / n - 0.2) < 4 * np.sqrt(0.16 / n)
    shares = [portraits["sex"].iloc[rows].value_counts(normalize=True, dropna=False) for rows in (mix.members, back)]
    assert (shares[0] - shares[1]).abs().max() < 0.15
    spread = scores[mix.members].std() * np.sqrt(1 / len(back) + 1 / 300)
    assert abs(scores[back].mean() - scores[mix.members].mean()) < 4 * spread
    assert sorted([*export.members["rank"], *export.control["rank"]]) == list(range(1, n + 1))


def test_the_control_group_is_the_same_whatever_the_ranking_says(town):
    one, other = made(town), made(town, shift=2.0)
    assert one[0].seal == other[0].seal
    assert set(one[2].members) != set(other[2].members)
