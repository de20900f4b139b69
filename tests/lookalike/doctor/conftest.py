"""Customers whose groups, likings and leaks are planted."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.lookalike.population import Base

N, N_ITEMS = 800, 60


def make_base(liking, seed=0, dense=None):
    """Return customers who buy items at Poisson rates (n, n_items); one dense column, ln(1 + number bought)."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(liking)
    tokens = np.log1p(counts.astype(float))
    tokens /= np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-9)
    basis, _ = np.linalg.qr(rng.normal(size=(liking.shape[1], min(24, liking.shape[1]))))
    total = np.log1p(counts.sum(axis=1)) if dense is None else dense
    names = ["shop__events__count__all", *(f"shop__item={i:02d}" for i in range(liking.shape[1]))]
    return Base(
        ids=np.array([f"c{i:05d}" for i in rng.permutation(len(liking))]),
        X=sp.csr_matrix(np.hstack([total[:, None], tokens])),
        vectors=(tokens @ basis).astype(np.float32),
        names=np.array(names),
        n_dense=1,
    )


def with_token(base, name, holders):
    """Return the base with one more token that the given customers have."""
    column = sp.csr_matrix(np.where(holders, 0.5, 0.0)[:, None])
    return Base(base.ids, sp.hstack([base.X, column]).tocsr(), base.vectors, np.append(base.names, name), base.n_dense)


@pytest.fixture(scope="session")
def likings():
    """Rates (n, n_items): the first 120 customers like items 0 to 4, the next 120 like items 10 to 14."""
    liking = np.full((N, N_ITEMS), 0.4)
    liking[:120, :5] = 1.6
    liking[120:240, 10:15] = 1.6
    return liking


@pytest.fixture(scope="session")
def base(likings):
    return make_base(likings)


@pytest.fixture(scope="session")
def planted():
    return np.arange(N) < 120


@pytest.fixture(scope="session")
def plain():
    """Customers who are all of one kind."""
    return make_base(np.full((N, N_ITEMS), 0.4), seed=1)
