"""The customers among whom look-alikes are sought: what every ranking, diagnosis and explanation reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.errors import DataError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ids = NDArray[np.str_]


@dataclass(frozen=True)
class Base:
    """Some customers, all of them or one bucket's, and what is known of their behaviour.

    Attributes
    ----------
    ids
        Shape (n,), each once.
    X
        CSR, shape (n, n_features), finite: `n_dense` dense columns first, then weighted tokens whose rows have about
        length one. Columns that would give the seed away are not among them.
    vectors
        Behaviour vectors, shape (n, d), float32, finite; a row of zeros is a customer without behaviour.
    names
        Names of the columns of X, shape (n_features,), as `features.naming` makes them.
    n_dense
        Number of dense columns.

    Raises
    ------
    DataError
        The parts do not describe the same customers, ids repeat, or values are not finite.

    Examples
    --------
    >>> one = np.eye(2, dtype=np.float32)
    >>> base = Base(np.array(["a", "b"]), sp.csr_matrix(one), one, np.array(["x", "y"]), n_dense=1)
    >>> base.rows(np.array([1])).ids.tolist()
    ['b']
    """

    ids: Ids
    X: sp.csr_matrix
    vectors: NDArray[np.float32]
    names: NDArray[np.str_]
    n_dense: int = 0

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.ids.ndim != 1 or not len(self.ids) == self.X.shape[0] == len(self.vectors):
            raise DataError(
                f"look-alike base: {self.X.shape[0]} rows of features, {len(self.vectors)} vectors and "
                f"{self.ids.size} ids; all three must describe the same customers."
            )
        unique, counts = np.unique(self.ids, return_counts=True)
        if len(unique) < len(self.ids):
            raise DataError(
                f"look-alike base: {int((counts > 1).sum())} ids occur more than once "
                f"(e.g. '{unique[counts > 1][0]}'). One row per customer."
            )
        if self.names.shape != (self.X.shape[1],) or not 0 <= self.n_dense <= self.X.shape[1]:
            raise DataError(
                f"look-alike base: {self.X.shape[1]} columns, {self.names.size} names and n_dense={self.n_dense}; "
                "each column needs a name, and the dense ones are among them."
            )
        if not np.isfinite(self.X.data).all():
            bad = np.unique(self.X.indices[~np.isfinite(self.X.data)])
            raise DataError(
                f"look-alike base: {len(bad)} feature columns hold NaN or infinite values "
                f"(first: '{self.names[bad[0]]}'). Fill them before ranking."
            )
        if self.vectors.ndim != 2 or not np.isfinite(self.vectors).all():
            raise DataError(
                f"look-alike base: vectors of shape {self.vectors.shape} hold NaN or infinite values or are no table; "
                "every value must be finite, and no behaviour is a row of zeros."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, rows: NDArray[np.int64] | Mask) -> Base:
        """Return some of the customers, given as positions or as a mask."""
        return replace(self, ids=self.ids[rows], X=self.X[rows], vectors=self.vectors[rows])


def joined(parts: Sequence[Base]) -> Base:
    """Return the customers of one part or more, which have the same columns, sorted by id.

    >>> one = np.eye(1, dtype=np.float32)
    >>> b, a = (Base(np.array([name]), sp.csr_matrix(one), one, np.array(["x"])) for name in "ba")
    >>> joined([b, a]).ids.tolist()
    ['a', 'b']
    """
    if len(parts) == 1:
        return parts[0]
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(ids, kind="stable")
    X = sp.vstack([part.X for part in parts], format="csr")[order]
    vectors = np.concatenate([part.vectors for part in parts])[order]
    return replace(parts[0], ids=ids[order], X=X, vectors=vectors)
