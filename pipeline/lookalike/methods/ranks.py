"""Scores of different kinds on one scale: the share of the base that scores lower."""

from __future__ import annotations

import numpy as np

from pipeline.lookalike.population import Floats


def share_below(values: Floats, reference: Floats) -> Floats:
    """Mid-rank of each value among the sorted reference, in (0, 1), strictly rising also beyond its ends.

    Between neighbouring reference values the rank is linear: a bounded reference would otherwise tie the
    customers of a large base, and at the top, where audiences are cut, most of all.

    Examples
    --------
    >>> share_below(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0, 2.0])).tolist()
    [0.125, 0.5, 0.875]
    """
    knots, first, count = np.unique(reference, return_index=True, return_counts=True)
    n = len(reference)
    level = (first + count / 2) / n
    spread = max(float(knots[-1] - knots[0]), 1e-12)
    inside = np.interp(values, knots, level)
    above = np.maximum(values - knots[-1], 0) / spread
    below = np.maximum(knots[0] - values, 0) / spread
    return inside + (1 - level[-1]) * above / (1 + above) - level[0] * below / (1 + below)
