"""A feature matrix in its two blocks: what scoring hands to many estimators without a copy for each."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pipeline.errors import ConfigError

Floats = NDArray[np.float64]


class DenseColumns:
    """Dense columns that many attributes share, and what is made of them once for all.

    Attributes
    ----------
    values : (n_customers, n_columns) float64, C-contiguous
    """

    def __init__(self, values: Floats) -> None:
        self.values = np.ascontiguousarray(values)

    @cached_property
    def by_column(self) -> Floats:
        """Return the same values in Fortran order."""
        return np.asfortranarray(self.values)

    @cached_property
    def single(self) -> NDArray[np.float32]:
        """Return the values as float32, in Fortran order."""
        return np.asfortranarray(self.values, dtype=np.float32)

    @cached_property
    def squeezed(self) -> NDArray[np.float32]:
        """Return `squeezed` of the values, shape (n_customers, n_columns)."""
        return squeezed(self.values)


class SplitMatrix:
    """Dense columns and token counts of some customers, side by side but apart.

    The same numbers as the CSR matrix in which both stand in one; that one makes every estimator cut out its block, and
    turn it into an array, anew. Estimators that declare `reads_blocks` take it wherever they take a matrix.

    Parameters
    ----------
    own
        Leading dense columns of one attribute alone (its own past), shape (n_customers, n_past), or None.
    shared
        The dense columns after them.
    tokens
        Token counts, CSR, shape (n_customers, n_tokens).

    Examples
    --------
    >>> tokens = sparse.csr_matrix(np.array([[0.0, 2.0]]))
    >>> matrix = SplitMatrix(np.array([[7.0]]), DenseColumns(np.array([[1.0, 3.0]])), tokens)
    >>> matrix.shape, matrix.n_dense, matrix.dense.tolist()
    ((1, 5), 3, [[7.0, 1.0, 3.0]])
    >>> matrix.tocsr().toarray().tolist()
    [[7.0, 1.0, 3.0, 0.0, 2.0]]
    """

    def __init__(self, own: Floats | None, shared: DenseColumns, tokens: sparse.csr_matrix) -> None:
        self.own, self.shared, self.tokens = own, shared, tokens
        self.n_past = 0 if own is None else own.shape[1]
        self.n_shared = shared.values.shape[1]
        self.n_dense = self.n_past + self.n_shared
        self.shape = (tokens.shape[0], self.n_dense + tokens.shape[1])

    @cached_property
    def dense(self) -> Floats:
        """Return all dense columns, C-contiguous; without columns of its own these are the shared ones themselves."""
        return self.shared.values if self.own is None else np.hstack([self.own, self.shared.values])

    @property
    def dense_blocks(self) -> list[Floats]:
        """Return all dense columns in one or two blocks: those of the attribute alone first, the others by column."""
        return [self.shared.by_column] if self.own is None else [self.own, self.shared.by_column]

    def leading(self, n: int | None) -> Floats:
        """Return the first `n` columns as an array, all if None; a view if they are dense."""
        if n is None or n > self.n_dense:
            return np.asarray(self.tocsr()[:, slice(n)].toarray())
        if self.own is not None and n <= self.n_past:
            return self.own[:, :n]
        return self.dense if n == self.n_dense else self.dense[:, :n]

    def after(self, n: int | None) -> sparse.csr_matrix:
        """Return the columns from `n` on, all if None; the token counts themselves if `n` is `n_dense`."""
        if n == self.n_dense or (n is None and self.n_dense == 0):
            return self.tokens
        return self.tocsr()[:, slice(n, None)]

    def without_dense(self) -> SplitMatrix:
        """Return the token counts alone."""
        return SplitMatrix(None, DenseColumns(np.empty((self.shape[0], 0))), self.tokens)

    def tocsr(self) -> sparse.csr_matrix:
        """Return both blocks as one CSR matrix."""
        return self._joined

    @cached_property
    def _joined(self) -> sparse.csr_matrix:
        if self.n_dense == 0:
            return self.tokens
        return sparse.hstack([sparse.csr_matrix(self.dense), self.tokens], format="csr")


def squeezed(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return sign(x) log(1 + |x|) of numbers as float32.

    >>> squeezed(np.array([-1.0, 0.0, np.nan])).round(3).tolist()
    [-0.6930000185966492, 0.0, nan]
    """
    dense = values.astype(np.float32)
    signs = np.sign(dense)
    np.abs(dense, out=dense)
    np.log1p(dense, out=dense)
    dense *= signs
    return dense


def require_width(n_found: int, n_expected: int, owner: str) -> None:
    """Refuse a matrix of another width than an estimator was fitted on.

    Raises
    ------
    ConfigError
        If it has more or fewer columns.
    """
    if n_found != n_expected:
        raise ConfigError(f"{owner}: fitted on {n_expected:,} columns, but the matrix has {n_found:,}")
