import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.segment.activity.movement import ABSENT, transitions
from pipeline.segment.cells import merged_counts

ORDER = ("new", "loyal", "lapsed")


def moved(*pairs):
    was = np.array([a for a, _, n in pairs for _ in range(n)], dtype=object)
    now = np.array([b for _, b, n in pairs for _ in range(n)], dtype=object)
    return was, now


def test_shares_intervals_and_baselines():
    was, now = moved(("new", "loyal", 60), ("new", "lapsed", 40), ("loyal", "loyal", 100), (None, "new", 50))
    table = transitions(was, now, ORDER, 20).set_index(["was", "is"])
    row = table.loc[("new", "loyal")]
    assert (row["n"], row["n_was"], row["share"]) == (60, 100, 0.6)
    exact = binomtest(60, 100).proportion_ci(method="wilson")
    assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high))
    assert row["baseline"] == pytest.approx(160 / 250)
    assert table.loc[("not there yet", "new"), "n"] == 50
    assert table["n"].sum() == 250


def test_small_cells_are_merged_or_left_out_of_every_figure():
    was, now = moved(
        ("new", "loyal", 60), ("new", "lapsed", 12), ("new", "new", 11), ("loyal", "loyal", 70), ("loyal", "new", 3)
    )
    table = transitions(was, now, ORDER, 20).set_index(["was", "is"])
    assert table.index.tolist() == [("new", "loyal"), ("new", "other"), ("loyal", "loyal")]
    assert table.loc[("new", "other"), "n"] == 23
    assert table.loc[("loyal", "loyal"), "n_was"] == 70  # the three do not follow from a total
    assert table.loc[("new", "other"), "baseline"] == pytest.approx((12 + 14) / 156)


def test_no_count_below_the_limit_is_ever_told():
    rng = np.random.default_rng(0)
    for _ in range(50):
        counts = {name: int(n) for name, n in zip("abcdef", rng.integers(0, 60, 6), strict=True)}
        shown = merged_counts(counts, 20)
        assert sum(shown.values()) == sum(counts.values())
        assert all(n >= 20 for n in shown.values()) or sum(counts.values()) < 20
        assert all(n >= 20 for n in merged_counts(counts, 20, leave_out=True).values())


def test_who_was_not_there_yet_is_told_whether_nothing_or_nan_stands_for_it():
    now = np.array(["loyal"] * 30, dtype=object)
    for absent in (None, float("nan")):
        was = np.array([absent] * 30, dtype=object)
        found = transitions(was, now, ("loyal",), 20)
        assert found[["was", "is", "n"]].to_numpy().tolist() == [[ABSENT, "loyal", 30]]
