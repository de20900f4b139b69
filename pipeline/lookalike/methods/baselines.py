"""What a ranking must beat: the middle of the seed, a rule that does not know the seed, and luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.methods.contract import checked_seed, checked_weights
from pipeline.lookalike.population import Base, Floats, Mask
from pipeline.lookalike.vectors import unit_vectors
from pipeline.split import hash32


class Centroid:
    """Scores customers by the cosine similarity, in [-1, 1], to the (weighted) mean unit vector of the seed."""

    def fit(self, base: Base, seed: Mask, weights: Floats | None = None) -> Self:
        """Remember the middle of the seed; see `contract.Ranker.fit`."""
        mask = checked_seed(base, seed)
        worth = checked_weights(weights, int(mask.sum()))
        middle = worth @ unit_vectors(base.vectors[mask], "seed vectors").astype(np.float64)
        self.middle_ = unit_vectors(middle[None].astype(np.float32), "seed vectors")[0]
        return self

    def score(self, base: Base) -> Floats:
        """Return the similarity (n,); see `contract.Ranker.score`."""
        if not hasattr(self, "middle_"):
            raise ModelError("look-alike ranking is not fitted: call fit first.")
        return (unit_vectors(base.vectors, "vectors") @ self.middle_).astype(np.float64)


class RandomOrder:
    """Scores customers by a hash of their ids, in [0, 1): what luck finds."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, base: Base, seed: Mask, weights: Floats | None = None) -> Self:
        """Learn nothing."""
        return self

    def score(self, base: Base) -> Floats:
        """Return the luck (n,) of each customer."""
        return np.array([hash32(f"random:{self.random_state}:{name}") for name in base.ids]) / 2**32


class FixedOrder:
    """Scores customers by given values: a rule that does not know the seed, such as recency, frequency and money.

    Parameters
    ----------
    values
        By id; higher first.
    """

    def __init__(self, values: Mapping[str, float]) -> None:
        self.values = values

    def fit(self, base: Base, seed: Mask, weights: Floats | None = None) -> Self:
        """Learn nothing."""
        return self

    def score(self, base: Base) -> Floats:
        """Return the given values (n,); DataError if one is missing."""
        missing = [str(name) for name in base.ids if str(name) not in self.values]
        if missing:
            raise DataError(f"fixed order: {len(missing)} customers have no value (e.g. '{missing[0]}').")
        return np.array([self.values[str(name)] for name in base.ids], dtype=np.float64)
