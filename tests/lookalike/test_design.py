"""What rankings read of a snapshot: totals, tokens and vectors without what is hidden."""

from __future__ import annotations

import math

import numpy as np

from pipeline.lookalike.design import log_amounts, total_columns


def test_totals_are_counts_and_sums_of_the_whole_history_on_a_log_scale() -> None:
    names = [
        "buy__events__count__all",
        "buy__events__count__7d",
        "buy__amount__sum__all",
        "buy__amount__mean__all",
        "buy__paid___sum__all",
        "vector__000",
        "calls__days__count__all",
    ]
    dense = np.array([[3.0, 1, -9, 5, 0, 0.5, 7], [0.0, 0, np.nan, np.nan, 1, 0.5, 9]])
    seen = np.array([True, True, True, True, True, True, False])
    expected = [[math.log(4), -math.log(10), 0], [0, 0, math.log(2)]]
    columns = total_columns(np.array(names), seen)
    np.testing.assert_allclose(log_amounts(dense[:, columns]), expected, rtol=1e-12)
    assert not len(total_columns(np.array(names), np.zeros(7, bool)))
