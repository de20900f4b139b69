"""Which customers share a vector. Each distinct vector is searched once, and stands for all who have it.

In a large base many customers have the very same vector: those with one purchase of the same article. Kept
once, they cost no memory, ties among them need no second search, and a graph stays connected (copies of a
vector are nearest to each other and fill each other's few edges).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lookalike.vectors import Floats, Rows, UnitRows

_EXPANDED = 4_000_000  # answers held at once while vectors are turned into customers


def number_vectors(unit: UnitRows) -> tuple[NDArray[np.int32], Rows]:
    """Return the number of each row's vector, (n,), and the first row of each vector, (v,).

    Zero rows have number -1. Others are numbered in the order of their first row. Rows are recognised by a
    64-bit multilinear hash of their bits (Lemire & Kaser 2014, Strongly universal string hashing is fast,
    The Computer Journal 57) and then compared: should two vectors ever share a hash, the later ones count
    as distinct from it, which costs their room and nothing else.
    """
    hashes, silent = np.empty(len(unit), dtype=np.uint64), np.empty(len(unit), dtype=bool)
    for start, rows in unit.blocks():
        own = slice(start, start + len(rows))
        hashes[own] = _hashes(rows)
        silent[own] = ~rows.any(axis=1)
    _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    first_of = first[which]
    copies = np.flatnonzero((first_of != np.arange(len(unit))) & ~silent)
    for block in np.array_split(copies, max(1, len(copies) // 65_536)):
        differ = (unit[block] != unit[first_of[block]]).any(axis=1)
        first_of[block[differ]] = block[differ]
    kept = np.flatnonzero((first_of == np.arange(len(unit))) & ~silent)
    numbers = np.full(len(unit), -1, dtype=np.int32)
    numbers[kept] = np.arange(len(kept))
    numbers[~silent] = numbers[first_of[~silent]]
    return numbers, kept


def _hashes(rows: Floats) -> NDArray[np.uint64]:
    factors = np.random.default_rng(0).integers(1, 2**63, size=rows.shape[1], dtype=np.uint64) | np.uint64(1)
    return (rows.view(np.uint32) * factors).sum(axis=1, dtype=np.uint64)


@dataclass(frozen=True)
class Holders:
    """The customers who may be answered, by their vector.

    Attributes
    ----------
    customers
        Positions of customers, those of one vector together and rising.
    starts
        Shape (v + 1,): vector j belongs to `customers[starts[j]:starts[j + 1]]`, perhaps to nobody.
    silent
        Positions of the customers whose vector is zero, rising.
    """

    customers: Rows
    starts: Rows
    silent: Rows

    @classmethod
    def of(cls, numbers: NDArray[np.int32], n_vectors: int, allowed: NDArray[np.bool_] | None = None) -> Holders:
        """Return the holders among the customers with these vectors, or among those allowed of them."""
        positions = np.arange(len(numbers)) if allowed is None else np.flatnonzero(allowed)
        own = numbers[positions]
        order = np.argsort(own, kind="stable")
        starts = np.searchsorted(own[order], np.arange(n_vectors + 1))
        return cls(positions[order[starts[0] :]], starts - starts[0], positions[order[: starts[0]]])

    @property
    def counts(self) -> Rows:
        """Customers of each vector, (v,)."""
        return np.diff(self.starts)

    def nearest(self, found: Rows, scores: Floats, k: int) -> tuple[Rows, Floats, NDArray[np.bool_]]:
        """Turn the nearest vectors into the nearest customers.

        Parameters
        ----------
        found, scores
            Vectors and their similarities, (m, f); -1 where none was found.
        k
            Customers wanted of each row.

        Returns
        -------
        customers, scores, short
            (m, k) in the total order (score down, position up), and the rows (m,) with fewer than k.
        """
        counts = np.where(found >= 0, self.counts[found], 0)
        customers, best = np.full((len(found), k), -1, dtype=np.int64), np.full((len(found), k), -2, dtype=np.float32)
        if found.shape[1] >= k and not len(self.silent) and (counts <= 1).all():
            customers, best = self._alone(found, scores, k)
            return customers, best, customers[:, -1] < 0
        sizes = np.minimum(counts, k).sum(axis=1) + min(len(self.silent), k)
        block = np.cumsum(sizes) // _EXPANDED
        for rows in np.split(np.arange(len(found)), np.flatnonzero(np.diff(block)) + 1):
            customers[rows], best[rows] = self._expanded(found[rows], scores[rows], np.minimum(counts[rows], k), k)
        return customers, best, customers[:, -1] < 0

    def _alone(self, found: Rows, scores: Floats, k: int) -> tuple[Rows, Floats]:
        """As `nearest` where each vector has one customer: only ties are out of order yet."""
        who = np.where(found >= 0, self.customers[self.starts[np.maximum(found, 0)]], -1)
        tied = np.flatnonzero((np.diff(scores, axis=1) >= 0).any(axis=1))
        order = np.lexsort((who[tied], -scores[tied]), axis=1)
        customers, best = who[:, :k].copy(), scores[:, :k].copy()
        customers[tied] = np.take_along_axis(who[tied], order, axis=1)[:, :k]
        best[tied] = np.take_along_axis(scores[tied], order, axis=1)[:, :k]
        return customers, best

    def _expanded(self, found: Rows, scores: Floats, counts: Rows, k: int) -> tuple[Rows, Floats]:
        m = len(found)
        row, column = np.nonzero(counts)
        take = counts[row, column]
        owner = np.repeat(np.arange(len(take)), take)
        ramp = np.arange(len(owner)) - np.repeat(np.cumsum(take) - take, take)
        who = self.customers[self.starts[found[row, column]][owner] + ramp]
        query, score = row[owner], scores[row, column][owner]
        quiet = self.silent[:k]
        if len(quiet):
            query = np.concatenate([query, np.repeat(np.arange(m), len(quiet))])
            who = np.concatenate([who, np.tile(quiet, m)])
            score = np.concatenate([score, np.zeros(m * len(quiet), dtype=np.float32)])
        order = np.lexsort((who, -score, query))
        query = query[order]
        rank = np.arange(len(query)) - np.searchsorted(query, query)
        kept = rank < k
        customers, best = np.full((m, k), -1, dtype=np.int64), np.full((m, k), -2, dtype=np.float32)
        customers[query[kept], rank[kept]] = who[order][kept]
        best[query[kept], rank[kept]] = score[order][kept]
        return customers, best
