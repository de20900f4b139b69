"""A planted world: dense features and tokens that each carry half of the truth."""

import numpy as np
import pytest
from scipy import sparse

N_DENSE = 8


def plant(seed: int, n: int = 500, dense_signal: float = 1.0, token_signal: float = 1.0):
    """Return X (CSR: 8 dense columns, 200 tokens of unit length per row) and a binary y."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n, N_DENSE))
    taste = rng.normal(size=n)
    appeal = np.random.default_rng(99).normal(size=200)  # the same world for every seed
    tokens = rng.poisson(np.exp(-1.5 + 0.5 * taste[:, None] * appeal)) * 1.0
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True) + 1e-9
    logit = 1.5 * dense_signal * (dense[:, 0] + (dense[:, 1] > 0) - 0.5) + 2 * token_signal * taste
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    return sparse.csr_matrix(np.hstack([dense, tokens])), y


@pytest.fixture(scope="session")
def world():
    return plant
