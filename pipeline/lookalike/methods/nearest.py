"""Mean similarity to the nearest members of the seed: nothing is learnt, so that any seed will do."""

from __future__ import annotations

from typing import Self

import numpy as np

from pipeline.errors import ModelError
from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.index import ExactIndex
from pipeline.lookalike.methods.classifiers import check_parameters
from pipeline.lookalike.methods.contract import checked_seed, checked_weights
from pipeline.lookalike.neighbours import mean_similarity
from pipeline.lookalike.population import Base, Floats, Mask


class Nearest:
    """Scores customers by the mean cosine similarity to their `k` nearest seeds, in [-1, 1] without weights.

    With weights each similarity counts by the worth of its seed (mean 1 over the seed); one below 0 counts as it is,
    since to be unlike a dear seed is no worse than to be unlike a cheap one. `k=1` is the plain nearest seed.

    Parameters
    ----------
    k
        Nearest seeds whose similarity is averaged; lowered to the seeds there are.
    max_seeds
        At most so many seeds are searched, those of the smallest hashes.
    random_state
        Salt of the hashes.
    """

    def __init__(self, k: int = 10, max_seeds: int = 20_000, random_state: int = 0) -> None:
        self.k = k
        self.max_seeds = max_seeds
        self.random_state = random_state

    def fit(self, base: Base, seed: Mask, weights: Floats | None = None) -> Self:
        """Remember the seed; see `contract.Ranker.fit`."""
        check_parameters(
            k=(self.k, self.k >= 1, "at least 1"),
            max_seeds=(self.max_seeds, self.max_seeds >= 2, "at least 2"),
        )
        seeds = np.flatnonzero(checked_seed(base, seed))
        worth = checked_weights(weights, len(seeds))
        kept = smallest_hashes(base.ids[seeds], self.max_seeds, f"lookalike:{self.random_state}:seeds")
        self.index_ = ExactIndex().fit(base.vectors[seeds[kept]], base.ids[seeds[kept]])
        order = np.argsort(base.ids[seeds[kept]])
        self.ids_ = base.ids[seeds[kept]][order]
        self.worth_ = None if weights is None else worth[kept][order]
        return self

    def score(self, base: Base) -> Floats:
        """Return the mean similarity (n,); see `contract.Ranker.score`."""
        if not hasattr(self, "index_"):
            raise ModelError("look-alike ranking is not fitted: call fit first.")
        return mean_similarity(self.index_, base.vectors, base.ids, self.k, self.worth)

    def worth(self, ids: np.ndarray) -> Floats:
        """Return the worth of members of the seed, given by ids of any shape."""
        if self.worth_ is None:
            return np.ones(ids.shape)
        return self.worth_[np.minimum(np.searchsorted(self.ids_, ids), len(self.ids_) - 1)]
