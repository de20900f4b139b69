"""What a row of the table of markets says, and what must not follow from it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.configuration import parse_settings
from pipeline.market.money import Measured
from pipeline.market.row import market_row
from pipeline.market.size import Estimate, MarketSize, Told, _tilted, market_size
from pipeline.market.sizing import CORRECTED, Market
from tests.nonresponse.conftest import N_DENSE

IDS = np.array([f"c{n:04d}" for n in range(1500)])
SETTINGS = parse_settings(
    {
        "data": {"name": "s", "logs": {"l": {"path": "x", "id": "i", "time": "t"}}},
        "model": {"name": "m", "estimator": {"_target_": "a.B"}},
    }
)


def size(n_inside: int, n_told: int = 500, low: float | None = None, high: float | None = None) -> MarketSize:
    """Return a size whose intervals begin and end, unless given, where what was told says that they must."""
    ends = (n_inside if low is None else low, 1500 - n_told + n_inside if high is None else high)
    people = Measured(max(60.5, (ends[0] + ends[1]) / 2), float(ends[0]), float(ends[1]))
    known = (Estimate(people, np.zeros(1500)),) * 2
    bounds = (float(n_inside), float(1500 - n_told + n_inside))
    return MarketSize(1500, n_told, n_inside, 0, people, people, bounds, 1500, outcomes=np.zeros(1500), silent=known)


def row(of: MarketSize) -> dict[str, Any]:
    return market_row(SETTINGS, Market("m", "x=y", CORRECTED, of, IDS, 1.0), None, None)


@pytest.mark.parametrize(("n_inside", "n_told"), [(7, 500), (14, 500), (19, 500), (490, 500), (485, 500), (3, 12)])
def test_small_numbers_of_those_who_told_do_not_follow_from_any_other(n_inside: int, n_told: int) -> None:
    found = row(size(n_inside, n_told))
    assert math.isnan(found["told_inside"])
    assert math.isnan(found["naive"])
    figures = [value for value in found.values() if isinstance(value, float | int) and not math.isnan(value)]
    hidden = {n_inside, n_told - n_inside, 1500 - n_told + n_inside}
    assert not hidden & {round(value) for value in figures}
    assert found["people_low"] <= found["people"] <= found["people_high"]


def test_rows_of_small_numbers_look_alike() -> None:
    """Only the estimate itself, which is made of many customers, tells them apart."""
    rows = [row(size(n, high=1100.0)) for n in (1, 7, 14, 19)]
    rows = [{name: value for name, value in one.items() if name not in ("people", "if_silent_differ")} for one in rows]
    assert len({str(one) for one in rows}) == 1


def test_an_end_that_gives_nothing_away_is_told_as_it_is() -> None:
    found = row(size(14, low=31.5, high=96.25))
    assert (found["people_low"], found["people_high"]) == (31.5, 96.25)
    assert row(size(300))["told_inside"] == 300


def test_a_reason_does_not_tell_the_small_number_either() -> None:
    reason = "7 answered 'inside', at least 10 of each value are needed"
    found = row(replace(size(7), people=None, silent=None, reason=reason))
    assert "7" not in found["why_not"]
    assert "too few are inside" in found["why_not"]
    assert row(replace(size(300), people=None, silent=None, reason="nobody"))["why_not"] == "nobody"


def far(seed: int, n_far: int, tells_far: float) -> MarketSize:
    """Return the size where behaviour tells some who tell from many who hardly ever do, and nothing else."""
    rng = np.random.default_rng(seed)
    n_near = 700
    n = n_near + n_far
    dense = rng.standard_normal((n, N_DENSE))
    dense[n_near:, 0] -= 9
    near = np.arange(n) < n_near
    inside, tells = rng.random(n) < np.where(near, 0.3, 0.003), rng.random(n) < np.where(near, 0.5, tells_far)
    X = sp.csr_matrix(np.column_stack([dense, rng.random((n, 8)) < 0.1]))
    nobody = np.zeros(n, dtype=bool)
    return market_size(Told(np.where(tells, inside, -1), nobody), nobody, X, N_DENSE, seed, 3.0)


def test_of_a_base_that_hardly_anybody_is_like_no_number_is_told() -> None:
    """Nine in ten would be bare predictions, which were off by a factor of three with an interval that left it out."""
    found = far(0, 6000, 0.01)
    assert found.people is None
    assert "customers only" in found.reason
    assert found.bounds == (found.n_inside, 6700 - found.n_told + found.n_inside)


def test_higher_odds_are_more_people_and_lower_ones_fewer() -> None:
    for seed in range(3):
        found = far(seed, 600, 0.005)
        assert found.people is not None
        lower, higher = (one.people.mean for one in found.silent)
        assert lower < found.people.mean < higher


def test_predictions_of_those_nobody_is_like_are_not_changed_by_what_fits_the_others() -> None:
    """Among those near predictions hardly vary: the line that fits them would lift all others to their share."""
    rng = np.random.default_rng(0)
    near = np.arange(1200) < 600
    proba = np.where(near, 0.3 + 0.01 * rng.standard_normal(1200), 0.05)
    told = near & (rng.random(1200) < 0.5)
    y = np.where(told, rng.random(1200) < 0.3, -1)
    for each, odds in zip(_tilted(y, proba, np.full(1200, 0.5), near, 3.0), (1 / 3, 3.0), strict=True):
        assert each[~near] == pytest.approx(odds * 0.05 / (odds * 0.05 + 0.95))
