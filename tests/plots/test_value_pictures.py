import numpy as np
import pandas as pd
import pytest

from pipeline.plots import concentration, expected_and_came, ideal_profiles, locomotives

CURVE = pd.DataFrame({"customers": [0, 0.5, 1], "value": [0, 0.8, 1], "low": [0, 0.7, 1], "high": [0, 0.9, 1.0]})
TENTHS = pd.DataFrame({"part": [1, 2], "n": [5, 5], "expected": [1.0, 9.0], "came": [2.0, 8.0]}).assign(
    standard_error=0.5
)
GROUPS = pd.DataFrame({"group": ["нет=$x^", "b=" + "y" * 80], "lift": [2.0, np.nan], "lift_low": [1.5, np.nan]}).assign(
    lift_high=[2.5, np.nan], value_share=[0.4, 0.1], on_top=[1.0, 0.0]
)
IDEALS = pd.DataFrame(
    {"goal": ["profit"], "description": ["a=$b_ and " * 12], "found_lift": [2.0], "lift": [1.8]}
).assign(lift_low=1.2, lift_high=2.4, members=40.0, n=90)


@pytest.mark.parametrize("curve", [CURVE, CURVE[:0]])
def test_a_curve_is_drawn_or_it_is_said_that_there_is_none(curve, picture):
    picture(concentration, curve, gini="0.5 [0.4, 0.6]", n=10)


@pytest.mark.parametrize("tenths", [TENTHS, TENTHS[:1], TENTHS[:0]])
def test_tenths_are_drawn(tenths, picture):
    picture(expected_and_came, tenths, method="boosted")


@pytest.mark.parametrize("groups", [GROUPS, GROUPS[:0]])
def test_groups_are_drawn(groups, picture):
    picture(locomotives, groups, n=100)


@pytest.mark.parametrize("ideals", [IDEALS, IDEALS[:0]])
def test_descriptions_are_drawn(ideals, picture):
    picture(ideal_profiles, ideals)


def test_pictures_say_what_they_show(texts_of):
    assert "10 customers, Gini 0.5 [0.4, 0.6]" in " ".join(
        texts_of(concentration, CURVE, gini="0.5 [0.4, 0.6]", n=10).split()
    )
    said = texts_of(locomotives, GROUPS, n=100)
    assert "нет=$x^ (40 %)" in said
    assert "no group is large enough" in texts_of(locomotives, GROUPS[:0], n=0)
    assert "profit: " in texts_of(ideal_profiles, IDEALS)
