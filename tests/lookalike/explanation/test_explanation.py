"""Explanations against planted worlds: what lifts an audience, why a customer is in it, who is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.explanation.factors import Factor, factors
from pipeline.lookalike.explanation.reasons import reasons
from pipeline.lookalike.explanation.surrogate import Surrogate
from pipeline.lookalike.members.representation import representation, share_ratio
from pipeline.lookalike.population import Base

NAMES = np.array(
    [
        "shop__amount__sum__all",
        "shop__item=WINE",
        "shop__item=BEER",
        "shop__colour=RED",
        "shop__colour=BLUE",
        "shop__town=X",
    ]
)


def world(n=2000):
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(5.0, 2.0, (n, 1)), (rng.random((n, 5)) < 0.3).astype(float)])
    return Base(np.array([f"c{i:05d}" for i in range(n)]), sp.csr_matrix(X), np.zeros((n, 1), np.float32), NAMES, 1)


BASE = world()
AMOUNT, WINE, BEER, RED = (BASE.X[:, j].toarray().ravel() for j in range(4))
SCORES = 3.0 * WINE + 1.5 * RED - 1.0 * BEER + 0.4 * (AMOUNT - 5)
TOP = np.zeros(len(BASE), dtype=bool)
TOP[np.argsort(-SCORES, kind="stable")[:200]] = True


@pytest.fixture(scope="module")
def surrogate():
    return Surrogate().fit(BASE, SCORES)


def test_the_approximation_tells_how_well_it_ranks_others(surrogate):
    assert surrogate.fidelity_.rank_correlation > 0.98
    noise = np.random.default_rng(1).random(len(BASE))
    lost = Surrogate().fit(BASE, noise).fidelity_
    assert abs(lost.rank_correlation) < 0.1
    assert lost.overlap < 0.2
    assert "linear approximation of the score, not from the score itself" in lost.words()


def test_a_score_that_no_sum_of_features_makes_is_told_by_a_low_correlation():
    either = np.logical_xor(WINE, RED) + 0.01 * np.random.default_rng(1).random(len(BASE))
    assert Surrogate().fit(BASE, either).fidelity_.rank_correlation < 0.7


def test_the_planted_factors_come_in_their_order(surrogate):
    found = factors(surrogate, BASE, TOP)
    lifted = {
        "shop: item": 3.0 * (WINE[TOP].mean() - WINE.mean()) - 1.0 * (BEER[TOP].mean() - BEER.mean()),
        "shop: amount": 0.4 * (AMOUNT[TOP].mean() - AMOUNT.mean()),
        "shop: colour": 1.5 * (RED[TOP].mean() - RED.mean()),
    }
    shares = {factor.subject: factor.share for factor in found}
    for name, amount in lifted.items():
        assert shares[name] == pytest.approx(amount / sum(lifted.values()), abs=0.05)
    assert found[0].subject == "shop: item"
    assert sum(factor.share for factor in found) == pytest.approx(1.0, abs=0.02)
    assert all(factor.low <= factor.share <= factor.high for factor in found)
    item = found[0].features[0]
    assert item.name == "shop__item=WINE"
    assert (item.share_members, item.share_base) == (WINE[TOP].mean(), WINE.mean())
    assert item.low < item.lift == WINE[TOP].mean() / WINE.mean() < item.high
    amount = next(factor for factor in found if factor.subject == "shop: amount").features[0]
    assert amount.share_members == (AMOUNT[TOP] > np.median(AMOUNT)).mean()
    assert amount.words(is_amount=True).startswith("shop: total amount above the median: ")


def test_levels_are_those_of_the_shares():
    assert [Factor("x", share, 0, 1, ()).level for share in (0.25, 0.24, 0.10, 0.09)] == [
        "high",
        "medium",
        "medium",
        "low",
    ]


def test_a_customers_reasons_are_what_it_did_that_counts(surrogate):
    X = np.array([[5.0, 1, 1, 1, 0, 1], [40.0, 0, 0, 1, 1, 0], [-40.0, 0, 1, 0, 0, 0]])
    some = Base(np.array(["a", "b", "c"]), sp.csr_matrix(X), np.zeros((3, 1), np.float32), NAMES, 1)
    told = reasons(surrogate, some)
    assert told[0].startswith("shop: item WINE; shop: colour RED")
    assert told[1].startswith("shop: total amount (more than 99 % of the customers); shop: colour RED")
    assert "BEER" not in told[2]
    assert "amount" not in told[2]


def test_reasons_are_those_of_a_slow_second_implementation_and_of_any_bucket(surrogate):
    rows = np.flatnonzero(TOP)[:60]
    told = reasons(surrogate, BASE.rows(rows))
    pushes = surrogate.pushes(BASE.rows(rows)).toarray()
    for place in range(len(rows)):
        total = {s: pushes[place, surrogate.group_ == s].sum() for s in range(len(surrogate.subjects_))}
        best = [s for s in sorted(total, key=lambda s: (-total[s], s)) if total[s] > 0][:3]
        strongest = [np.where(surrogate.group_ == s, pushes[place], -np.inf).argmax() for s in best]
        words = [part.partition(" (")[0] for part in told[place].split("; ")]
        spoken = {0: "total amount", 1: "item WINE", 2: "item BEER", 3: "colour RED", 4: "colour BLUE", 5: "town X"}
        assert words == [f"shop: {spoken[int(column)]}" for column in strongest]
    mixed = np.random.default_rng(0).permutation(60)
    assert reasons(surrogate, BASE.rows(rows[mixed])).tolist() == told[mixed].tolist()
    assert reasons(surrogate, BASE.rows(rows[7:8])).tolist() == [told[7]]


def test_the_order_of_customers_changes_nothing():
    order = np.random.default_rng(3).permutation(len(BASE))
    one, other = Surrogate().fit(BASE, SCORES), Surrogate().fit(BASE.rows(order), SCORES[order])
    assert np.allclose(one.weights_, other.weights_, atol=1e-3)
    assert one.fidelity_.rank_correlation == pytest.approx(other.fidelity_.rank_correlation, abs=1e-3)


def test_what_cannot_be_explained_is_refused(surrogate):
    with pytest.raises(DataError, match=r"2000 customers and scores of shape \(3,\)"):
        Surrogate().fit(BASE, SCORES[:3])
    with pytest.raises(DataError, match="at least 50 customers with one finite score"):
        Surrogate().fit(BASE, np.full(len(BASE), np.nan))
    with pytest.raises(DataError, match="the audience has no member"):
        factors(surrogate, BASE, np.zeros(len(BASE), dtype=bool))
    with pytest.raises(ModelError, match="not fitted"):
        reasons(Surrogate(), BASE)
    renamed = Base(BASE.ids, BASE.X, BASE.vectors, NAMES[::-1], 1)
    with pytest.raises(ModelError, match="other columns"):
        reasons(surrogate, renamed)


def portraits(n, **columns):
    return pd.DataFrame(columns, index=range(n))


def test_groups_that_are_left_out_are_named_and_sensitive_ones_flagged():
    rng = np.random.default_rng(0)
    age = rng.choice(np.array(["young", "old", None], dtype=object), 6000, p=[0.5, 0.3, 0.2])
    town = rng.choice(np.array(["x", "y"], dtype=object), 6000)
    chance = np.where(age == "old", 0.02, 0.12)
    audience = rng.random(6000) < chance
    among = np.ones(6000, dtype=bool)
    found = representation(portraits(6000, age=age, town=town), ["age", "town"], audience, among, sensitive=["age"])
    left_out = [group for group in found if group.left_out]
    assert [(group.attribute, group.value, group.sensitive) for group in left_out] == [("age", "old", True)]
    assert left_out[0].ratio == pytest.approx((age == "old")[audience].mean() / (age == "old").mean())
    assert left_out[0].words().endswith("; sensitive")
    assert {(group.attribute, group.value) for group in found} == {
        ("age", "young"),
        ("age", "old"),
        ("age", "unknown"),
        ("town", "x"),
        ("town", "y"),
    }


def test_customers_who_could_not_be_chosen_are_no_part_of_the_base():
    value = np.array(["a"] * 100 + ["b"] * 100, dtype=object)
    audience, among = np.zeros(200, dtype=bool), np.ones(200, dtype=bool)
    audience[[0, 1, 150]] = True
    among[100:150] = False
    among[150] = False  # a member is counted all the same
    found = {group.value: group for group in representation(portraits(200, v=value), ["v"], audience, among)}
    assert (found["a"].n_base, found["b"].n_base) == (100, 50)
    assert not representation(portraits(200, v=value), [], audience, among)
    with pytest.raises(DataError, match="the audience has no member"):
        representation(portraits(200, v=value), ["v"], ~among & ~audience & among, among)


def test_small_groups_are_not_judged():
    value = np.array(["rare"] * 19 + ["common"] * 181, dtype=object)
    audience = np.zeros(200, dtype=bool)
    audience[50:80] = True
    found = representation(portraits(200, v=value), ["v"], audience, np.ones(200, dtype=bool))
    assert [group.value for group in found] == ["common"]


@pytest.mark.parametrize(("rate_v", "rate_other"), [(0.05, 0.05), (0.02, 0.10), (0.2, 0.05)])
def test_the_interval_of_a_ratio_holds_the_true_ratio(rate_v, rate_other):
    rng = np.random.default_rng(0)
    n, draws, inside, in_both = 3000, 2000, 0, 0
    true = rate_v / (0.3 * rate_v + 0.7 * rate_other)
    n_v = rng.binomial(n, 0.3, draws).astype(float)
    n_av = rng.binomial(n_v.astype(int), rate_v).astype(float)
    n_a = n_av + rng.binomial(n - n_v.astype(int), rate_other)
    for k, a, v in zip(n_av, n_a, n_v, strict=True):
        _, low, high = share_ratio(np.array([k]), a, np.array([v]), float(n))
        inside += low[0] <= true <= high[0]
        _, low, high = share_ratio(np.array([k]), a, np.array([v]), float(n), at_once=10)
        in_both += low[0] <= true <= high[0]
    assert 0.93 <= inside / draws <= 0.97
    assert in_both / draws > 0.985


def test_a_group_without_members_has_an_upper_bound():
    ratio, low, high = share_ratio(np.array([0.0, 0.0]), 100.0, np.array([20.0, 500.0]), 1000.0)
    assert ratio.tolist() == low.tolist() == [0, 0]
    assert high[0] > 0.8  # 20 customers of whom none of 100 is a member: two were to be expected
    assert high[1] < 0.3
