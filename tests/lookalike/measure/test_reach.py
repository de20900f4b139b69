"""The reach curve: by hand, and where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.measure.held_out import Standing
from pipeline.lookalike.measure.reach import better_than_random, curve_sizes, reach_curve, size_of, wilson
from pipeline.lookalike.methods import Nearest
from tests.lookalike.planted import coverage

ABOVE = np.array([[0, 5, 9, 10, 99, 100], [0, 5, 9, 30, 99, 100]])


def standing(density, n_seed=400, n=1000):
    """Return places whose density over the base is a step function: ten equal steps."""
    cuts = np.r_[0, np.cumsum(density)] / np.sum(density)
    places = np.interp((np.arange(n_seed) + 0.5) / n_seed, cuts, np.linspace(0, n, 11))
    return Standing(places.astype(int)[None], n)


def test_recall_is_the_share_of_members_above_whom_fewer_stand():
    curve = reach_curve(Standing(ABOVE, 100), n_sizes=3)
    assert curve.table["size"].tolist() == [10, 32, 100]
    # Fewer than 10 above: three of six members twice; fewer than 32: one more, twice; of 100: all of them.
    np.testing.assert_allclose(curve.table["recall"], [6 / 12, 8 / 12, 1])
    np.testing.assert_allclose(curve.table["lift"], [5, 8 / 12 / 0.32, 1])
    np.testing.assert_allclose(curve.table["recall_high"], wilson(np.array([6, 8, 12]) / 12, 3)[1])


def test_more_people_to_find_make_the_interval_narrower():
    few, many = (reach_curve(standing([4, 1, 1, 1, 1, 1, 1, 0, 0, 0]), n_similar=n).table for n in (50, 5000))
    assert ((many["recall_high"] - many["recall_low"]) <= (few["recall_high"] - few["recall_low"])).all()


def test_the_similarity_is_that_of_the_audience():
    curve = reach_curve(Standing(ABOVE, 100), similarity=np.linspace(1, 0, 100), n_sizes=3)
    assert curve.table["similarity"].tolist() == pytest.approx(
        [np.linspace(1, 0, 100)[:m].mean() for m in (10, 32, 100)]
    )
    with pytest.raises(DataError, match=r"100 available customers, similarity of shape \(99,\)"):
        reach_curve(Standing(ABOVE, 100), similarity=np.ones(99))


def test_the_dial_stops_where_the_marginal_lift_falls_to_its_bound():
    curve = reach_curve(standing([5, 2.5, 1.5, 0.3, 0.3, 0.3, 0.1, 0, 0, 0]))  # a mean of 1
    assert size_of(curve, reach="narrow") == 100
    assert size_of(curve, reach="balanced") == 200
    assert size_of(curve, reach="broad") == curve.no_better_from == 300
    assert curve.no_better_low <= 300 <= curve.no_better_high
    assert size_of(curve, size=7) == 7
    assert size_of(curve, share=0.25) == 250


def test_the_marginal_lift_falls_and_sums_to_the_recall():
    rng = np.random.default_rng(0)
    curve = reach_curve(Standing((1000 * rng.beta(1, 4, (3, 80))).astype(int), 1000))
    assert (np.diff(curve.table["marginal_lift"]) <= 1e-9).all()


def test_members_found_by_chance_have_no_size_that_is_better():
    rng = np.random.default_rng(5)
    draws = [Standing(rng.integers(0, 1001, (1, 50)), 1000) for _ in range(400)]
    assert sum(better_than_random(draw) for draw in draws) <= 32  # 5 % and what luck adds
    curve = reach_curve(Standing(np.linspace(0, 1000, 50).astype(int)[None], 1000))
    assert curve.no_better_from == curve.no_better_high == 0
    with pytest.raises(DataError, match="no better than by chance"):
        size_of(curve, reach="broad")
    assert size_of(curve, share=0.1) == 100


@pytest.mark.parametrize(
    ("dial", "error", "message"),
    [
        ({}, ConfigError, "exactly one of size, share and reach"),
        ({"size": 5, "share": 0.1}, ConfigError, "exactly one of size, share and reach"),
        ({"reach": "wide"}, ConfigError, "reach 'wide' is unknown"),
        ({"size": 0}, DataError, "size 0 of 1000 available"),
        ({"size": 1001}, DataError, "size 1001 of 1000 available"),
        ({"share": 1.5}, DataError, "share 1.5 of 1000 available"),
    ],
)
def test_what_the_dial_cannot_mean_is_refused(dial, error, message):
    curve = reach_curve(standing([5, 2.5, 1.5, 0.3, 0.3, 0.3, 0.1, 0, 0, 0]))
    with pytest.raises(error, match=message):
        size_of(curve, **dial)


def test_the_interval_of_a_share_is_the_published_one():
    low, high = wilson(np.array([81 / 263]), 263)  # Newcombe 1998, table I, method 4
    assert (round(low[0], 4), round(high[0], 4)) == (0.2535, 0.3682)
    assert [bound[0] for bound in wilson(np.array([0.0]), 20)] == pytest.approx([0, 0.2005], abs=1e-4)


def test_sizes_rise_to_the_whole_base():
    assert curve_sizes(7).tolist() == [7]
    assert curve_sizes(3_000_000)[[0, -1]].tolist() == [3000, 3_000_000]
    assert len(curve_sizes(100_000)) == 30


def test_the_interval_holds_the_true_recall_in_nine_of_ten_bases():
    """Bases with a planted group: the finished ranking's recall of the others, inside the interval by size."""
    held = [coverage(Nearest(), draw, n_folds=5, repeats=1)[0] for draw in range(40)]
    # Measured: 0.966; 0.904 if the truth is taken as infinite, 0.78 with intervals of half the width.
    assert np.mean([one[:-1].mean() for one in held]) >= 0.93
    assert (
        np.mean(held, axis=0).min() >= 0.8
    )  # at each size; 40 draws of a rate of 0.95 fall below by bad luck once in 1,000
