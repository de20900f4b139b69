"""A lift is what remains when customers are as active, and chance is told from interest."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.campaign.interests import find_interests
from pipeline.campaign.lift import Tally, standardised_lifts
from pipeline.campaign.tokens import Counts


def tally(parts: np.ndarray, strata: np.ndarray, inside: np.ndarray) -> Tally:
    """Return what some customers did; `parts` is (n_customers, n_tokens)."""
    height = int(strata.max()) + 1
    own = np.zeros((height, len(strata)))
    own[strata, np.arange(len(strata))] = inside
    return Tally(own.sum(axis=1), own @ (parts > 0), own @ parts, own @ parts**2)


def counts(rng: np.random.Generator, rates: np.ndarray, strata: np.ndarray, groups: dict[str, np.ndarray]) -> Counts:
    """Return counts of Poisson events with these rates, (n_customers, n_tokens)."""
    events = rng.poisson(rates)
    parts = events / np.maximum(events.sum(axis=1, keepdims=True), 1)
    everybody = np.ones(len(strata), dtype=bool)
    told = {name: tally(parts, strata, inside) for name, inside in groups.items()}
    names = np.array([f"token {place:03d}" for place in range(rates.shape[1])], dtype=object)
    return Counts("log__field", names, tally(parts, strata, everybody), told)


def test_the_p_value_is_that_of_random_draws_from_the_strata() -> None:
    rng = np.random.default_rng(1)
    strata = rng.integers(0, 3, 300)
    parts = rng.random((300, 1)) * (rng.random((300, 1)) < 0.4)
    inside = np.zeros(300, dtype=bool)
    inside[rng.choice(300, 60, replace=False)] = True
    inside[np.argsort(-parts[:, 0])[:8]] = True
    everybody = np.ones(300, dtype=bool)
    found = standardised_lifts(tally(parts, strata, inside), tally(parts, strata, everybody), 5)
    drawn, expected = [], 0.0
    for stratum in range(3):
        own, there = parts[strata == stratum, 0], int(inside[strata == stratum].sum())
        expected += there * own.mean()
        drawn.append([rng.permutation(own)[:there].sum() for _ in range(4000)])
    sums = np.sum(drawn, axis=0)
    observed = parts[inside, 0].sum()
    by_hand = (np.abs(sums - expected) >= abs(observed - expected)).mean()
    assert found.p_value[0] == pytest.approx(by_hand, abs=0.02)
    n = inside.sum()
    assert found.lift[0] == pytest.approx((observed + 5 * expected / n) / (expected + 5 * expected / n))


def test_activity_alone_is_no_interest() -> None:
    """Who buys ten times as much meets everything more often, and is interested in nothing in particular."""
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1], 400)
    rates = np.outer(np.where(strata == 1, 30.0, 3.0), np.full(40, 1 / 40))
    inside = (strata == 1) & (rng.random(800) < 0.5)
    one = counts(rng, rates, strata, {"busy": inside})
    met = one.groups["busy"].met.sum(axis=0).mean() / inside.sum()
    assert met > 1.5 * one.base.met.sum(axis=0).mean() / 800
    assert find_interests([one], "busy", int(inside.sum()), {}, 5, 0.1, 20).wanted == ()


def test_planted_interests_are_found_in_order_and_random_groups_have_hardly_any() -> None:
    rng = np.random.default_rng(3)
    strata = rng.integers(0, 5, 1500)
    rates = np.full((1500, 60), 0.5)
    inside = np.zeros(1500, dtype=bool)
    inside[:200] = True
    rates[:200, 7] *= 4
    rates[:200, 9] *= 2
    rates[:200, 11] *= 0.1
    groups = {f"random {place}": rng.random(1500) < 0.15 for place in range(40)}
    one = counts(rng, rates, strata, {"planted": inside, **groups})
    found = find_interests([one], "planted", 200, {}, 5, 0.05, 20)
    assert [interest.token for interest in found.wanted] == ["token 007", "token 009"]
    assert [interest.token for interest in found.unwanted] == ["token 011"]
    first = found.wanted[0]
    assert first.low < first.lift < first.high
    assert 2.5 < first.lift < 4
    assert found.unwanted[0].n is None  # hardly met: few people are single people
    alarms = [find_interests([one], name, int(own.sum()), {}, 5, 0.05, 20) for name, own in groups.items()]
    assert sum(bool(alarm.wanted or alarm.unwanted) for alarm in alarms) <= 5  # one in twenty is expected at most


def test_tokens_that_few_of_the_segment_met_are_not_told() -> None:
    rng = np.random.default_rng(4)
    strata = np.zeros(2000, dtype=int)
    rates = np.full((2000, 10), 1.0)
    rates[:, 3] = 0.0001
    rates[:18, 3] = 50.0
    rates[500:560, 3] = 50.0
    inside = np.zeros(2000, dtype=bool)
    inside[:150] = True
    one = counts(rng, rates, strata, {"own": inside})
    told = find_interests([one], "own", 150, {}, 5, 0.1, 20)
    assert "token 003" not in {interest.token for interest in (*told.wanted, *told.common)}
    assert "token 003" in {interest.token for interest in find_interests([one], "own", 150, {}, 5, 0.1, 5).wanted}


def test_what_a_segment_does_most_is_told_largest_first() -> None:
    rng = np.random.default_rng(5)
    rates = np.tile(np.linspace(0.1, 3.0, 20), (400, 1))
    one = counts(rng, rates, np.zeros(400, dtype=int), {"all": np.ones(400, dtype=bool)})
    common = find_interests([one], "all", 400, {}, 5, 0.1, 20).common
    assert [interest.token for interest in common[:3]] == ["token 019", "token 018", "token 017"]


def test_a_token_that_only_the_group_meets_is_found_and_chance_is_not() -> None:
    """Of 600 customers 40 meet a token: the 40 of the group, or any 40, of whom two or three are expected in it."""
    rng = np.random.default_rng(7)
    strata, inside = np.zeros(600, dtype=int), np.arange(600) < 40
    rates = np.full((600, 60), 1.0)
    rates[:, 0] = np.where(inside, 5.0, 0.0)
    for token in range(1, 50):
        rates[:, token] = np.where(rng.permutation(inside), 5.0, 0.0)
    found = find_interests([counts(rng, rates, strata, {"own": inside})], "own", 40, {}, 5, 0.05, 20)
    assert [interest.token for interest in found.wanted] == ["token 000"]
    assert found.wanted[0].low > 2


def test_a_small_group_is_drawn_to_one() -> None:
    rng = np.random.default_rng(6)
    parts = (rng.random((500, 1)) < 0.2).astype(float)
    strata, everybody = np.zeros(500, dtype=int), np.ones(500, dtype=bool)
    inside = np.zeros(500, dtype=bool)
    inside[np.flatnonzero(parts[:, 0])[:10]] = True
    base = tally(parts, strata, everybody)
    lifts = [standardised_lifts(tally(parts, strata, inside), base, prior).lift[0] for prior in (0.001, 5, 500)]
    assert lifts[0] > lifts[1] > lifts[2] > 1
    assert lifts[2] < 1.2
