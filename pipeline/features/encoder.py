"""The behaviour encoder: token counts to TF-IDF and behaviour vectors, learnt without labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from pipeline.features.weighting import BM25
from pipeline.outputs import fingerprint


class BehaviourEncoder(TransformerMixin, BaseEstimator):
    """`BM25` weights and truncated SVD of token counts.

    The behaviour vector is the projection of the weights on their leading right singular vectors
    (Deerwester et al. 1990, doi:10.1002/(SICI)1097-4571(199009)41:6<391::AID-ASI1>3.0.CO;2-9).

    Parameters
    ----------
    vocabulary
        Token names, shape (n_tokens,), in the order of the columns of X; None names them by number.
    dimensions
        Length of the behaviour vector; at most n_tokens - 1 and n_customers - 1 are kept.
    random_state
        Seed of the randomised SVD.

    Attributes
    ----------
    weights_ : the fitted `BM25`
    dimensions_ : int
        Length of the vectors really learnt.
    fingerprint_ : str
        Changes with vocabulary, weights and components: what predictors are bound to.
    """

    def __init__(self, vocabulary: Any = None, dimensions: int = 64, random_state: int = 0) -> None:
        self.vocabulary = vocabulary
        self.dimensions = dimensions
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> BehaviourEncoder:
        """Learn weights and components from counts, shape (n_customers, n_tokens), non-negative."""
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, ensure_min_samples=2, ensure_min_features=2)
        check_non_negative(X, "BehaviourEncoder")
        self.weights_ = BM25().fit(X)
        self.dimensions_ = max(1, min(self.dimensions, X.shape[0] - 1, X.shape[1] - 1))
        self.svd_ = TruncatedSVD(self.dimensions_, algorithm="randomized", random_state=self.random_state)
        self.svd_.fit(self.weights_.transform(X))
        names = [] if self.vocabulary is None else list(self.vocabulary)
        weights = [
            round(self.weights_.mean_tokens_, 9),
            self.weights_.idf_.round(9).tolist(),
            np.abs(self.svd_.components_).round(6).tolist(),
        ]
        self.fingerprint_ = fingerprint(names, *weights)
        return self

    def weigh(self, X: Any) -> sp.csr_matrix:
        """Return the TF-IDF weights of counts, shape (n_customers, n_tokens), rows of length 1 or 0."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return self.weights_.transform(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return the behaviour vectors of counts, shape (n_customers, dimensions_)."""
        return self.project(self.weigh(X))

    def project(self, weighted: sp.csr_matrix) -> np.ndarray:
        """Return the behaviour vectors of TF-IDF weights, shape (n_customers, dimensions_)."""
        check_is_fitted(self)
        return np.asarray(self.svd_.transform(weighted))

    def __sklearn_tags__(self) -> Any:
        """Declare that counts are sparse and non-negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags
