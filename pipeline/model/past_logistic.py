"""Logistic regression on an attribute's own past: what customers did before, they do again."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
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

_LEAST_SPREAD = 1e-9


class PastLogistic(Multinomial, ClassifierMixin, BaseEstimator):
    """L2-regularised logistic regression on the first columns, those of the attribute's own past.

    Counts and amounts are heavy-tailed: each becomes sign(x) ln(1 + |x|), standardised on the training customers. What
    is unknown counts as 0 and is told by an indicator beside every column that is unknown of some training customers:
    being unknown tells something here (no purchase, no recency). Windows
    of one count say nearly the same, so that the penalty is strong.

    Parameters
    ----------
    n_past
        Number of leading columns to read; None: all.
    C
        Inverse strength of the L2 penalty, on standardised columns.

    Attributes
    ----------
    classes_ : (n_classes,)
    doubtful_ : (n_indicators,) columns that have an indicator
    mean_, spread_ : (n_past + n_indicators,) of the training customers
    coef_ : (1, n_past + n_indicators) for two classes, else (n_classes, ...); log-odds per standard deviation
    intercept_ : (1,) or (n_classes,)
    n_features_in_ : number of columns of X, unused ones included

    Examples
    --------
    >>> bought = np.array([[0.0], [0.0], [1.0], [0.0], [7.0], [9.0], [5.0], [8.0]])
    >>> PastLogistic(C=1.0).fit(bought, ["no"] * 4 + ["yes"] * 4).predict([[6.0]])
    array(['yes'], dtype='<U3')
    """

    def __init__(self, n_past: int | None = None, C: float = 0.01) -> None:
        self.n_past = n_past
        self.C = C

    def fit(self, X: Matrix, y: Any) -> PastLogistic:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        past = self._past(X)
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        unknown = np.isnan(past)
        self.doubtful_ = np.flatnonzero(unknown.any(axis=0) & ~unknown.all(axis=0))
        inputs = self._inputs(past)
        self.mean_, spread = inputs.mean(axis=0), inputs.std(axis=0)
        self.spread_ = np.where(spread > _LEAST_SPREAD, spread, np.inf)  # what never varied says nothing later, too
        fitted = LogisticRegression(C=self.C, solver="newton-cholesky", max_iter=100)
        fitted.fit((inputs - self.mean_) / self.spread_, y_index)
        self.coef_, self.intercept_ = fitted.coef_, fitted.intercept_
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        The softmax of the scores is the probability.
        """
        scores = self._standardised(self._checked(X)) @ self.coef_.T + self.intercept_
        return np.asarray(scores.ravel() if len(self.classes_) == 2 else scores)

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return coefficient x standardised column per feature, shape (n, n_features_in_), sparse if `X` is.

        An indicator's goes to its column. A row plus the intercept is the score of the class; for two classes, its
        log-odds.
        """
        X = self._checked(X)
        two = len(self.classes_) == 2
        weights = (2 * class_index - 1) * self.coef_[0] if two else self.coef_[class_index]
        both = self._standardised(X) * weights
        n_past = both.shape[1] - len(self.doubtful_)
        parts = both[:, :n_past].copy()
        parts[:, self.doubtful_] += both[:, n_past:]
        parts = sparse.csr_array(parts) if sparse.issparse(X) else parts
        return with_other_block(parts, 0, X.shape[1] - n_past)

    def _past(self, X: Matrix) -> Floats:
        past = np.asarray(dense_block(X, self.n_past), dtype=np.float64)
        if past.shape[1] == 0:
            raise ConfigError("PastLogistic: n_past=0: there is no column of the attribute's own past to read")
        return past

    def _inputs(self, past: Floats) -> Floats:
        known = np.nan_to_num(past, nan=0.0)
        return np.hstack([np.sign(known) * np.log1p(np.abs(known)), np.isnan(past[:, self.doubtful_])])

    def _standardised(self, X: Matrix) -> Floats:
        return (self._inputs(self._past(X)) - self.mean_) / self.spread_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
