"""Control groups: drawn by lot alone, sealed, comparable, and as large as the effect asks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.members.control import detectable_lift, draw_control, held_back, seal, verify_seal
from pipeline.lookalike.seed.matching import best_first
from pipeline.split import hash32

IDS = np.array([f"c{i:05d}" for i in range(5000)])
ALL = np.ones(5000, dtype=bool)


def test_the_lot_is_the_portable_hash_of_audience_salt_and_id():
    group = draw_control(IDS, ALL, 0.1, "spring", "s")
    expected = [hash32(f"control:spring:s:{name}") / 2**32 < 0.1 for name in IDS]
    assert group.drawn.tolist() == expected
    assert abs(group.drawn.mean() - 0.1) < 4 * np.sqrt(0.09 / 5000)


def test_who_else_is_free_and_in_which_order_changes_nobodys_lot():
    whole = set(IDS[draw_control(IDS, ALL, 0.1, "spring").drawn])
    free = np.arange(5000) % 2 == 0
    assert set(IDS[draw_control(IDS, free, 0.1, "spring").drawn]) == whole & set(IDS[free])
    order = np.random.default_rng(0).permutation(5000)
    mixed = draw_control(IDS[order], ALL, 0.1, "spring")
    assert set(IDS[order][mixed.drawn]) == whole
    assert mixed.seal == draw_control(IDS, ALL, 0.1, "spring").seal
    assert whole < set(IDS[draw_control(IDS, ALL, 0.2, "spring").drawn])


def test_audiences_have_independent_control_groups():
    one, other = (draw_control(IDS, ALL, 0.2, name).drawn for name in ("spring", "autumn"))
    assert abs((one & other).mean() - 0.04) < 4 * np.sqrt(0.04 * 0.96 / 5000)
    assert (draw_control(IDS, ALL, 0.2, "spring", "again").drawn != one).any()


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ConfigError, match=r"it must be above 0 and at most 0\.5"):
        draw_control(IDS, ALL, share, "spring")


def test_a_group_of_nobody_is_refused():
    with pytest.raises(DataError, match="3 customers are available and a share of 1e-06 drew nobody"):
        draw_control(IDS[:3], ALL[:3], 1e-6, "spring")


@pytest.mark.parametrize(
    "changed", [["a", "b"], ["a", "b", "c", "d"], ["a", "b", "C"], ["ab", "c"], ["a", "b", "c", "c"]]
)
def test_the_seal_breaks_when_anything_changes(changed):
    sealed = seal(["c", "a", "b"])
    verify_seal(["a", "b", "c"], sealed)
    with pytest.raises(DataError, match="the seal is broken"):
        verify_seal(changed, sealed)


def test_held_back_are_those_of_the_control_group_who_would_have_been_members():
    # Order of scores: 0 1 2 3 4 5; control: 1 and 4. Two members: 0 and 2. Only 1 stands before the last of them.
    control = np.isin(np.arange(6), [1, 4])
    order, one_cell = np.arange(6), np.zeros(6, dtype=int)
    assert held_back(np.array([0, 2]), control, order, one_cell).tolist() == [1]
    assert held_back(np.array([0, 2, 3, 5]), control, order, one_cell).tolist() == [1, 4]
    # In cells of their own, even positions and odd ones: member 0 of the even cell ends before 4; nobody odd is chosen.
    assert held_back(np.array([0]), control, order, order % 2).tolist() == []
    # All of the even cell that are no control are chosen: the cell is used up, and 4 would have been chosen, too.
    assert held_back(np.array([0, 2]), control, order, order % 2).tolist() == [4]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_without_a_control_group_members_and_held_back_would_have_been_the_audience(seed, size):
    rng = np.random.default_rng(seed)
    ids, scores, control = IDS[:60], rng.integers(0, 9, 60) / 8, rng.random(60) < 0.3
    order = best_first(ids, scores)
    chosen = order[~control[order]][:size]
    back = held_back(chosen, control, order, np.zeros(60, dtype=int))
    together = len(chosen) + len(back)
    if len(chosen) < (~control).sum():  # the last of the audience is a member, by construction
        assert set(chosen.tolist()) | set(back.tolist()) == set(order[:together].tolist())
    else:
        assert set(back.tolist()) == set(np.flatnonzero(control).tolist())


@pytest.mark.parametrize(("m", "n", "rate"), [(9000, 1000, 0.05), (2000, 2000, 0.02), (20_000, 2000, 0.01)])
def test_the_detectable_lift_is_detected_in_four_of_five_campaigns(m, n, rate):
    found = detectable_lift(m, n, rate)
    rng = np.random.default_rng(0)
    draws = 40_000

    def detected(lift):
        one, other = rng.binomial(m, rate + lift, draws), rng.binomial(n, rate, draws)
        p = (one + other) / (m + n)
        z = (one / m - other / n) / np.sqrt(p * (1 - p) * (1 / m + 1 / n))
        return (np.abs(z) > 1.959964).mean()

    assert detected(found.absolute) == pytest.approx(0.80, abs=0.02)
    assert detected(0.0) == pytest.approx(0.05, abs=0.01)
    assert found.relative == pytest.approx(found.absolute / rate)
    assert found.enough


def test_what_cannot_be_detected_is_said():
    assert "no lift of a response rate of 50.00% can be detected" in detectable_lift(3, 2, 0.5).words()
    few = detectable_lift(1000, 50, 0.02)
    assert not few.enough
    assert few.words().endswith("So few responders are expected that even this is optimistic.")


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_impossible_rates_and_empty_groups_are_refused(rate):
    with pytest.raises(ConfigError, match="must be between 0 and 1"):
        detectable_lift(10, 10, rate)
    with pytest.raises(DataError, match="10 contacted and 0 held back: one group is empty"):
        detectable_lift(10, 0, 0.1)
