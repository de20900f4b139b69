"""Which columns of the feature matrix play which role, and which labels are usable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.errors import ConfigError, ModelError
from pipeline.model.split_matrix import SplitMatrix, require_width

Matrix = Any  # ndarray, SciPy CSR matrix/array or `SplitMatrix`, of shape (n_customers, n_features)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# How every classifier here checks X. NaN may stand in dense columns; `SparseLogistic` refuses it in tokens.
FEATURE_CHECKS: dict[str, Any] = {
    "accept_sparse": "csr",
    "dtype": [np.float64, np.float32],
    "ensure_all_finite": "allow-nan",
}


class LabelError(ModelError, ValueError):
    """The labels cannot be learnt from. Also a ValueError, which scikit-learn's conventions ask for."""


def checked(estimator: Any, X: Matrix) -> Matrix:
    """Return a matrix that a fitted estimator can read, as scikit-learn checks it.

    A `SplitMatrix` was checked when it was made; an estimator that does not declare `reads_blocks` gets it as CSR.
    """
    check_is_fitted(estimator)
    if isinstance(X, SplitMatrix) and getattr(estimator, "reads_blocks", False):
        require_width(X.shape[1], estimator.n_features_in_, type(estimator).__name__)
        return X
    return validate_data(estimator, as_matrix(X), reset=False, **FEATURE_CHECKS)


def as_matrix(X: Matrix, reader: Any = None) -> Matrix:
    """Return what scikit-learn's own estimators take: CSR instead of a `SplitMatrix`, unless `reader` takes that."""
    return X.tocsr() if isinstance(X, SplitMatrix) and not getattr(reader, "reads_blocks", False) else X


def dense_block(X: Matrix, n_dense: int | None) -> NDArray[Any]:
    """Return the first `n_dense` columns as an ndarray (all columns if `n_dense` is None)."""
    if isinstance(X, SplitMatrix):
        return X.leading(n_dense if n_dense is None else _checked(X, n_dense))
    block = X[:, : _checked(X, n_dense)] if n_dense is not None else X
    return block.toarray() if sparse.issparse(block) else block


def token_block(X: Matrix, n_dense: int | None) -> Matrix:
    """Return the columns from `n_dense` on, sparse if `X` is (all columns if `n_dense` is None)."""
    if isinstance(X, SplitMatrix):
        return X.after(n_dense if n_dense is None else _checked(X, n_dense))
    return X[:, _checked(X, n_dense) :] if n_dense is not None else X


def with_other_block(block: Matrix, n_before: int, n_after: int) -> Matrix:
    """Return `block` with `n_before` zero columns on its left and `n_after` on its right.

    Examples
    --------
    >>> with_other_block(np.ones((1, 2)), 1, 0)
    array([[0., 1., 1.]])
    """
    if not sparse.issparse(block):
        return np.pad(block, ((0, 0), (n_before, n_after)))
    rows = block.shape[0]
    sides = [sparse.csr_array((rows, n_before)), block, sparse.csr_array((rows, n_after))]
    return sparse.hstack([side for side in sides if side.shape[1]], format="csr")


def encode_labels(y: Any, owner: str) -> tuple[NDArray[Any], Ints]:
    """Return the sorted classes and, per row, the index of its class.

    Raises
    ------
    LabelError
        If there are fewer than two classes.

    Examples
    --------
    >>> encode_labels(np.array(["b", "a", "b"]), "Example")
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    """
    check_classification_targets(y)
    classes, y_index = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise LabelError(
            f"{owner} needs labels of at least two classes; all {len(y_index)} labels are of one class: "
            f"{str(classes[0])!r}"
        )
    return classes, y_index.astype(np.int64)


def class_scores(decision: NDArray[Any]) -> Floats:
    """Return one score per class whose softmax is the probability.

    A binary decision function (n,) is a log-odds z and becomes the columns (-z/2, z/2); scores of shape
    (n, n_classes) are returned as they are.

    Examples
    --------
    >>> class_scores(np.array([2.0]))
    array([[-1.,  1.]])
    """
    decision = np.asarray(decision, dtype=np.float64)
    return decision if decision.ndim == 2 else np.column_stack([-decision / 2, decision / 2])


def _checked(X: Matrix, n_dense: int) -> int:
    if not 0 <= n_dense <= X.shape[1]:
        raise ConfigError(f"n_dense={n_dense}, but the feature matrix has {X.shape[1]} columns")
    return n_dense
