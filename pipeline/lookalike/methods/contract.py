"""What every ranking keeps to, and what each asks of a seed before it learns."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from pipeline.errors import DataError
from pipeline.lookalike.population import Base, Floats, Mask

MIN_SEED = 10


class Ranker(Protocol):
    """Learns a seed and scores customers by their resemblance to it; higher is more alike.

    A customer's score depends on what was fitted and on its own row alone, so a base may be scored bucket by
    bucket. The same `random_state` gives the same scores, whatever the order of the rows. No score is made by
    a model that was trained on the scored customer, in the seed or out of it.
    """

    def fit(self, base: Base, seed: Mask, weights: Floats | None = None) -> Self:
        """Learn a seed, (n,) true for members, whose worth is `weights`, (n_seed,) in the order of the base."""
        ...

    def score(self, base: Base) -> Floats:
        """Return the resemblance (n,) of any customers that the columns of the fitted base describe."""
        ...


def checked_seed(base: Base, seed: Mask) -> Mask:
    """Return the mask; DataError if it does not fit the base or leaves fewer than `MIN_SEED` on either side."""
    mask = np.asarray(seed)
    if mask.dtype != bool or mask.shape != base.ids.shape:
        raise DataError(f"look-alike seed: mask of {mask.dtype} {mask.shape}, needed is one of bool {base.ids.shape}.")
    n_seeds, n_others = int(mask.sum()), int((~mask).sum())
    if n_seeds < MIN_SEED or n_others < MIN_SEED:
        raise DataError(
            f"look-alike seed: {n_seeds} members and {n_others} other customers; at least {MIN_SEED} of each are "
            "needed."
        )
    return mask


def checked_weights(weights: Floats | None, n_seeds: int) -> Floats:
    """Return the worth of each member scaled to a mean of 1, ones if none is given, shape (n_seeds,).

    Raises
    ------
    DataError
        Another number of weights than of members; weights that are negative, not finite or all 0.

    Examples
    --------
    >>> checked_weights(np.array([1.0, 3.0]), 2).tolist()
    [0.5, 1.5]
    """
    if weights is None:
        return np.ones(n_seeds)
    worth = np.asarray(weights, dtype=np.float64)
    if worth.shape != (n_seeds,):
        raise DataError(f"look-alike seed: {n_seeds} members, but weights of shape {worth.shape}; one each is needed.")
    if not np.isfinite(worth).all() or (worth < 0).any() or not worth.any():
        raise DataError(
            f"look-alike seed: weights from {worth.min()} to {worth.max()}; they must be finite, at least 0 and "
            "not all 0."
        )
    return worth / worth.mean()
