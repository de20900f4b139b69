"""How near each customer is to the members of a seed: the simplest rankings, and a part of the best one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.lookalike.index import ExactIndex
from pipeline.lookalike.vectors import unit_vectors

Floats = NDArray[np.float64]
Ids = NDArray[np.str_]

_CHUNK = 50_000


def nearest_seeds(
    vectors: NDArray[np.float32],
    ids: Ids,
    seed_vectors: NDArray[np.float32],
    seed_ids: Ids,
    k: int = 10,
) -> Floats:
    """Return the mean cosine similarity (n,) in [-1, 1] of each customer to its `k` nearest seeds.

    A customer that is in the seed is not its own neighbour. `k` is lowered to the seeds there are;
    the only member of a seed of one scores 0. `k=1` is the plain nearest seed.

    Examples
    --------
    >>> points = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    >>> ids = np.array(["a", "b", "c"])
    >>> nearest_seeds(points, ids, points[:2], ids[:2], k=1).round(3).tolist()
    [0.0, 0.0, 0.707]
    """
    if k < 1:
        raise DataError(f"nearest seeds: k={k}; it must be at least 1.")
    return mean_similarity(ExactIndex().fit(seed_vectors, seed_ids), vectors, ids, k)


def centroid(vectors: NDArray[np.float32], seed_vectors: NDArray[np.float32]) -> Floats:
    """Return the cosine similarity (n,) in [-1, 1] of each customer to the mean unit vector of the seeds."""
    middle = unit_vectors(seed_vectors, "seed vectors").mean(axis=0, keepdims=True, dtype=np.float64)
    return (unit_vectors(vectors, "vectors") @ unit_vectors(middle, "seed vectors")[0]).astype(np.float64)


def mean_similarity(
    index: ExactIndex,
    vectors: NDArray[np.float32],
    ids: Ids,
    k: int,
    worth: Callable[[Ids], Floats] | None = None,
) -> Floats:
    """Return `nearest_seeds` (n,) for seeds that an index already holds.

    With `worth`, which returns what given seeds are worth, a similarity above 0 is multiplied by it.
    """
    n_seeds = len(index.ids_)
    result = np.zeros(len(ids))
    for start in range(0, len(ids), _CHUNK):
        rows = slice(start, start + _CHUNK)
        found, scores = index.search(vectors[rows], min(k + 1, n_seeds))
        own = found == np.asarray(ids[rows])[:, None]
        # Without itself a member has one neighbour less to choose from: rank its others, keep k of them.
        others = np.cumsum(~own, axis=1)
        keep = ~own & (others <= k)
        if worth is not None:
            scores = np.where(scores > 0, scores * worth(found), scores)
        total = np.where(keep, scores, 0).sum(axis=1, dtype=np.float64)
        result[rows] = total / np.maximum(keep.sum(axis=1), 1)
    return result
