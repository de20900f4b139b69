"""How near each customer is to the members of a seed: the simplest rankings, and a part of the best one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.lookalike.index import ExactIndex, FaissIndex
from pipeline.lookalike.vectors import unit_vectors

Floats = NDArray[np.float64]
Ids = NDArray[np.str_]

_CHUNK = 50_000
_LEAST_NEIGHBOURS = 50  # asked of each seed
_ANSWERS = 4_000_000  # of neighbours held at once


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


@dataclass(frozen=True)
class Candidates:
    """Customers near a seed, found from the seed's side: no other customer had to be looked at.

    Attributes
    ----------
    ids
        (n,), in order.
    nearest
        Similarity (n,) of each to its nearest seed, in [-1, 1].
    beyond
        No customer left out is more similar than this to any seed (of an approximate index: but for the
        share that its recall misses). So its mean similarity to some seeds is no higher either, and
        candidates that score above `beyond` by `mean_similarity` stand in the very order that ranking the
        whole base would give. -1 if nobody was left out.
    neighbours
        Neighbours that were asked of each seed.
    """

    ids: Ids
    nearest: NDArray[np.float32]
    beyond: float
    neighbours: int

    def __len__(self) -> int:
        return len(self.ids)


def candidates(
    index: FaissIndex,
    seed_vectors: NDArray[np.float32],
    seed_ids: Ids,
    wanted: int,
    exclude: Collection[str] = (),
) -> Candidates:
    """Return the customers nearest to the members of a seed, at least `wanted` of them.

    Each member gives as many of its neighbours as all others, so that a group that is small within the seed
    has its look-alikes among the candidates too. Their number doubles until the union is large enough; it is
    never smaller than `wanted` unless fewer may be returned, and then it holds all of those.

    Parameters
    ----------
    index
        Of the base, with or without the seed's members.
    seed_vectors, seed_ids
        (s, d) and (s,). Members are no candidates. A member without behaviour (a zero vector) has no neighbours.
    wanted
        At least 1. Ask for some times the audience if something else ranks the candidates.
    exclude
        Further ids never to return.

    Raises
    ------
    DataError
        `wanted` below 1, no member with behaviour, or nobody left who may be returned.

    Examples
    --------
    >>> base = ExactIndex().fit(np.array([[1, 0], [1, 0.1], [0, 1]], dtype=np.float32), np.array(["a", "b", "c"]))
    >>> found = candidates(base, np.array([[1, 0]], dtype=np.float32), np.array(["a"]), wanted=1)
    >>> found.ids.tolist(), found.beyond
    (['b', 'c'], -1.0)
    """
    if wanted < 1:
        raise DataError(f"look-alike candidates: wanted={wanted}; it must be at least 1.")
    unit = unit_vectors(seed_vectors, "seed vectors", allow_empty=True)
    unit = np.unique(unit[unit.any(axis=1)], axis=0)  # members with the same vector have the same neighbours
    if len(unit) == 0:
        raise DataError(f"look-alike candidates: none of the {len(seed_vectors)} seeds has a vector other than zero.")
    hidden = {str(one) for one in exclude} | {str(one) for one in np.asarray(seed_ids)}
    available = index.available(hidden)
    if available == 0:
        raise DataError("look-alike candidates: all customers of the base are in the seed or excluded.")
    neighbours = min(available, max(_LEAST_NEIGHBOURS, 4 * wanted // len(unit)))
    while True:
        nearest, beyond = _nearest_of_any(index, unit, neighbours, hidden)
        rows = np.flatnonzero(nearest >= -1)
        if len(rows) >= wanted or neighbours == available:
            beyond = -1.0 if len(rows) == available else beyond
            return Candidates(index.ids_[rows], nearest[rows], beyond, neighbours)
        neighbours = min(available, 2 * neighbours)


def _nearest_of_any(
    index: FaissIndex, unit: NDArray[np.float32], neighbours: int, hidden: set[str]
) -> tuple[NDArray[np.float32], float]:
    """Return the similarity of each customer of the base, (n,), to the nearest seed that names it; -2 if none does.

    The second is the largest similarity at which a seed's list ends.
    """
    nearest, beyond = np.full(len(index.ids_), -2, dtype=np.float32), -1.0
    for block in np.array_split(unit, max(1, len(unit) * neighbours // _ANSWERS)):
        rows, scores = index.search_rows(block, neighbours, exclude=hidden)
        beyond = max(beyond, float(scores[:, -1].max()))
        np.maximum.at(nearest, rows.ravel(), scores.ravel())
    return nearest, beyond
