from __future__ import annotations

import numpy as np
import pytest

from pipeline.value.locomotives import Ahead, locomotives, remaining_value
from pipeline.value.membership import Groups
from pipeline.value.resampling import in_first_half


def planted(seed=0, n=2000):
    """Members of `rich` (a fifth) bring three times as much; `many` is half of all and brings the average."""
    rng = np.random.default_rng(seed)
    rich, many, rare = rng.random(n) < 0.2, rng.random(n) < 0.5, np.arange(n) < 12
    worth = rng.gamma(1.0, 10.0, n) * np.where(rich, 3.0, 1.0)
    weight = np.column_stack([rich, ~rich, many, rare]).astype(float)
    groups = Groups(("rich", "others", "many", "rare"), ("profile",) * 4, weight)
    return groups, worth, in_first_half([f"c{i}" for i in range(n)])


def found(groups, worth, first, ahead=None, min_cell=20, top=1):
    return locomotives(groups, worth, first, ahead, top, min_cell, 200, 0).set_index("group")


def test_a_planted_locomotive_is_found_on_one_half_and_holds_on_the_other():
    table = found(*planted())
    rich = table.loc["rich"]
    assert (rich["rank"], rich["on_top"], rich["first_place"]) == (1, 1, 1)
    # 3 against a mean of 0.2 * 3 + 0.8 * 1
    assert rich["lift_low"] < 3 / 1.4 < rich["lift_high"]
    assert rich["lift_low"] > 1.5
    assert rich["value_share_low"] < 0.6 / 1.4 < rich["value_share_high"]
    many = table.loc["many"]
    assert many["lift_low"] < 1 < many["lift_high"]


def test_figures_of_the_other_half_by_hand():
    groups, worth, first = planted(n=200)
    row = found(groups, worth, first, min_cell=5).loc["rich"]
    other, rich = ~first, groups.weight[:, 0] == 1
    assert row["members"] == (rich & other).sum()
    assert row["value_share"] == pytest.approx(worth[rich & other].sum() / worth[other].sum())
    assert row["lift"] == pytest.approx(worth[rich & other].mean() / worth[other].mean())
    more = worth[rich & other].sum() - (rich & other).sum() * worth[other].mean()
    assert row["excess"] == pytest.approx(more / worth[other].sum())


def test_those_of_whom_nothing_is_known_do_not_make_a_value_look_dear():
    """Nothing is known of the poorer half; among the others belonging says nothing."""
    rng = np.random.default_rng(1)
    known = rng.random(3000) < 0.5
    worth = rng.gamma(1.0, 10.0, 3000) * np.where(known, 4.0, 1.0)
    weight = np.where(known, (rng.random(3000) < 0.5) * 1.0, np.nan)[:, None]
    first = in_first_half([f"c{i}" for i in range(3000)])
    row = found(Groups(("a",), ("profile",), weight), worth, first).loc["a"]
    assert row["lift_low"] < 1 < row["lift_high"]
    assert row["lift"] < 1.15  # 1.6 against everybody


def test_expected_members_count_with_their_probability():
    groups, worth, first = planted()
    half = Groups(groups.names, groups.kinds, 0.5 * groups.weight)
    sure, unsure = found(groups, worth, first).loc["rich"], found(half, worth, first).loc["rich"]
    assert unsure["members"] == pytest.approx(sure["members"] / 2)
    assert unsure["lift"] == pytest.approx(sure["lift"])


def test_small_groups_are_hidden():
    assert "rare" not in found(*planted()).index
    assert "rare" in found(*planted(), min_cell=1).index
    assert found(*planted(), min_cell=10**6).empty


def test_groups_of_no_worth_are_rarely_on_top():
    """Twenty groups by chance: the first of one half is above average on the other in about half of the draws."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        weight = (rng.random((400, 20)) < 0.3).astype(float)
        groups = Groups(tuple(f"g{i}" for i in range(20)), ("profile",) * 20, weight)
        first = in_first_half([f"{seed}:{i}" for i in range(400)])
        table = locomotives(groups, rng.gamma(1.0, 10.0, 400), first, None, 1, 20, 100, 0)
        held += table["lift_low"].iloc[0] > 1
    assert held <= 5  # 2.5 % of 40 by chance


def test_kinds_are_ranked_each_for_itself():
    groups, worth, first = planted()
    mixed = Groups(groups.names, ("segment", "profile", "profile", "segment"), groups.weight)
    table = found(mixed, worth, first, min_cell=5)
    assert (table.loc["rich", "kind"], table.loc["rich", "rank"]) == ("segment", 1)
    assert table.loc["many", "rank"] == 1


def test_the_loss_is_what_is_expected_less_what_the_lapsed_still_bring():
    groups, worth, first = planted()
    expected = np.where(groups.weight[:, 0] == 1, 30.0, 10.0)
    row = found(groups, worth, first, Ahead(groups, expected, 4.0, 0.1)).loc["rich"]
    n = groups.weight[:, 0].sum()
    assert (row["now_members"], row["now_value"], row["loss"]) == (n, 30 * n, pytest.approx(26 * n))
    assert row["now_value_share"] == pytest.approx(30 * n / expected.sum())
    # at least the error of sums: exp(1.96 * 0.1)
    assert row["loss_high"] / row["loss"] > np.exp(0.196)
    assert row["loss_low"] == pytest.approx(row["loss"] ** 2 / row["loss_high"])


def test_who_was_idle_tells_what_remains():
    assert remaining_value(np.array([0.0, 0.0, 9.0]), np.array([4.0, 0.0, 90.0])) == 2
    assert remaining_value(np.array([1.0]), np.array([5.0])) == 0
