from __future__ import annotations

import numpy as np
import pytest

from pipeline.value.conditions import ATTRIBUTES, Condition
from pipeline.value.goals import Goal
from pipeline.value.ideal import expected_number, ideal
from pipeline.value.resampling import in_first_half
from pipeline.value.search import describe

N = 3000
IDS = np.array([f"c{i:05d}" for i in range(N)], dtype=object)


def condition(name, hold, known=None):
    hold = np.asarray(hold, dtype=float)
    everybody = np.ones(len(hold), dtype=bool)
    return Condition(ATTRIBUTES, name, f"{name}=yes", hold, hold, everybody if known is None else known)


def world(seed=0, effect=3.0):
    """Best are mostly those who are both `old` and `rural`; ten other conditions say nothing."""
    rng = np.random.default_rng(seed)
    old, rural = rng.random(N) < 0.4, rng.random(N) < 0.4
    chance = np.where(old & rural, 0.06 * effect, 0.06)
    noise = [condition(f"noise{i}", rng.random(N) < 0.4) for i in range(10)]
    best = rng.random(N) < chance
    return [condition("old", old), condition("rural", rural), *noise], best


def goal(best, outcome=None, asked=None):
    everybody = np.ones(N, dtype=bool)
    came = best.astype(float) if outcome is None else outcome
    return Goal("profit", "", came, best, everybody if asked is None else asked, ())


def searched(conditions, best, by=ATTRIBUTES, longest=3, **how):
    return ideal(goal(best, **how), by, conditions, IDS, in_first_half(IDS), longest, 20, 200, 0)


def test_a_planted_conjunction_is_found_and_holds_on_the_other_half():
    found = searched(*world(effect=8.0))
    assert {c.about for c in found.conditions} == {"old", "rural"}
    # 0.48 for 16 % of the customers, 0.06 for the others: 0.127 on average
    assert found.lift.low < 0.48 / 0.127 < found.lift.high
    assert found.lift.low > 2.5
    assert found.precision.low < 0.48 < found.precision.high
    assert found.recall.low < 0.16 * 0.48 / 0.127 < found.recall.high


def test_no_more_conditions_than_help():
    rng = np.random.default_rng(3)
    old = rng.random(N) < 0.4
    best = rng.random(N) < np.where(old, 0.3, 0.05)
    noise = [condition(f"noise{i}", rng.random(N) < 0.5) for i in range(30)]
    assert [c.about for c in searched([condition("old", old), *noise], best).conditions] == ["old"]


def test_where_nothing_tells_the_best_what_is_found_does_not_hold():
    excludes = 0
    for seed in range(30):
        conditions, _ = world(seed)
        best = np.random.default_rng(1000 + seed).random(N) < 0.1
        found = searched(conditions, best)
        excludes += found is not None and found.lift.low > 1
    assert excludes <= 3  # 2.5 % of 30 by chance


def test_the_other_half_has_no_part_in_the_search():
    conditions, best = world()
    first = in_first_half(IDS)
    other = np.where(first, best, np.random.default_rng(9).permutation(best))
    one, two = searched(conditions, best), searched(conditions, other)
    assert one.words == two.words
    assert one.found_lift == two.found_lift
    assert one.lift.estimate != two.lift.estimate


def test_unknown_values_do_not_make_a_condition_look_good():
    """Half of the customers are known, and best more often; the value itself says nothing."""
    rng = np.random.default_rng(5)
    known = rng.random(N) < 0.5
    best = rng.random(N) < np.where(known, 0.3, 0.02)
    says_nothing = condition("says_nothing", known & (rng.random(N) < 0.5), known)
    found = searched([says_nothing], best)
    assert found is None or not found.holds


def test_one_attribute_is_asked_for_once_and_small_fits_are_none():
    rng = np.random.default_rng(0)
    x = rng.random(N)
    best = (x > 0.9) & (rng.random(N) < 0.9)
    several = [Condition("fields", "x", f"x ≥ {b}", (x >= b) * 1.0, (x >= b) * 1.0, x > -1) for b in (0.5, 0.8, 0.9)]
    assert searched(several, best).words == "x ≥ 0.9"
    tiny = condition("tiny", np.arange(N) < 15)
    assert searched([tiny], best) is None


def test_only_those_are_asked_of_whom_the_goal_speaks():
    conditions, best = world(effect=8.0)
    asked = np.arange(N) < 2000
    found = searched(conditions, best, asked=asked)
    assert found.n == (asked & ~in_first_half(IDS)).sum()


def test_nothing_to_say_is_no_description():
    best = np.zeros(N, dtype=bool)
    assert describe([], best, IDS, 3, 20).chosen == ()
    assert describe([condition("a", np.ones(N))], best, IDS, 3, 20).chosen == ()


def test_the_expected_number_is_poisson_binomial():
    found = expected_number(np.full(400, 0.5))
    assert found.estimate == 200
    assert found.high - found.low == pytest.approx(2 * 1.96 * 10)
    drawn = np.random.default_rng(0).binomial(400, 0.5, 1000)
    assert np.mean((found.low <= drawn) & (drawn <= found.high)) > 0.93
