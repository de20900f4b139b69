"""Audiences without a seed: on planted probabilities, the promised number of true members is met."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from pipeline.errors import DataError
from pipeline.judged import Judged
from pipeline.lookalike.described.expected import expected_members
from pipeline.lookalike.described.likelihood import described, independence
from pipeline.lookalike.described.probability import known_of
from pipeline.lookalike.described.rule import parse_rule

VALUES = {"kids": ("no", "yes"), "wine": ("no", "yes")}
RULE = parse_rule("kids=yes and wine=yes", VALUES)


def table(ids, **yes):
    """Return predictions: by attribute the probability of yes; 0 and 1 are declared."""
    parts = []
    for attribute, p in yes.items():
        told = (p == 0) | (p == 1)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": ids,
                    "attribute": attribute,
                    "likeliest": np.where(p >= 0.5, "yes", "no"),
                    "probability": np.maximum(p, 1 - p),
                    "state": np.where(told, "declared", "withheld"),
                    "reason": "",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def judged(ids, p, y):
    proba = np.stack([1 - p, p], axis=1)[None]
    return Judged(
        np.array(ids, dtype=object), y.astype(np.int64), proba, np.full((1, len(y)), -1), np.zeros((1, len(y)))
    )


def test_the_most_probable_are_chosen_and_what_they_declared_counts_as_it_is():
    ids = np.array(["a", "b", "c", "d", "e"])
    kids, wine = np.array([1.0, 0.0, 0.5, 1.0, 0.8]), np.array([1.0, 0.9, 0.6, 0.6, 0.5])
    found = described(RULE, ids, table(ids, kids=kids, wine=wine), VALUES)
    assert found.score == pytest.approx([1, 0, 0.3, 0.6, 0.4])
    assert found.certain.tolist() == [True, True, False, False, False]
    available = np.array([True, True, True, False, True])
    assert found.ids[found.ranking(available)].tolist() == ["a", "e", "c", "b"]
    assert found.choose(available, 3).tolist() == found.ranking(available)[:3].tolist()
    message = (
        "size is 4; of 4 available customers 3 may fulfil the rule, 1 certainly do not, and of 0 too little is known"
    )
    with pytest.raises(DataError, match=message):
        found.choose(available, 4)
    expected = expected_members(found.choose(available, 3), found)
    assert (expected.n, expected.n_certain, expected.mean) == (3, 1, pytest.approx(1.7))
    spread = np.sqrt(0.4 * 0.6 + 0.3 * 0.7)  # of the two who are not certain
    assert (expected.low, expected.high) == (
        pytest.approx(max(1, 1.7 - 1.96 * spread)),
        pytest.approx(min(3, 1.7 + 1.96 * spread)),
    )
    assert (expected.range_low, expected.range_high) == (pytest.approx(1 + 0.3 + 0.1), pytest.approx(1 + 0.5 + 0.5))
    assert (expected.checks, expected.n_unchecked) == ((), 2)
    assert expected.words().endswith("For 2 the probabilities are taken as right: too few true values are known.")


def test_customers_of_whom_too_little_is_known_are_never_chosen():
    ids = np.array(["a", "b"])
    predictions = table(ids, kids=np.array([0.9, 0.2]), wine=np.array([0.9, 0.9]))
    predictions.loc[0, "reason"] = "no events"
    found = described(RULE, ids, predictions, VALUES)
    assert found.ranking(np.ones(2, dtype=bool)).tolist() == [1]
    assert (found.low[0], found.high[0]) == pytest.approx((0.0, 0.9))
    with pytest.raises(DataError, match="2 chosen, 1 of them not to be decided"):
        expected_members(np.array([0, 1]), found)
    with pytest.raises(DataError, match="0 chosen"):
        expected_members(np.array([], dtype=int), found)


def draw(rng, n, shift, together):
    """Return the told probabilities of two attributes and truths that are shifted and go together."""
    told = expit(rng.normal(-0.5, 1.2, size=(n, 2)))
    luck = rng.normal(size=(n, 2))
    luck[:, 1] = together * luck[:, 0] + np.sqrt(1 - together**2) * luck[:, 1]
    true = norm.cdf(luck) < expit(logit(told) + shift)
    return told, true


@pytest.mark.parametrize(("shift", "together"), [(0.0, 0.0), (-0.5, 0.0), (0.0, 0.6), (0.3, 0.3)])
def test_the_interval_holds_the_true_number_where_judged_customers_show_how_wrong_the_probabilities_are(
    shift, together
):
    rng = np.random.default_rng(0)
    inside, plain, draws = 0, 0, 100
    for _ in range(draws):
        told, true = draw(rng, 1500, shift, together)
        ids = np.array([f"c{i:05d}" for i in range(len(told))])
        base, known = slice(0, 1000), slice(1000, 1500)
        found = described(RULE, ids[base], table(ids[base], kids=told[base, 0], wine=told[base, 1]), VALUES)
        chosen = found.ranking(np.ones(1000, dtype=bool))[:200]
        seen = {name: judged(ids[known], told[known, j], true[known, j]) for j, name in enumerate(("kids", "wine"))}
        right = true[base][chosen].all(axis=1).sum()
        expected = expected_members(chosen, found, seen)
        inside += expected.low <= right <= expected.high
        naive = expected_members(chosen, found)
        plain += naive.low <= right <= naive.high
    assert inside >= 0.90 * draws
    if shift or together:
        assert plain < 0.85 * draws  # without the judged customers the interval would have been wrong


def test_without_enough_judged_customers_the_interval_says_that_it_was_not_checked():
    ids = np.array([f"c{i:03d}" for i in range(100)])
    p = np.linspace(0.05, 0.95, 100)
    found = described(RULE, ids, table(ids, kids=p, wine=p), VALUES)
    y = np.ones(29)
    few = {"kids": judged(ids[:29], p[:29], y), "wine": judged(ids[:29], p[:29], y)}
    assert expected_members(np.arange(50, 100), found, few).n_unchecked == 50
    assert expected_members(np.arange(50, 100), found, {"kids": few["kids"]}).n_unchecked == 50


def test_judged_customers_of_whom_all_or_none_fit_move_the_estimate_a_finite_way():
    ids = np.array([f"c{i:03d}" for i in range(100)])
    p = np.full(100, 0.7)
    found = described(RULE, ids, table(ids, kids=p, wine=p), VALUES)
    for truth in (0.0, 1.0):
        seen = {name: judged(ids[:40], p[:40], np.full(40, truth)) for name in VALUES}
        expected = expected_members(np.arange(100), found, seen)
        assert expected.checks[0].n_hold == 40 * truth
        assert abs(expected.mean - 100 * truth) < 3
        assert 0 <= expected.low <= expected.high <= 100


def test_attributes_that_go_together_are_noticed_among_those_who_declared_them():
    rng = np.random.default_rng(1)
    ids = np.array([f"c{i:04d}" for i in range(1000)])
    kids = (rng.random(1000) < 0.4).astype(float)
    same, other = kids.copy(), (rng.random(1000) < 0.4).astype(float)
    together = independence(RULE, known_of(table(ids, kids=kids, wine=same), ids, VALUES))
    assert together.share == pytest.approx(kids.mean())
    assert together.independent == pytest.approx(kids.mean() ** 2)
    assert together.low > 2
    apart = independence(RULE, known_of(table(ids, kids=kids, wine=other), ids, VALUES))
    assert apart.low < 1 < apart.high
    assert independence(RULE, known_of(table(ids[:29], kids=kids[:29], wine=same[:29]), ids[:29], VALUES)) is None
    one = parse_rule("kids=yes", VALUES)
    assert independence(one, known_of(table(ids, kids=kids), ids, {"kids": VALUES["kids"]})) is None


def test_what_is_declared_is_taken_as_true_when_the_rest_is_checked():
    # Probabilities of wine are right and those of kids far too low. Who declared kids is not shifted, others are.
    rng = np.random.default_rng(2)
    n = 4000
    ids = np.array([f"c{i:05d}" for i in range(n)])
    kids, wine = np.full(n, 0.3), rng.uniform(0.2, 0.8, n)
    true_kids, true_wine = rng.random(n) < 0.7, rng.random(n) < wine
    told = np.where(np.arange(n) < 1000, 1.0, kids)
    found = described(RULE, ids[:2000], table(ids[:2000], kids=told[:2000], wine=wine[:2000]), VALUES)
    seen = {
        "kids": judged(ids[2000:], kids[2000:], true_kids[2000:]),
        "wine": judged(ids[2000:], wine[2000:], true_wine[2000:]),
    }
    expected = expected_members(np.arange(2000), found, seen)
    shifts = {check.declared: check for check in expected.checks}
    assert set(shifts) == {("kids",), ()}
    assert abs(shifts[("kids",)].shift) < 3 * shifts[("kids",)].error
    assert shifts[()].shift > 5 * shifts[()].error
    assert expected.mean == pytest.approx(1000 * 0.5 + 1000 * 0.7 * 0.5, abs=60)
    assert "For 1,000 who declared kids, checked on" in expected.words()
    assert "For 1,000 who declared nothing of it, checked on" in expected.words()
