"""How many of the base are like the seed, where that is planted."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.lookalike.methods.prior import class_prior


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_the_planted_share_is_found_where_the_like_stand_apart(share):
    rng = np.random.default_rng(0)
    held = []
    for draw in range(10):
        like = rng.random(3000) < share
        prior = class_prior(rng.normal(4, 1, 300), rng.normal(0, 1, 3000) + 4 * like, draw)
        held.append(prior.low <= like.mean() <= prior.high)
    assert sum(held) >= 8


def test_without_a_difference_the_whole_base_may_be_like_the_seed():
    rng = np.random.default_rng(1)
    prior = class_prior(rng.normal(size=200), rng.normal(size=2000))
    assert prior.high >= 0.95
    assert prior.share > 0.8


def test_it_is_a_bound_from_above():
    rng = np.random.default_rng(2)
    like = rng.random(4000) < 0.1
    prior = class_prior(rng.normal(1, 1, 200), rng.normal(0, 1, 4000) + like)
    assert prior.share > 0.1


def test_nobody_is_refused():
    with pytest.raises(DataError, match="0 scores of the seed and 3 of the base"):
        class_prior(np.array([]), np.ones(3))
