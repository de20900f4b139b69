"""Customers with aggregates, a behaviour vector and tokens, and predictors that learnt from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.features.matrix import FeatureMatrix

N_TOKENS = 12


def make(seed: int = 0, n: int = 400, components: int = 3) -> FeatureMatrix:
    """Return customers with two aggregates, `components` of a vector, and tokens of two fields."""
    rng = np.random.default_rng(seed)
    tokens = rng.poisson(0.6, (n, N_TOKENS)) * rng.random((n, N_TOKENS))
    tokens[0] = 0.0  # a customer without tokens
    loadings = np.random.default_rng(7).normal(size=(components, N_TOKENS))
    dense = np.column_stack([rng.lognormal(3, 1, n), rng.integers(0, 20, n), tokens @ loadings.T])
    names = ["shop__amount__sum__28d", "shop__events__count__all", *[f"vector__{c:03d}" for c in range(components)]]
    names += [f"shop__item=thing {t}" for t in range(N_TOKENS // 2)]
    names += [f"shop__kind=sort {t}" for t in range(N_TOKENS - N_TOKENS // 2)]
    customers = np.array([f"c{number:04d}" for number in range(n)], dtype=object)
    X = sp.csr_matrix(np.hstack([dense, tokens]))
    return FeatureMatrix(customers, X, np.array(names), 2 + components, dense[:, 2:], None, loadings)


@pytest.fixture
def customers() -> Callable[..., FeatureMatrix]:
    return make


class Given:
    """A predictor whose contributions are a given linear function of the features; NaN pushes nothing."""

    def __init__(self, coefficients: Any) -> None:
        self.coefficients = np.atleast_2d(coefficients)  # (n_classes, n_features); one row: of the second of two
        self.classes_ = np.arange(max(2, len(self.coefficients)))

    def contributions(self, X: Any, class_index: int) -> sp.csr_array:
        if len(self.coefficients) == 1:
            weights = (2 * class_index - 1) * self.coefficients[0]
        else:
            weights = self.coefficients[class_index]
        return sp.csr_array(np.nan_to_num(X.toarray()) * weights)


@pytest.fixture
def given() -> type[Given]:
    return Given
