"""What each line is like: rates, shares, means and tokens, drawn given its user, and how long it is used (SYNTHETIC).

Use is a chain of three states by the day: *normal*, *declining* (every rate times `causes.DECLINE`), *left*. The day
on which it declines is drawn from the line's hazard, that on which it is left from `causes.LEAVING`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.calendar import season
from pipeline.synthetic.causes import (
    CHOICES,
    DECLINE,
    HAZARD,
    LEAVING,
    LEVELS,
    SHARES,
    STREAMS,
    choice_weights,
    means,
)
from pipeline.synthetic.draws import Draws

NEVER = 1_000_000  # the day of what does not happen


@dataclass(frozen=True)
class Behaviour:
    """What each line is like; arrays of shape (n,), by name of the cause."""

    rates: Mapping[str, np.ndarray]  # events per day, before the season
    shares: Mapping[str, np.ndarray]
    levels: Mapping[str, np.ndarray]
    tokens: Mapping[str, np.ndarray]  # positions among the choice's tokens
    hazard: np.ndarray  # of declining, per day
    declines: np.ndarray  # the first day of declining use
    leaves: np.ndarray  # the first day without use


def behaviour(draws: Draws, key: np.ndarray, flags: np.ndarray, activity: float) -> Behaviour:
    """Return the behaviour of lines with these keys and users' flags; `activity` multiplies every rate."""

    def latent(name: str, mean: np.ndarray, spread: float) -> np.ndarray:
        return mean + spread * draws.normal(f"latent of {name}", key)

    hazard = np.exp(latent("hazard", means(flags, HAZARD), HAZARD.spread)).clip(max=0.1)
    declines = _waiting(draws.uniform("declines", key), hazard)
    leaves = declines + 1 + _waiting(draws.uniform("leaves", key), np.full(len(key), LEAVING))
    return Behaviour(
        rates={s.name: activity * np.exp(latent(s.name, means(flags, s), s.spread)) for s in STREAMS},
        shares={s.name: 1 / (1 + np.exp(-latent(s.name, means(flags, s), s.spread))) for s in SHARES},
        levels={s.name: latent(s.name, means(flags, s), s.spread) for s in LEVELS},
        tokens={c.name: draws.choice(choice_weights(flags, c), f"choice of {c.name}", key) for c in CHOICES},
        hazard=hazard,
        declines=np.minimum(declines, NEVER),
        leaves=np.minimum(leaves, NEVER),
    )


def _waiting(uniform: np.ndarray, hazard: np.ndarray) -> np.ndarray:
    """Return after how many days an event of constant hazard per day comes; 0 is the first day."""
    return np.floor(np.minimum(np.log(uniform) / np.log1p(-hazard), NEVER)).astype(np.int64)


def exposure(name: str, declines: np.ndarray, leaves: np.ndarray, first: int, below: int) -> np.ndarray:
    """Return how many days of full rate lie in the days `first` to `below` - 1, given a season and use, shape (n,)."""
    passed = np.concatenate([[0.0], np.cumsum(season(name, below))])
    start, end = np.clip(declines, first, below), np.clip(leaves, first, below)
    return np.asarray(passed[start] - passed[first] + DECLINE * (passed[end] - passed[start]))
