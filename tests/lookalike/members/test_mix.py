"""Audiences that keep a mix: quotas by hand, and laws for any data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.columns import UNKNOWN
from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.members.mix import cells_of, check_keep, keep_mix, largest_remainder
from pipeline.lookalike.members.mix_price import Halving, price


def ids_of(n):
    return np.array([f"c{i:05d}" for i in range(n)])


def everybody(n):
    return np.ones(n, dtype=bool)


def test_values_that_are_not_stated_are_a_group_of_their_own():
    cells = cells_of(pd.DataFrame({"sex": ["m", None, "f", float("nan"), "m"]}), ["sex"])
    assert cells.levels == (("f", "m", UNKNOWN),)
    assert cells.codes.ravel().tolist() == [1, 2, 0, 2, 1]


def test_each_group_gets_its_share_and_within_it_the_best():
    sex = np.array(["m"] * 6 + ["f"] * 6)
    scores = np.concatenate([np.linspace(0.9, 0.7, 6), np.linspace(0.6, 0.1, 6)])
    cells = cells_of(pd.DataFrame({"sex": sex}), ["sex"])
    seed = np.zeros(12, dtype=bool)
    seed[[5, 9, 10, 11]] = True  # one man, three women
    mix = keep_mix(ids_of(12), scores, ~seed, cells, seed, size=4)
    assert (mix.joint, mix.shortfall) == (False, 0)
    assert mix.members.tolist() == [0, 6, 7, 8]
    assert mix.table[["value", "asked", "reached"]].values.tolist() == [["f", 3.0, 3], ["m", 1.0, 1]]


def test_joint_cells_are_kept_when_they_are_few():
    # In the reference attributes go together; in the base they do not.
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, 4000).astype(str), rng.integers(0, 2, 4000).astype(str)
    reference = np.zeros(4000, dtype=bool)
    reference[np.flatnonzero(a == b)[:400]] = True
    cells = cells_of(pd.DataFrame({"a": a, "b": b}), ["a", "b"])
    mix = keep_mix(ids_of(4000), rng.random(4000), ~reference, cells, reference, size=200)
    assert mix.joint
    assert (a[mix.members] == b[mix.members]).all()
    few = keep_mix(ids_of(4000), rng.random(4000), ~reference, cells, reference, size=8)
    assert not few.joint
    assert few.table["reached"].tolist() == pytest.approx(few.table["asked"].tolist(), abs=1.0)


def test_margins_are_kept_when_joint_cells_are_many():
    rng = np.random.default_rng(1)
    n = 20_000
    frame = pd.DataFrame({f"a{j}": rng.choice(list("wxyz"), n, p=[0.4, 0.3, 0.2, 0.1]) for j in range(4)})
    reference = np.zeros(n, dtype=bool)
    tilt = np.where(frame["a0"] == "z", 4.0, 1.0) * np.where(frame["a1"] == "w", 0.5, 1.0)
    reference[rng.choice(n, 2000, replace=False, p=tilt / tilt.sum())] = True
    scores = rng.random(n) + (frame["a0"] == "w").to_numpy()  # the ranking alone would take w only
    mix = keep_mix(ids_of(n), scores, ~reference, cells_of(frame, list(frame)), reference, size=600)
    assert not mix.joint  # 256 cells, 600 members
    assert len(set(mix.members.tolist())) == 600
    for name in frame:
        wanted = frame[name][reference].value_counts(normalize=True)
        got = frame[name].iloc[mix.members].value_counts(normalize=True)
        assert (got - wanted).abs().max() < 0.03


def test_a_cell_that_is_short_gives_to_the_nearest_and_the_shortfall_is_told():
    # The reference asks for 4 of (m, old); there are 3; the nearest cell with anybody left is (m, young).
    frame = pd.DataFrame({"sex": ["m"] * 4 + ["f"] * 6 + ["m"] * 3 + ["m"] * 8 + ["f"] * 20}, dtype=object)
    frame["age"] = ["old"] * 4 + ["young"] * 6 + ["old"] * 3 + ["young"] * 8 + ["old"] * 5 + ["young"] * 15
    reference = np.arange(len(frame)) < 10
    scores = np.linspace(0.0, 1.0, len(frame))
    mix = keep_mix(
        ids_of(len(frame)), scores, ~reference, cells_of(frame, ["sex", "age"]), reference, 10, tolerance=0.1
    )
    assert (mix.joint, mix.shortfall) == (True, 1)
    got = frame.iloc[mix.members].value_counts().to_dict()
    assert got[("m", "old")] == 3
    assert got[("f", "young")] == 6
    # (m, young) and (f, old) are equally near; (m, young) has more left: eight against five.
    assert got[("m", "young")] == 1


def test_a_quota_that_cannot_be_met_names_the_largest_size_that_can():
    sex = np.array(["m"] * 40 + ["f"] * 60)
    cells = cells_of(pd.DataFrame({"sex": sex}), ["sex"])
    free = everybody(100)
    free[:30] = False  # 10 men are left
    with pytest.raises(DataError, match=r"sex=m is 40\.0% of the mix, 20 of 50 members, but only 10 .* at most 28,"):
        keep_mix(ids_of(100), np.arange(100.0), free, cells, everybody(100), 50)
    assert keep_mix(ids_of(100), np.arange(100.0), free, cells, everybody(100), 28).shortfall == 1
    free[:40] = False
    with pytest.raises(DataError, match=r"only 0 such customers are available\. Take 'sex' out of 'keep'"):
        keep_mix(ids_of(100), np.arange(100.0), free, cells, everybody(100), 28)


@pytest.mark.parametrize("size", [0, 101])
def test_a_size_that_is_not_there_is_refused(size):
    cells = cells_of(pd.DataFrame({"sex": ["m"] * 100}), ["sex"])
    with pytest.raises(DataError, match=rf"size is {size}, 100 customers are available"):
        keep_mix(ids_of(100), np.arange(100.0), everybody(100), cells, everybody(100), size)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ([], "names no attribute"),
        (["gendre"], r"'gendre' is no attribute \(allowed: gender, age, wine\)\. Did you mean 'gender'"),
        (["age", "gender", "age"], "'age' is named twice"),
        (["gender", "wine"], "'wine' contradicts the seed"),
    ],
)
def test_a_mix_that_cannot_be_meant_is_refused(keep, message):
    with pytest.raises(ConfigError, match=message):
        check_keep(keep, ["gender", "age", "wine"], in_seed_rule=["wine"])
    check_keep(["gender", "age"], ["gender", "age", "wine"], in_seed_rule=["wine"])


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8), st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_quotas_are_amounts_rounded_up_or_down_and_sum_to_the_total(weights, total):
    amounts = total * (np.array(weights) + 0.01) / (np.array(weights) + 0.01).sum()
    quotas = largest_remainder(amounts, total)
    assert quotas.sum() == total
    assert (np.abs(quotas - amounts) < 1).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_for_any_data_members_are_free_distinct_in_order_and_best_within_their_cell(seed, size):
    rng = np.random.default_rng(seed)
    n = 120
    frame = pd.DataFrame({name: rng.choice(["x", "y", None], n) for name in ("a", "b")})
    scores, free, reference = rng.integers(0, 5, n) / 4, rng.random(n) < 0.7, rng.random(n) < 0.3
    reference[0], size = True, min(size, int(free.sum()))
    cells = cells_of(frame, ["a", "b"])
    mix = keep_mix(ids_of(n), scores, free, cells, reference, size, tolerance=1.0)
    assert len(set(mix.members.tolist())) == size == mix.quotas.sum() == mix.reached.sum()
    assert free[mix.members].all()
    keys = [(-scores[i], i) for i in mix.members]
    assert keys == sorted(keys)
    assert mix.reached.tolist() == cells.counts(np.isin(np.arange(n), mix.members)).tolist()
    left = free & ~np.isin(np.arange(n), mix.members)
    for i in mix.members:
        same = left & (cells.cell == cells.cell[i])
        assert scores[i] >= scores[same].max(initial=-1.0)
    shuffled = rng.permutation(n)
    again = keep_mix(
        ids_of(n)[shuffled],
        scores[shuffled],
        free[shuffled],
        cells_of(frame.iloc[shuffled], ["a", "b"]),
        reference[shuffled],
        size,
        tolerance=1.0,
    )
    assert ids_of(n)[shuffled][again.members].tolist() == ids_of(n)[mix.members].tolist()


def test_the_price_is_the_paired_difference_of_recall():
    # Ten ranked customers, men first; four hidden, three of them men. Half of the members must be women.
    sex = np.array(["m", "m", "m", "m", "m", "f", "f", "f", "f", "f"])
    hidden = np.isin(np.arange(10), [0, 1, 2, 6])
    part = Halving(hidden, -np.arange(10.0), everybody(10), everybody(10))
    found = price(ids_of(10), [part, part], cells_of(pd.DataFrame({"sex": sex}), ["sex"]), size=4)
    assert (found.recall_without, found.recall_with) == (0.75, 0.75)  # loses the third man, gains the second woman
    assert (found.lift_without, found.share, found.n_hidden, found.n_repeats) == (0.75 / 0.4, 0.4, 4, 2)
    # moves of the hidden: 0, 0, -1, +1; variance of their mean: (1 + 1) / 4**2
    margin = 1.96 * np.sqrt(2 / 16)
    assert (found.difference, found.low, found.high) == (0, pytest.approx(-margin), pytest.approx(margin))
    assert "75.0% to 75.0%" in found.words()


def test_a_price_needs_hidden_members():
    cells = cells_of(pd.DataFrame({"sex": ["m"] * 4}), ["sex"])
    nobody = Halving(np.zeros(4, dtype=bool), np.zeros(4), everybody(4), everybody(4))
    for parts in ([], [nobody]):
        with pytest.raises(DataError, match="in which somebody is hidden"):
            price(ids_of(4), parts, cells, 2)
