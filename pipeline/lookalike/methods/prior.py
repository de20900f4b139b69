"""How many of the base are like the seed: the class prior of positive and unlabelled customers.

Assumes that the seed is a random sample of those like it. Even then the share is identified only from above: some of
the base could behave exactly as the seed does without being like it. The estimate is therefore an upper bound, and
equals the share where some behaviour belongs to the like alone (Blanchard, Lee & Scott 2010, Semi-supervised novelty
detection, JMLR 11).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.errors import DataError
from pipeline.lookalike.population import Floats

N_RESAMPLES = 200


@dataclass(frozen=True)
class PriorEstimate:
    """Share of the base that is like the seed, at most; `low` to `high` is its 95 % bootstrap interval."""

    share: float
    low: float
    high: float
    n_seed: int
    n_base: int


def class_prior(seed_scores: Floats, base_scores: Floats, random_state: int = 0) -> PriorEstimate:
    """Return the class prior by best bin estimation, from scores that were made out of fold.

    Of those like the seed the share q_p(t) scores t or higher, of the base q_u(t) >= prior * q_p(t): each threshold
    bounds the prior by q_u / q_p. The threshold with the least upper confidence bound of that ratio is taken (Garg,
    Wu, Smola, Balakrishnan & Lipton 2021, Mixture proportion estimation and PU learning: a modern approach, NeurIPS,
    algorithm 1, delta = 0.1, gamma = 0.01). Resamples of seed and base choose their own threshold.

    Parameters
    ----------
    seed_scores, base_scores
        (n_seed,) and (n_base,); higher is more alike.
    random_state
        Of the bootstrap.

    Raises
    ------
    DataError
        One of the two is empty.
    """
    n_seed, n_base = len(seed_scores), len(base_scores)
    if not n_seed or not n_base:
        raise DataError(f"class prior: {n_seed} scores of the seed and {n_base} of the base; both are needed.")
    rng = np.random.default_rng(random_state)
    thresholds = np.unique(seed_scores)[:: max(1, len(np.unique(seed_scores)) // 500)]
    in_seed, in_base = (np.searchsorted(np.sort(s), thresholds) for s in (seed_scores, base_scores))
    point = _best_bin(_tail(in_seed, n_seed), _tail(in_base, n_base), n_seed, n_base)
    bins = [np.diff(np.r_[0, at, n]) / n for at, n in ((in_seed, n_seed), (in_base, n_base))]
    drawn = []
    for _ in range(N_RESAMPLES):
        seed, base = (rng.multinomial(n, part) for n, part in zip((n_seed, n_base), bins, strict=True))
        drawn.append(_best_bin(1 - seed.cumsum()[:-1] / n_seed, 1 - base.cumsum()[:-1] / n_base, n_seed, n_base))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return PriorEstimate(point, min(float(low), point), max(float(high), point), n_seed, n_base)


def _tail(below: np.ndarray, n: int) -> Floats:
    return np.asarray(1 - below / n)


def _best_bin(q_p: Floats, q_u: Floats, n_p: int, n_u: int) -> float:
    """Return q_u / q_p at the threshold of the least upper confidence bound, at most 1."""
    margin = np.sqrt(np.log(4 / 0.1) / 2) * (n_u**-0.5 + n_p**-0.5)
    q_p = np.maximum(q_p, 1e-12)
    best = np.argmin((q_u + 1.01 * margin) / q_p)
    return float(min(1.0, q_u[best] / q_p[best]))
