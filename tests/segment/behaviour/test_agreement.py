import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.segment.behaviour.agreement import agreement, matched, rand_index
from pipeline.segment.behaviour.names import keep_names


def test_the_index_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
        table = np.histogram2d(first, second, bins=(range(5), range(4)))[0]
        assert rand_index(table) == pytest.approx(adjusted_rand_score(first, second))


def test_renamed_labels_agree_and_the_interval_holds_the_value():
    first = np.repeat([0, 1, 2], 50)
    renamed = np.array([2, 0, 1])[first]
    same = agreement(first, renamed, 3, 0)
    assert (same.n, same.index, same.same) == (150, 1.0, 1.0)
    assert matched(first, renamed, 3, 3).tolist() == [1, 2, 0]
    noisy = np.where(np.random.default_rng(0).random(150) < 0.3, 0, renamed)
    found = agreement(first, noisy, 3, 0)
    assert found.low < found.index < found.high < 1
    assert found.same_low < found.same < found.same_high
    assert agreement(first[:0], first[:0], 3, 0) is None


def test_what_has_nothing_to_do_with_each_other_agrees_by_chance():
    rng = np.random.default_rng(1)
    found = agreement(rng.integers(0, 3, 2000), rng.integers(0, 3, 2000), 3, 0)
    assert found.low < 0.01
    assert abs(found.index) < 0.01


IDS = np.array([f"c{i:03d}" for i in range(100)])
BEFORE = pd.Series(["tea"] * 50 + ["milk"] * 50, index=IDS)


def test_names_stay_with_most_of_their_members():
    labels = np.array([1] * 45 + [0] * 55)
    kept = keep_names(["new a", "new b"], IDS, labels, BEFORE)
    assert kept.names == ("milk", "tea")
    assert kept.kept == (True, True)
    assert (kept.n, kept.n_same) == (100, 95)


def test_a_cluster_of_others_gets_its_own_name():
    labels = np.array([0] * 50 + [1] * 20 + [2] * 30)
    kept = keep_names(["x", "y", "tea"], IDS, labels, BEFORE)
    assert kept.names == ("tea", "y", "milk")  # thirty of fifty are more than half, twenty are not
    labels = np.array([0, 1] * 50)
    assert keep_names(["tea", "y"], IDS, labels, BEFORE).names[1] in ("y", "milk", "tea")
    assert keep_names(["x"], IDS, np.zeros(100, dtype=np.int64), None).names == ("x",)


def test_no_two_segments_have_one_name():
    labels = np.array([0] * 30 + [1] * 70)
    for names in (["milk", "tea"], ["tea", "milk"], ["tea", "z"]):
        found = keep_names(names, IDS, labels, BEFORE).names
        assert len(set(found)) == 2
