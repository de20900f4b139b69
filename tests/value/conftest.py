"""Customers whose value in the coming horizon follows from what they did, by a planted rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.columns import US_PER_DAY
from pipeline.value.moment import Horizon, Moment

DAYS = 28
HORIZON = Horizon(DAYS, 100 * US_PER_DAY, (100 - DAYS) * US_PER_DAY, (100 - 2 * DAYS) * US_PER_DAY)


def buyers(seed: int, us: int, known: bool = True, n: int = 800, growth: float = 1.0) -> Moment:
    """Return customers who buy as BG/NBD says, of whom a feature `loyal` tells the rate; two fifths have left."""
    rng = np.random.default_rng(seed)
    people = np.random.default_rng(99)  # the same at every moment
    rate = people.gamma(1.0, 1 / 12, n)
    size = people.lognormal(3, 0.5, n)
    left = people.random(n) < 0.4
    T = np.full(n, 84.0)
    frequency = rng.poisson(rate * np.where(left, T / 3, T)).astype(float)
    recency = np.where(frequency > 0, np.where(left, 25.0, 80.0), 0.0)
    amounts = np.where(frequency > 0, size * rng.lognormal(0, 0.1, n), 0.0)
    history = pd.DataFrame({"frequency": frequency, "recency": recency, "T": T, "monetary_value": amounts})
    alive = np.where(left, 0.0, rate)
    lately = rng.poisson(alive * DAYS) * size
    ahead = growth * rng.poisson(alive * DAYS) * size
    features = pd.DataFrame({"loyal": alive + rng.normal(0, 0.01, n), "noise": rng.normal(size=n)})
    features.loc[:5, "noise"] = np.nan
    ids = np.array([f"c{i:05d}" for i in range(n)], dtype=object)
    return Moment(us, ids, features, history, lately, ahead if known else None)


@pytest.fixture
def moments() -> tuple[Moment, Moment, Moment]:
    return (
        buyers(1, HORIZON.learnt_us),
        buyers(2, HORIZON.judged_us),
        buyers(3, HORIZON.now_us, known=False),
    )
