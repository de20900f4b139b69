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
_LEAST_NEIGHBOURS = 16  # asked of each seed
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
    """The customers nearest to a seed, found from the seed's side: the others need not be looked at.

    Attributes
    ----------
    ids
        (n,), in order.
    nearest
        Similarity (n,) of each to its nearest seed, in [-1, 1].
    beyond
        No customer left out is more similar than this to any seed. So its mean similarity to several seeds is
        no higher either, and candidates that score above `beyond` by `mean_similarity` stand in the very order
        that ranking the whole base gives. -1 if nobody was left out.
    """

    ids: Ids
    nearest: NDArray[np.float32]
    beyond: float

    def __len__(self) -> int:
        return len(self.ids)


def candidates(
    index: FaissIndex,
    seed_vectors: NDArray[np.float32],
    seed_ids: Ids,
    wanted: int,
    exclude: Collection[str] = (),
) -> Candidates:
    """Return the `wanted` customers that are most similar to their nearest member of a seed, or all there are.

    From an exact index these are exactly they. From an approximate one each member misses the share of its
    neighbours that the index's recall says; who has several members nearby is missed only by all of them.

    Members in crowded places need many neighbours and those elsewhere few: a member is asked for more as long
    as its last neighbour is nearer than the last candidate (threshold algorithm: Fagin, Lotem & Naor 2003,
    Optimal aggregation algorithms for middleware, Journal of Computer and System Sciences 66). In a base of
    100,000 with 5,000 members, three times an audience of 10,000 held all of it by mean similarity to ten
    members; lists of one length for all, of the same total, held 0.95 of it.

    Parameters
    ----------
    index
        Of the base, with or without the seed's members.
    seed_vectors, seed_ids
        (s, d) and (s,). Members are no candidates. A member without behaviour (a zero vector) has no neighbours.
    wanted
        At least 1. Ask for three times the audience if something else ranks the candidates.
    exclude
        Further ids never to return.

    Raises
    ------
    DataError
        `wanted` below 1, no member with behaviour, or nobody left who may be returned.

    Examples
    --------
    >>> base = ExactIndex().fit(np.array([[1, 0], [1, 1], [0, 1]], dtype=np.float32), np.array(["a", "b", "c"]))
    >>> found = candidates(base, np.array([[1, 0]], dtype=np.float32), np.array(["a"]), wanted=1)
    >>> found.ids.tolist(), found.nearest.round(3).tolist()
    (['b'], [0.7070000171661377])
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
    wanted = min(wanted, available)
    nearest = np.full(len(index.ids_), -2, dtype=np.float32)
    ends = np.full(len(unit), 2, dtype=np.float32)  # similarity of each member's last neighbour
    neighbours, limit = min(available, max(_LEAST_NEIGHBOURS, 4 * wanted // len(unit))), np.float32(-2)
    while len(active := np.flatnonzero(ends > limit)):
        _ask(index, unit, active, neighbours, hidden, nearest, ends)
        if neighbours == available:
            ends[active] = -2
        limit = -np.partition(-nearest, wanted - 1)[wanted - 1]
        neighbours = min(available, 2 * neighbours)
    rows = np.lexsort((np.arange(len(nearest)), -nearest))[:wanted]
    rows = np.sort(rows[nearest[rows] >= -1])
    return Candidates(index.ids_[rows], nearest[rows], -1.0 if wanted == available else float(limit))


def _ask(
    index: FaissIndex,
    unit: NDArray[np.float32],
    members: NDArray[np.int64],
    neighbours: int,
    hidden: set[str],
    nearest: NDArray[np.float32],
    ends: NDArray[np.float32],
) -> None:
    """Enter the neighbours of some members into `nearest`, (n,), and their last similarity into `ends`, (s,)."""
    for block in np.array_split(members, max(1, len(members) * neighbours // _ANSWERS)):
        rows, scores = index.search_rows(unit[block], neighbours, exclude=hidden)
        np.maximum.at(nearest, rows.ravel(), scores.ravel())
        ends[block] = scores[:, -1]
