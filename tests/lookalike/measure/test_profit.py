"""What audiences earn, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.lookalike.measure.held_out import Standing
from pipeline.lookalike.measure.profit import profit
from pipeline.lookalike.measure.reach import reach_curve


@pytest.fixture
def curve():
    places = np.interp((np.arange(200) + 0.5) / 200, [0, 0.5, 1], [0, 100, 1000])  # half of them in the first tenth
    return reach_curve(Standing(places.astype(int)[None], 1000), n_sizes=21)


def test_an_audience_earns_what_its_lift_says_less_its_cost(curve):
    found = profit(curve, value=50, cost=2, response_rate=0.02)
    row = found.table.set_index("size").loc[100]
    assert curve.table.set_index("size").loc[100, "lift"] == pytest.approx(5)
    assert row["value_per_contact"] == pytest.approx(5)  # 50 * 0.02 * 5
    assert row["profit"] == pytest.approx(300)
    assert row["profit_low"] < 300 < row["profit_high"]
    assert found.best_size == 100  # next ones are worth 50 * 0.02 * 5/9 each, less than 2
    assert found.best_low <= 100 <= found.best_high
    assert found.best_profit == pytest.approx(300)


def test_cheap_contacts_reach_everybody_and_dear_ones_nobody(curve):
    assert profit(curve, 50, 0, 0.02).best_size == 1000
    none = profit(curve, 50, 20, 0.02)
    assert (none.best_size, none.best_profit) == (0, 0)


@pytest.mark.parametrize("wrong", [{"value": 0}, {"cost": -1}, {"response_rate": 0}, {"response_rate": 1.2}])
def test_numbers_that_mean_nothing_are_refused(curve, wrong):
    with pytest.raises(ConfigError, match="value must be above 0"):
        profit(curve, **({"value": 1.0, "cost": 0.1, "response_rate": 0.1} | wrong))
