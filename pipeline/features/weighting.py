"""How much of a token is much: BM25 weights of token counts, learnt without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

_SATURATION, _LENGTH = 1.2, 0.75  # k and b of BM25, at the middle of what is usual


class BM25(TransformerMixin, BaseEstimator):
    """TF-IDF weights that saturate, rows of length 1.

    A count c of a customer with N tokens in all weighs c (k + 1) / (c + k (1 - b + b N / mean N)), k = 1.2 and
    b = 0.75, as in BM25 (Robertson & Zaragoza 2009, doi:10.1561/1500000019): it saturates, sooner for who does little.
    Times the token's smoothed inverse document frequency ln((1 + n) / (1 + df)) + 1; rows are scaled to length 1.

    Attributes
    ----------
    idf_ : (n_tokens,)
    mean_tokens_ : float
        Mean N of the fitted customers.

    Examples
    --------
    >>> counts = np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    >>> BM25().fit_transform(counts).toarray().round(2)
    array([[1.  , 0.  ],
           [0.71, 0.71],
           [0.  , 1.  ]])
    """

    def fit(self, X: Any, y: Any = None) -> BM25:
        """Learn from counts, shape (n_customers, n_tokens), non-negative, dense or CSR."""
        counts = self._checked(X, reset=True)
        n_tokens = np.asarray(counts.sum(axis=1)).ravel()
        self.mean_tokens_ = float(n_tokens.mean()) or 1.0
        spread = np.bincount(counts.indices, weights=counts.data > 0, minlength=counts.shape[1])
        self.idf_ = np.log((1 + counts.shape[0]) / (1 + spread)) + 1
        return self

    def transform(self, X: Any) -> sp.csr_matrix:
        """Return the weights of counts, CSR (n_customers, n_tokens), rows of length 1 or 0."""
        check_is_fitted(self)
        counts = self._checked(X, reset=False)
        own = counts.indices.copy(), counts.indptr.copy()
        return normalize(sp.csr_matrix((self._unscaled(counts), *own), shape=counts.shape), copy=False)

    def scores(self, counts: sp.csr_matrix, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `transform(counts) @ coefficients.T`, shape (n_customers, n_rows), of valid counts.

        Parameters
        ----------
        counts
            CSR, float64, non-negative; its structure is shared and not copied.
        coefficients
            Shape (n_rows, n_tokens).
        """
        check_is_fitted(self)
        unscaled = self._unscaled(counts)
        weighed = sp.csr_matrix((unscaled, counts.indices, counts.indptr), shape=counts.shape, copy=False)
        return np.asarray(weighed @ coefficients.T) / row_lengths(unscaled, counts.indptr)[:, None]

    def _unscaled(self, counts: sp.csr_matrix) -> NDArray[np.float64]:
        """Return the weights of the stored counts, before rows are scaled to length 1."""
        n_tokens = np.asarray(counts.sum(axis=1)).ravel()
        softness = _SATURATION * (1 - _LENGTH + _LENGTH * n_tokens / self.mean_tokens_)
        # Times the frequency's weight: a product with a diagonal matrix takes three times as long.
        per_count = (_SATURATION + 1) / (counts.data + np.repeat(softness, np.diff(counts.indptr)))
        weights: NDArray[np.float64] = counts.data * (per_count * self.idf_[counts.indices])
        return weights

    def _checked(self, X: Any, reset: bool) -> sp.csr_matrix:
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=reset)
        check_non_negative(X, type(self).__name__)
        return sp.csr_matrix(X)

    def __sklearn_tags__(self) -> Any:
        """Declare that counts are sparse and non-negative."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def row_lengths(values: NDArray[np.float64], starts: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the Euclidean length of each row of a CSR matrix's values, 1 for a row of zeros.

    >>> row_lengths(np.array([3.0, 4.0, 2.0]), [0, 2, 2, 3]).tolist()
    [5.0, 1.0, 2.0]
    """
    starts = np.asarray(starts)
    # As one column: the product with a 1 sums the rows, several times faster than numbering their values would.
    column = np.zeros(len(values), dtype=starts.dtype)
    squares = sp.csr_matrix((values * values, column, starts), shape=(len(starts) - 1, 1))
    lengths = np.sqrt(squares @ np.ones(1))
    lengths[lengths == 0] = 1.0
    return np.asarray(lengths)
