import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from pipeline.segment.overlap import overlaps


def members(**segments):
    pairs = [(f"c{who}", name) for name, own in segments.items() for who in own]
    return pd.Series([who for who, _ in pairs]), pd.Series([name for _, name in pairs])


def test_shares_lifts_and_intervals_of_sets_written_by_hand():
    table = overlaps(*members(a=range(100), b=range(60, 160)), 400, 20).set_index(["segment", "other"])
    row = table.loc[("a", "b")]
    assert (row["n"], row["n_segment"], row["n_other"]) == (40, 100, 100)
    assert (row["share"], row["baseline"], row["lift"]) == pytest.approx((0.4, 0.25, 1.6))
    exact = binomtest(40, 100).proportion_ci(method="wilson")
    assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high))
    assert len(table) == 2


@pytest.mark.parametrize("n_both", [1, 19, 81, 99])
def test_few_in_both_or_in_one_alone_have_no_figures(n_both):
    table = overlaps(*members(a=range(100), b=range(100 - n_both, 200)), 400, 20).set_index(["segment", "other"])
    assert table.loc[("a", "b"), ["n", "share", "low", "high", "lift"]].astype(float).isna().all()
    assert table.loc[("b", "a"), ["n", "share", "low", "high", "lift"]].astype(float).isna().all()


def test_nobody_in_both_is_told_and_small_segments_are_left_out():
    table = overlaps(*members(a=range(50), b=range(50, 100), c=range(19)), 400, 20)
    assert set(table["segment"]) == {"a", "b"}
    assert (table["share"] == 0).all()
    assert (table["high"] > 0).all()
    assert overlaps(*members(), 400, 20).empty


def test_it_is_that_of_a_slow_count():
    rng = np.random.default_rng(0)
    sets = {name: rng.choice(500, n, replace=False).tolist() for name, n in (("a", 200), ("b", 300), ("c", 90))}
    for _, row in overlaps(*members(**sets), 500, 1).iterrows():
        both = set(sets[row["segment"]]) & set(sets[row["other"]])
        assert row["n"] == len(both)
        assert row["share"] == pytest.approx(len(both) / len(sets[row["segment"]]))
