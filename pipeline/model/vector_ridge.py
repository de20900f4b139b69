"""Ridge regression on the behaviour vector: what customers with similar behaviour have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from pipeline.errors import ConfigError
from pipeline.model.blocks import (
    FEATURE_CHECKS,
    Floats,
    Matrix,
    dense_block,
    encode_labels,
    with_other_block,
)
from pipeline.model.scores import Multinomial


class VectorRidge(Multinomial, ClassifierMixin, BaseEstimator):
    """Ridge regression of class indicators on the behaviour vector, made probabilities by its leave-one-out fits.

    The components keep the lengths that the singular values gave them, so that the ridge trusts the leading ones
    most: standardised, they do worse. The leave-one-out fits have a closed form (Allen
    1974, Technometrics 16, 125-127); a logistic regression on them, multinomial beyond two classes, learns how far the
    scores can be trusted (regression of indicators: Hastie, Tibshirani, Buja 1994, JASA 89, 1255-1270). All of it is
    linear in the vector and costs milliseconds.

    Parameters
    ----------
    n_dense
        Number of leading dense columns; None: all.
    n_vector
        How many of these, the last ones, are the behaviour vector; None: all.
    alpha
        Ridge on the coefficients, positive. Vectors are of about length 1.
    C
        Inverse strength of the L2 penalty of the logistic regression, on standardised scores.

    Attributes
    ----------
    classes_ : (n_classes,)
    coef_ : (1, n_vector) for two classes, else (n_classes, n_vector); log-odds per unit of a component
    intercept_ : (1,) or (n_classes,)
    n_features_in_ : number of columns of X, unused ones included

    Examples
    --------
    >>> vectors = np.array([[0.9, 0.1], [0.8, 0.3], [0.7, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    >>> VectorRidge().fit(vectors, ["tea"] * 3 + ["wine"] * 3).predict([[0.0, 1.0]])
    array(['wine'], dtype='<U4')
    """

    def __init__(
        self, n_dense: int | None = None, n_vector: int | None = None, alpha: float = 1.0, C: float = 0.03
    ) -> None:
        self.n_dense = n_dense
        self.n_vector = n_vector
        self.alpha = alpha
        self.C = C

    def fit(self, X: Matrix, y: Any) -> VectorRidge:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        vectors = self._vectors(X)
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        n_classes = len(self.classes_)
        indicators = np.eye(n_classes)[y_index][:, 1 if n_classes == 2 else 0 :]
        ridge, left_out = leave_one_out(vectors, indicators, self.alpha)
        spread = np.maximum(left_out.std(axis=0), 1e-9)
        trust = LogisticRegression(C=self.C, max_iter=1000).fit(left_out / spread, y_index)
        self.coef_ = (trust.coef_ / spread) @ ridge[:-1].T
        self.intercept_ = trust.intercept_ + (trust.coef_ / spread) @ ridge[-1]
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        The softmax of the scores is the probability.
        """
        scores = self._vectors(self._checked(X)) @ self.coef_.T + self.intercept_
        return np.asarray(scores.ravel() if len(self.classes_) == 2 else scores)

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return coefficient x component per feature, shape (n, n_features_in_), sparse if `X` is.

        A row plus the intercept is the score of the class; for two classes, its log-odds.
        """
        X = self._checked(X)
        vectors = self._vectors(X)
        two = len(self.classes_) == 2
        parts = vectors * ((2 * class_index - 1) * self.coef_[0] if two else self.coef_[class_index])
        end = X.shape[1] if self.n_dense is None else self.n_dense
        parts = sparse.csr_array(parts) if sparse.issparse(X) else parts
        return with_other_block(parts, end - vectors.shape[1], X.shape[1] - end)

    def _vectors(self, X: Matrix) -> Floats:
        dense = dense_block(X, self.n_dense)
        wanted = dense.shape[1] if self.n_vector is None else self.n_vector
        if not 0 < wanted <= dense.shape[1]:
            raise ConfigError(f"VectorRidge: n_vector={self.n_vector}, but there are {dense.shape[1]} dense columns")
        vectors = np.asarray(dense[:, dense.shape[1] - wanted :], dtype=np.float64)
        assert_all_finite(vectors, input_name="X", estimator_name=type(self).__name__)
        return vectors


def leave_one_out(vectors: Floats, targets: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Return ridge coefficients, the last row the unpenalised intercepts, and the fit of each row without it.

    The fit without row i is (s_i - h_i t_i) / (1 - h_i), s_i being the fit with it and h_i its leverage.

    Parameters
    ----------
    vectors
        Shape (n, d).
    targets
        Shape (n, k).

    Returns
    -------
    coefficients : (d + 1, k)
    left_out : (n, k)
    """
    design = np.hstack([vectors, np.ones((len(vectors), 1))])
    gram = design.T @ design + alpha * np.eye(design.shape[1])
    gram[-1, -1] -= alpha * (1 - 1e-9)
    hat = np.linalg.solve(gram, design.T)
    coefficients = hat @ targets
    leverage = np.minimum(np.einsum("ij,ji->i", design, hat), 1 - 1e-6)[:, None]
    return coefficients, (design @ coefficients - leverage * targets) / (1 - leverage)
