"""How a seed differs from the base: shares, lifts, intervals and corrections by hand and by planted truth."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.stats import fisher_exact

from pipeline.lookalike.doctor.difference import telling, told
from pipeline.lookalike.doctor.differences import _adjusted, differences, holders, two_shares_test
from pipeline.lookalike.population import Base


def of(rows, name):
    return next(row for row in rows if row.name == name)


def small(tokens, dense=None):
    """Return a base of given tokens (n, 2) whose first half is to be compared with the second."""
    n = len(tokens)
    dense = np.zeros(n) if dense is None else np.asarray(dense, dtype=float)
    return Base(
        ids=np.array([f"c{i:03d}" for i in range(n)]),
        X=sp.csr_matrix(np.column_stack([dense, tokens])),
        vectors=np.ones((n, 2), dtype=np.float32),
        names=np.array(["shop__amount__sum__all", "shop__item=tea", "shop__item=salt"]),
        n_dense=1,
    )


def test_shares_and_their_ratio_by_hand():
    tea = np.r_[np.ones(30), np.zeros(10), np.ones(10), np.zeros(30)]
    found = of(differences(small(np.column_stack([tea, 1 - tea])), np.arange(40), np.arange(40, 80)), "shop__item=tea")
    assert (found.ours, found.theirs, found.n_ours, found.n_theirs) == (0.75, 0.25, 40, 40)
    assert found.lift == pytest.approx(30.5 / 10.5)  # one half is added to each count
    # Both tokens are significant, so the level stays 95 %.
    half = 1.959964 * np.sqrt(1 / 30.5 - 1 / 40.5 + 1 / 10.5 - 1 / 40.5)
    assert (found.low, found.high) == pytest.approx((found.lift * np.exp(-half), found.lift * np.exp(half)))
    assert found.words == "shop: item tea"
    assert told(found) == "shop: item tea: 75% against 25%, 2.9 times the others' (1.7 to 5)"


@pytest.mark.parametrize(("k", "n", "k0", "n0"), [(3, 9, 1, 40), (0, 20, 9, 30), (7, 10, 8, 11)])
def test_small_counts_are_tested_exactly(k, n, k0, n0):
    ours = two_shares_test(*(np.array([value]) for value in (k, n, k0, n0)))[0]
    table = [[k, n - k], [k0, n0 - k0]]
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    assert ours == pytest.approx(min(1, 2 * min(tails)))


def test_large_counts_are_tested_nearly_as_exactly():
    ours = two_shares_test(*(np.array([value]) for value in (130, 300, 350, 1000)))[0]
    assert ours == pytest.approx(fisher_exact([[130, 170], [350, 650]]).pvalue, rel=0.25)


def test_the_correction_by_hand():
    q, z = _adjusted(np.array([0.5, 0.01, 0.03, 0.02]))
    assert q.tolist() == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert z == pytest.approx(2.080278, abs=1e-5)  # three of four are picked: 5 % * 3 / 4, half of it on each side


def test_planted_likings_come_first_and_little_else(base, planted):
    rows = differences(base, np.flatnonzero(planted), np.flatnonzero(~planted))
    liked = [f"shop__item={i:02d}" for i in range(5)]
    assert all(of(rows, name).significant and of(rows, name).lift > 1.5 for name in liked)
    assert [row.name in liked for row in telling(rows, 2, more_only=True)] == [True, True]
    unrelated = [row for row in rows if row.kind == "token" and int(row.name[-2:]) >= 15]
    assert len(unrelated) == 45
    assert sum(row.significant for row in unrelated) <= 3


def test_between_random_halves_hardly_anything_is_significant(plain):
    false = 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(plain))
        rows = differences(plain, order[:100], order[100:])
        false += any(row.significant for row in rows if row.kind == "token")
    assert false <= 3  # 5 % of 20, and luck


def test_intervals_of_what_is_picked_hold_the_true_ratio():
    rng = np.random.default_rng(0)
    ours, theirs = rng.uniform(0.1, 0.6, (2, 400))
    n, n0 = 100, 400
    tokens = np.vstack([rng.random((n, 400)) < ours, rng.random((n0, 400)) < theirs]).astype(float)
    base = Base(
        ids=np.array([f"c{i:03d}" for i in range(n + n0)]),
        X=sp.csr_matrix(tokens),
        vectors=np.ones((n + n0, 2), dtype=np.float32),
        names=np.array([f"shop__item={i:03d}" for i in range(400)]),
    )
    rows = differences(base, np.arange(n), np.arange(n, n + n0))
    truth = ours / theirs
    picked = [(row, truth[int(row.name[-3:])]) for row in rows if row.significant]
    assert 150 < len(picked) < 400
    assert np.mean([row.low <= ratio <= row.high for row, ratio in picked]) >= 0.95


def test_what_hardly_anybody_has_is_not_tested():
    tokens = np.zeros((80, 2))
    tokens[:9, 0] = 1
    tokens[:10, 1] = 1
    rows = differences(small(tokens), np.arange(40), np.arange(40, 80))
    assert [row.name for row in rows if row.kind == "token"] == ["shop__item=salt"]


def test_totals_are_compared_by_their_medians():
    amounts = np.r_[np.linspace(150, 250, 41), np.linspace(50, 150, 41)]
    base = small(np.ones((82, 2)), np.log1p(amounts))
    found = of(differences(base, np.arange(41), np.arange(41, 82)), "shop__amount__sum__all")
    assert (found.kind, found.words) == ("total", "shop: total amount")
    assert (found.ours, found.theirs, found.lift) == pytest.approx((200, 100, 2))
    assert 1.5 < found.low < 1.9 < 2.1 < found.high < 2.7
    assert found.significant
    assert told(found).startswith("shop: total amount: 2 times the others' (1.")


def test_a_median_of_nothing_has_no_ratio_and_is_not_told():
    base = small(np.ones((80, 2)), np.r_[np.ones(40), np.zeros(40)])
    rows = differences(base, np.arange(40), np.arange(40, 80))
    found = of(rows, "shop__amount__sum__all")
    assert found.significant
    assert np.isnan([found.lift, found.low, found.high]).all()
    assert telling(rows, 5) == []


def portraits(base, values, states):
    return pd.DataFrame({"customer_id": base.ids, "has_dog": values, "has_dog__state": states, "as_of": 0})


def test_attributes_count_where_they_are_stated():
    base = small(np.ones((80, 2)))
    values = np.array(["yes"] * 30 + ["no"] * 10 + ["yes"] * 10 + ["no"] * 30, dtype=object)
    states = np.array(["declared", "inferred"] * 40, dtype=object)
    values[:4], states[:4] = None, "withheld"
    table = portraits(base, values, states).sample(frac=1, random_state=0)  # in another order than the base
    rows = differences(base, np.arange(40), np.arange(40, 80), table[table.customer_id != base.ids[79]])
    assert [row.name for row in rows if row.kind == "attribute"] == ["has_dog=no", "has_dog=yes"]
    found = of(rows, "has_dog=yes")
    assert (found.ours, found.n_ours) == (26 / 36, 36)
    assert (found.theirs, found.n_theirs) == (10 / 39, 39)
    assert (found.subject, found.words) == ("has dog", "has dog: yes")


def test_an_attribute_of_nobody_is_left_out():
    base = small(np.ones((80, 2)))
    states = np.array(["withheld"] * 40 + ["declared"] * 40)
    rows = differences(base, np.arange(40), np.arange(40, 80), portraits(base, "yes", states))
    assert [row for row in rows if row.kind == "attribute"] == []


def test_at_most_two_of_a_subject_are_told(base, planted):
    rows = differences(base, np.flatnonzero(planted), np.flatnonzero(~planted))
    chosen = telling(rows, 10)
    assert sum(row.subject == "shop: item" for row in chosen) == 2


def test_holders_are_counted_without_stored_zeros():
    base = small(np.array([[1.0, 2], [0, 3], [4, 0]]))
    base.X.data[base.X.data == 4] = 0
    assert holders(base, np.arange(3)).tolist() == [1, 2]
    assert holders(base, np.array([1])).tolist() == [0, 1]
