"""Logistic regression on log-count ratios: what naive Bayes knows of each token, weighed anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import normalize
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from pipeline.errors import ConfigError
from pipeline.model.blocks import FEATURE_CHECKS, Floats, Matrix, encode_labels, token_block, with_other_block
from pipeline.model.linear import SparseLogistic
from pipeline.model.scores import OneAgainstTheRest
from pipeline.model.split_matrix import SplitMatrix


class LogCountRatio(OneAgainstTheRest, ClassifierMixin, BaseEstimator):
    """Logistic regression on which tokens a customer has, each weighed by its log-count ratio.

    A token's ratio for a class is ln((a + p) / sum(a + p)) - ln((a + q) / sum(a + q)), p and q being the numbers
    of customers inside and outside the class who have it, a the smoothing (Wang, Manning 2012, ACL, "Baselines and
    bigrams"). How often a token was met does not count here, which is what makes this model differ from
    `SparseLogistic`. Rows are scaled to length 1; beyond two classes it is one against the rest.

    Parameters
    ----------
    C
        Inverse strength of the L2 regularisation.
    smoothing
        a above, positive.
    n_dense
        Number of leading columns that are not tokens and are ignored here; None: every column is a token.
    random_state
        Seed of the order of the coordinate descent.

    Attributes
    ----------
    classes_ : (n_classes,)
    ratios_ : (1, n_tokens) for two classes, else (n_classes, n_tokens)
    models_ : the fitted logistic regressions, one per row of `ratios_`
    n_features_in_ : number of columns of X, those that are not tokens included

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]])
    >>> LogCountRatio().fit(X, ["tea", "both", "wine", "both"]).ratios_.round(2)[1]  # of "tea"
    array([ 0.44, -0.54])
    """

    reads_tokens = True  # and nothing of the dense columns

    def __init__(
        self, C: float = 1.0, smoothing: float = 1.0, n_dense: int | None = None, random_state: int = 0
    ) -> None:
        self.C = C
        self.smoothing = smoothing
        self.n_dense = n_dense
        self.random_state = random_state

    def fit(self, X: Matrix, y: Any) -> LogCountRatio:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        has = self._presence(X)
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        positives = [1] if len(self.classes_) == 2 else range(len(self.classes_))
        ratios, self.models_ = [], []
        for positive in positives:
            inside = y_index == positive
            ratio = self._log_shares(has[inside]) - self._log_shares(has[~inside])
            model = SparseLogistic(self.C, random_state=self.random_state)
            self.models_.append(model.fit(_weighed(has, ratio), inside))
            ratios.append(ratio)
        self.ratios_ = np.vstack(ratios)
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds: of the second class (n,) for two classes, else of each against the rest (n, K)."""
        X = self._checked(X)
        has = self._presence(X)
        if isinstance(X, SplitMatrix):
            scores = np.column_stack([_score(has, ratio, model) for model, ratio in self._parts()])
        else:
            scores = np.column_stack([m.decision_function(_weighed(has, r)) for m, r in self._parts()])
        return scores.ravel() if len(self.classes_) == 2 else scores

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return coefficient x weight per feature, shape (n, n_features_in_), sparse if `X` is.

        A row plus the intercept is the log-odds of the class.
        """
        X = self._checked(X)
        has = self._presence(X)
        sign, part = (2 * class_index - 1, 0) if len(self.classes_) == 2 else (1, class_index)
        model, ratio = self._parts()[part]
        pushes = sign * model.contributions(_weighed(has, ratio), 1)
        return with_other_block(pushes, X.shape[1] - has.shape[1], 0)

    def _parts(self) -> list[tuple[SparseLogistic, Floats]]:
        return list(zip(self.models_, self.ratios_, strict=True))

    def _presence(self, X: Matrix) -> Matrix:
        tokens = token_block(X, self.n_dense)
        if tokens.shape[1] == 0:
            raise ConfigError(f"LogCountRatio: n_dense={self.n_dense} leaves no token column of {X.shape[1]}")
        assert_all_finite(tokens, input_name="X", estimator_name=type(self).__name__)
        if sparse.issparse(tokens):
            has = tokens.copy()
            has.data = (has.data > 0).astype(np.float64)
            return has
        return (tokens > 0).astype(np.float64)

    def _log_shares(self, has: Matrix) -> Floats:
        counts = self.smoothing + np.asarray(has.sum(axis=0), dtype=np.float64).ravel()
        return np.log(counts / counts.sum())


def _score(has: Matrix, ratio: Floats, model: SparseLogistic) -> Floats:
    """Return the model's log-odds of `_weighed(has, ratio)`, shape (n,), without that matrix."""
    pull = has @ (ratio * model.coef_[0])
    length = np.sqrt(has @ (ratio * ratio))
    length[length == 0] = 1.0
    return np.asarray(pull / length + model.intercept_[0])


def _weighed(has: Matrix, ratio: Floats) -> Matrix:
    """Return presence x ratio, rows of length 1 (or 0)."""
    weighed = has.multiply(ratio).tocsr() if sparse.issparse(has) else has * ratio
    return normalize(weighed)
