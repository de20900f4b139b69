"""A small world whose right answer is known by construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.lookalike.population import Base


@dataclass(frozen=True)
class Town:
    """Customers who buy at random; the planted group prefers five of sixty items."""

    X: sp.csr_matrix
    vectors: np.ndarray
    ids: np.ndarray
    planted: np.ndarray
    n_dense: int = 2

    @property
    def base(self) -> Base:
        names = np.array([f"x{i}" for i in range(self.X.shape[1])])
        return Base(self.ids, self.X, self.vectors, names, self.n_dense)

    def rows(self, chosen: np.ndarray) -> Town:
        return Town(self.X[chosen], self.vectors[chosen], self.ids[chosen], self.planted[chosen])


@pytest.fixture(scope="session")
def town() -> Town:
    rng = np.random.default_rng(0)
    n = 600
    planted = np.zeros(n, dtype=bool)
    planted[rng.permutation(n)[:120]] = True
    liking = np.ones((n, 60))
    liking[planted, :5] = 4.0
    tokens = np.log1p(rng.poisson(0.4 * liking).astype(float))
    tokens /= np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-9)
    basis, _ = np.linalg.qr(rng.normal(size=(60, 24)))
    dense = rng.normal(5.0, 2.0, size=(n, 2))
    return Town(
        X=sp.csr_matrix(np.hstack([dense, tokens])),
        vectors=(tokens @ basis).astype(np.float32),
        ids=np.array([f"c{i:05d}" for i in rng.permutation(n)]),
        planted=planted,
    )


@pytest.fixture(scope="session")
def kept(town: Town) -> np.ndarray:
    """Half of the planted group: what a marketer brings."""
    members = np.flatnonzero(town.planted)
    mask = np.zeros(len(town.ids), dtype=bool)
    mask[members[::2]] = True
    return mask
