"""Stages of customers written by hand, against a slow second reading of the definitions."""

import itertools

import numpy as np
import pytest
from scipy.stats import binom, false_discovery_control

from pipeline.segment.activity.fifths import fifth, fifths_of
from pipeline.segment.activity.habits import Habits, habits_of, joined, pace_days
from pipeline.segment.activity.lifecycle import FALSE_SHARE, changes, stages_of, told_stages
from pipeline.segment.activity.ordinary import ordinary
from pipeline.segment.activity.rhythm import Rhythm
from tests.segment.activity.diary import diary

RHYTHM = Rhythm(usual_days=7.0, weight=1e-3, longer=(2.0, 4.0, 8.0), period_days=14, n_pauses=9, n_customers=3)
CUT, PACE = 400, 56
WEEKLY = range(CUT - 364, CUT - 1, 7)
CROWD = {f"z{i:02d}": WEEKLY for i in range(20)}


def stage(days, **crowd):
    habits = habits_of(diary({"x": days, **CROWD}), CUT, RHYTHM, 14, PACE)
    return str(stages_of(habits, fifths_of(habits), RHYTHM, 14, PACE)[0])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([CUT - 14], "new"),
        ([CUT - 15], "one-time"),
        ([CUT - 13, CUT - 5], "new"),
        (range(36, CUT, 7), "loyal"),
        (range(36, CUT - 14, 7), "cooling"),  # 15 days of silence: over twice a week
        (range(36, CUT - 28, 7), "at risk"),
        (range(36, CUT - 56, 7), "lapsed"),
        ([*range(36, CUT - 80, 7), *range(CUT - 13, CUT, 3)], "returned"),
        (range(CUT - 300, CUT), "champion"),  # more days than any of the others, and more money
        ([*range(CUT - 280, CUT - 60, 14), *range(CUT - 56, CUT, 2)], "growing"),
        ([*range(36, CUT - 57, 3), CUT - 40, CUT - 5], "cooling"),  # no silence, but far fewer days than before
    ],
)
def test_each_stage(days, expected):
    assert stage(list(days)) == expected


def crowd(n, recent, before, seed=0, waver=0.0):
    """Return habits of customers who are still there, with a Poisson number of days lately and before.

    With `waver` each one's rate is drawn anew for either span; it is the rates' coefficient of variation.
    """
    rng = np.random.default_rng(seed)
    some = np.zeros(n)
    rates = rng.gamma(1 / waver**2, waver**2, (2, n)) if waver else np.ones((2, n))
    r, b = rng.poisson(recent * rates[0]), rng.poisson(before * rates[1])
    names = np.array([f"c{i}" for i in range(n)], dtype=object)
    return Habits(names, some + 1, some + 300, some + 90, some, some + 7, r, b, some)


def test_before_christmas_not_everybody_grows():
    habits = crowd(2_000, recent=24, before=12)  # twice as many days for all: the season
    more, fewer = changes(habits, np.ones(2_000, dtype=bool))
    assert more.sum() + fewer.sum() <= 2


def test_of_those_said_to_change_one_in_ten_at_most_is_so_by_chance():
    steady, growing = crowd(1_800, 12, 12), crowd(200, 36, 4, seed=1)
    more, fewer = changes(joined([steady, growing]), np.ones(2_000, dtype=bool))
    assert more[1_800:].mean() > 0.9
    assert more[:1_800].sum() <= 0.15 * more.sum()  # 0.1 expected
    assert fewer[1_800:].sum() == 0


@pytest.mark.parametrize("waver", [0.3, 0.6])
def test_rates_that_waver_are_no_change(waver):
    """Two Poisson counts would tell many of these customers apart, and none has changed for good."""
    found = np.array([crowd_changes(crowd(2_000, 30, 30, seed, waver)) for seed in range(10)])
    assert (found > 0).mean() <= 0.3
    assert found.max() <= 20
    habits = crowd(2_000, 30, 30, 0, waver)
    total = habits.recent + habits.before
    chances = binom.sf(habits.recent - 1, total, 0.5)
    assert (false_discovery_control(np.clip(chances, 0, 1)) <= FALSE_SHARE).sum() > 20  # as if they were Poisson


def crowd_changes(habits):
    return [int(side.sum()) for side in changes(habits, np.ones(len(habits), dtype=bool))]


def test_how_much_rates_waver_is_told_by_customers_of_any_size():
    steady = crowd(4_000, 3, 3)
    share, rho = ordinary(steady.recent, steady.recent + steady.before)
    assert share == pytest.approx(0.5, abs=0.02)
    assert rho < 0.02
    wild = joined([crowd(2_000, 5, 5, 0, 0.5), crowd(2_000, 60, 60, 1, 0.5)])
    # Two gamma rates of variation c: the share of one is a beta of mean 1/2 and rho = 1 / (2 / c^2 + 1).
    assert ordinary(wild.recent, wild.recent + wild.before)[1] == pytest.approx(1 / 9, rel=0.3)


def test_who_truly_changes_is_found_among_rates_that_waver():
    found, _ = changes(joined([crowd(1_900, 30, 30, 0, 0.2), crowd(100, 60, 4, 1, 0.2)]), np.ones(2_000, dtype=bool))
    assert found[1_900:].mean() > 0.9
    assert found[:1_900].sum() <= 0.2 * found.sum()


def test_who_is_not_tested_has_not_changed():
    habits = crowd(50, 30, 1)
    assert not np.any(changes(habits, np.zeros(50, dtype=bool)))


def test_the_same_silence_is_long_for_one_and_nothing_for_another():
    days = {"daily": range(300, CUT - 20), "monthly": range(20, CUT - 19, 30)}
    habits = habits_of(diary(days), CUT, RHYTHM, 14, PACE)
    assert habits.recency_days.tolist() == [21, 20]
    told = stages_of(habits, fifths_of(habits), RHYTHM, 14, PACE)
    assert told[0] == "lapsed"
    assert told[1] in ("loyal", "champion")


def test_without_a_rhythm_all_are_one_time_or_new():
    habits = habits_of(diary({"a": [CUT - 1], "b": [CUT - 30]}), CUT, None, None, None)
    assert stages_of(habits, fifths_of(habits), None, None, None).tolist() == ["one-time", "one-time"]
    assert stages_of(habits, fifths_of(habits), None, 7, 7).tolist() == ["new", "one-time"]
    assert np.isnan(habits.usual_days).all()


def test_habits_are_those_of_a_slow_count():
    rng = np.random.default_rng(0)
    listed = {f"c{i:02d}": sorted(rng.choice(420, rng.integers(1, 40), replace=False).tolist()) for i in range(50)}
    found = habits_of(diary(listed, 2.5), CUT, RHYTHM, 14, PACE)
    seen = {name: [day for day in own if day < CUT] for name, own in listed.items()}
    seen = {name: own for name, own in seen.items() if own}
    assert found.customers.tolist() == sorted(seen)
    for row, name in enumerate(found.customers):
        own = seen[name]
        assert found.recency_days[row] == CUT - own[-1]
        assert found.tenure_days[row] == CUT - own[0]
        assert found.active_days[row] == len(own)
        assert found.amount[row] == 2.5 * len(own)
        assert found.recent[row] == sum(day >= CUT - PACE for day in own)
        assert found.before[row] == sum(CUT - 2 * PACE <= day < CUT - PACE for day in own)
        gaps = [b - a for a, b in itertools.pairwise(own)]
        usual = np.exp((1e-3 * np.log(7.0) + sum(np.log(gap) for gap in gaps)) / (1e-3 + len(gaps)))
        assert found.usual_days[row] == pytest.approx(usual)
        late = [
            gap / np.exp((1e-3 * np.log(7.0) + sum(np.log(g) for g in gaps) - np.log(gap)) / (1e-3 + len(gaps) - 1))
            for gap, end in zip(gaps, own[1:], strict=False)
            if end >= CUT - 14
        ]  # in units of the others: a long pause makes itself usual else
        assert found.longest_ended[row] == pytest.approx(max(late, default=0.0))


def test_who_comes_back_from_a_pause_that_made_them_lapsed_has_returned():
    days = {"a": [0, 5, 10, 210]}
    gone = habits_of(diary(days), 205, RHYTHM, 14, PACE)
    back = habits_of(diary(days), 212, RHYTHM, 14, PACE)
    assert gone.recency_days[0] / gone.usual_days[0] > RHYTHM.longer[2]
    assert back.longest_ended[0] > RHYTHM.longer[2]


def test_what_happens_later_changes_nothing():
    before, after = {"a": [1, 50, 90]}, {"a": [1, 50, 90, 400, 401], "b": [405]}
    early, late = (habits_of(diary(days), CUT, RHYTHM, 14, PACE) for days in (before, after))
    assert late.customers.tolist() == ["a"]
    for name in ("recency_days", "active_days", "amount", "usual_days"):
        assert getattr(early, name).tolist() == getattr(late, name).tolist()


def test_fifths_share_ties_and_are_five_of_equal_size():
    assert np.bincount(fifth(np.arange(1000.0)))[1:].tolist() == [200] * 5
    assert fifth(np.full(7, 3.0)).tolist() == [3] * 7
    assert fifth(np.array([1.0, 1.0, 1.0, 1.0, 9.0])).tolist() == [2, 2, 2, 2, 5]
    assert fifth(np.empty(0)).tolist() == []


def test_a_stage_of_few_is_counted_with_the_nearest():
    stages = np.array(["loyal"] * 30 + ["at risk"] * 5 + ["cooling"] * 40 + ["lapsed"] * 4, dtype=object)
    told = told_stages(stages, 20)
    assert told[30] == told[-1] == "cooling"
    assert told_stages(np.array(["loyal"] * 3, dtype=object), 20).tolist() == ["other"] * 3
    assert told_stages(stages, 4).tolist() == stages.tolist()


def test_the_span_of_growth_fits_into_the_history():
    assert pace_days(1, 2) == 1
    assert pace_days(30, 400) == 120
