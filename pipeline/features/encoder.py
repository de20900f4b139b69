"""The behaviour encoder: token counts to TF-IDF and behaviour vectors, learnt without labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from pipeline.outputs import fingerprint

_SATURATION, _LENGTH = 1.2, 0.75  # k and b of BM25, at the middle of what is usual


class BehaviourEncoder(TransformerMixin, BaseEstimator):
    """TF-IDF and truncated SVD of token counts.

    A count c of a customer with N tokens in all weighs c (k + 1) / (c + k (1 - b + b N / mean N)), k = 1.2 and
    b = 0.75, as in BM25 (Robertson & Zaragoza 2009, doi:10.1561/1500000019): it saturates, sooner for who does little.
    Times the token's smoothed inverse document frequency ln((1 + n) / (1 + df)) + 1; rows are scaled to length 1.
    The behaviour vector is the projection on the leading right singular vectors
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
        n_tokens = np.asarray(X.sum(axis=1)).ravel()
        self.mean_tokens_ = float(n_tokens.mean()) or 1.0
        spread = (
            np.bincount(X.indices, weights=X.data > 0, minlength=X.shape[1]) if sp.issparse(X) else (X > 0).sum(axis=0)
        )
        self.idf_ = np.log((1 + X.shape[0]) / (1 + spread)) + 1
        self.dimensions_ = max(1, min(self.dimensions, X.shape[0] - 1, X.shape[1] - 1))
        self.svd_ = TruncatedSVD(self.dimensions_, algorithm="randomized", random_state=self.random_state)
        self.svd_.fit(self._weighed(X))
        names = [] if self.vocabulary is None else list(self.vocabulary)
        weights = [
            round(self.mean_tokens_, 9),
            self.idf_.round(9).tolist(),
            np.abs(self.svd_.components_).round(6).tolist(),
        ]
        self.fingerprint_ = fingerprint(names, *weights)
        return self

    def weigh(self, X: Any) -> sp.csr_matrix:
        """Return the TF-IDF weights of counts, shape (n_customers, n_tokens), rows of length 1 or 0."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        check_non_negative(X, "BehaviourEncoder")
        return self._weighed(X)

    def _weighed(self, X: Any) -> sp.csr_matrix:
        counts = sp.csr_matrix(X, dtype=np.float64, copy=True)
        n_tokens = np.asarray(counts.sum(axis=1)).ravel()
        softness = _SATURATION * (1 - _LENGTH + _LENGTH * n_tokens / self.mean_tokens_)
        counts.data *= (_SATURATION + 1) / (counts.data + np.repeat(softness, np.diff(counts.indptr)))
        return normalize(counts @ sp.diags(self.idf_), copy=False).tocsr()

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
