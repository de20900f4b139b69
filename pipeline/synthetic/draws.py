"""Random numbers that are a function of what they are for, not of the order in which they are drawn.

A number is the hash of (seed, purpose, keys). So a household's data are the same in whatever chunk it is made and
however many households follow, and everything is computed on whole arrays.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_ID_BITS = np.uint64(40)
_ID_MASK = np.uint64(2**40 - 1)


@dataclass(frozen=True)
class Draws:
    """All random numbers of one seed."""

    seed: int

    def bits(self, purpose: str, *keys: Any) -> np.ndarray:
        """Return 64 random bits for each combination of keys (arrays of whole numbers that broadcast), uint64."""
        digest = hashlib.blake2b(f"{self.seed}:{purpose}".encode(), digest_size=8).digest()
        state: Any = np.uint64(int.from_bytes(digest, "big"))
        with np.errstate(over="ignore"):
            for key in keys:
                state = _mixed((state ^ np.asarray(key).astype(np.uint64)) * _GOLDEN + _GOLDEN)
        return np.asarray(state)

    def uniform(self, purpose: str, *keys: Any) -> np.ndarray:
        """Return numbers evenly distributed in the open interval (0, 1).

        >>> u = Draws(0).uniform("example", np.arange(100_000))
        >>> bool(abs(u.mean() - 0.5) < 0.005), bool(abs(u.var() - 1 / 12) < 0.001)
        (True, True)
        """
        return ((self.bits(purpose, *keys) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53

    def normal(self, purpose: str, *keys: Any) -> np.ndarray:
        """Return standard normal numbers."""
        return np.asarray(ndtri(self.uniform(purpose, *keys)))

    def poisson(self, mean: np.ndarray, purpose: str, *keys: Any) -> np.ndarray:
        """Return Poisson counts; `mean` has the shape that the keys broadcast to and stays below 700."""
        return poisson_quantile(self.uniform(purpose, *keys), mean)

    def choice(self, weights: np.ndarray, purpose: str, *keys: Any) -> np.ndarray:
        """Return positions in `weights`, shape (n_choices,) or (n, n_choices), in proportion to them."""
        shares = np.cumsum(weights, axis=-1)
        u = self.uniform(purpose, *keys)[..., None] * shares[..., -1:]
        return np.asarray((u > shares[..., :-1]).sum(axis=-1))


def poisson_quantile(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the smallest count whose cumulated Poisson probability reaches `uniform`, int64.

    >>> poisson_quantile(np.array([0.1, 0.5, 0.99]), np.array([0.0, 1.0, 2.0])).tolist()
    [0, 1, 6]
    """
    counts = np.zeros(uniform.shape, dtype=np.int64)
    term = np.exp(-mean)
    left = np.flatnonzero(uniform > term)
    u, rate = uniform.ravel()[left], mean.ravel()[left]
    term = term.ravel()[left]
    total, count = term.copy(), 0
    while len(left) and count < 2_000:  # rounding may leave the very last uniforms above every total
        count += 1
        term = term * rate / count
        total = total + term
        counts.ravel()[left] = count
        more = u > total
        left, u, rate, term, total = left[more], u[more], rate[more], term[more], total[more]
    return counts


def pseudonym(key: np.ndarray) -> np.ndarray:
    """Return a different 13-digit number for each key below 2**40, which does not tell the key, int64.

    Multiplication by an odd number and shifts that are added to themselves can be undone modulo a power of two.

    >>> len(np.unique(pseudonym(np.arange(100_000))))
    100000
    """
    with np.errstate(over="ignore"):
        code = key.astype(np.uint64)
        for _ in range(2):
            code = (code * _SECOND) & _ID_MASK
            code = code ^ (code >> (_ID_BITS // np.uint64(2)))
    return code.astype(np.int64) + 1_000_000_000_000


def _mixed(state: Any) -> Any:
    """Return the finaliser of SplitMix64 (Steele, Lea, Flood 2014, https://doi.org/10.1145/2660193.2660195)."""
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
