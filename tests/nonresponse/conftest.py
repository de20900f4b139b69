"""Customers whose answers, and whose readiness to give them, both follow from what they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

WINDOWS = (7, 28, 91, 182)
NAMES = np.array(
    [f"shop__{what}__sum__{days}d" for what in ("amount", "visits", "noise") for days in WINDOWS] + ["shop__item=tea"]
)
N_DENSE = len(NAMES) - 1


@dataclass(frozen=True)
class World:
    """Features (n, 13), true values (n,), who answered (n,), and the planted probabilities of answering and of yes."""

    X: sparse.csr_matrix
    y: np.ndarray
    answered: np.ndarray
    propensity: np.ndarray
    chance: np.ndarray

    @property
    def told(self) -> np.ndarray:
        """Return the values of those who answered, -1 for the others."""
        return np.where(self.answered, self.y, -1)


def plant(seed: int, n: int = 600, by_activity: float = 1.2, by_answer: float = 0.0) -> World:
    """Return customers of whom the active say more, and more often yes.

    Parameters
    ----------
    by_activity, by_answer
        What activity, and the answer *yes* itself, add to the log-odds of answering.
    """
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n, 3, 1)) + 0.5 * rng.normal(size=(n, 3, len(WINDOWS)))  # a window tells of the others
    activity, visits, _ = dense.mean(axis=2).T
    tea = rng.random(n) < 0.4
    chance = expit(1.2 * activity + 0.6 * visits + tea - 0.6)
    y = (rng.random(n) < chance).astype(np.int64)
    propensity = expit(by_activity * activity - 0.3 + by_answer * (y - 0.5))
    X = sparse.csr_matrix(np.column_stack([dense.reshape(n, -1), tea]))
    return World(X, y, rng.random(n) < propensity, propensity, chance)


@pytest.fixture(scope="session")
def planted():
    return plant
