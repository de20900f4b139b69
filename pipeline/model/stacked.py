"""Trees on dense features that also know what the tokens say, blended so that neither part can hurt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import validate_data

from pipeline.model.blocks import (
    FEATURE_CHECKS,
    Floats,
    Ints,
    Matrix,
    checked,
    class_scores,
    dense_block,
    encode_labels,
    token_block,
    with_other_block,
)
from pipeline.model.boosting import DenseBoosting
from pipeline.model.crossfit import decided_for, fold_numbers, out_of_fold
from pipeline.model.linear import SparseLogistic
from pipeline.model.split_matrix import SplitMatrix


class StackedClassifier(ClassifierMixin, BaseEstimator):
    """Logistic regression on tokens, boosted trees on dense features and its logits, and a blend of both.

    1. `linear` is cross-fitted on the tokens; its out-of-fold logits Z become further dense columns.
    2. `boosting` is cross-fitted on dense features and Z; this gives the out-of-fold scores G.
    3. The score of a class is a Z + b G + c_class. The weights a, b >= 0, shared by the classes, and the
       intercepts are fitted to the out-of-fold scores (stacked generalization, Wolpert 1992, Neural
       Networks 5, 241-259; weights without a negative sign after Breiman 1996, Machine Learning 24, 49-64).
    4. Both parts are refitted on all customers.

    Step 3 is what makes the stack safe on few labels: trees that merely relearn, with added noise, what
    the logit already says get a weight near 0, whereas in the trees alone (steps 1 and 2) the logit is
    cut into steps and diluted among the dense columns.

    Parameters
    ----------
    linear
        Classifier of the tokens; None: `SparseLogistic()`. Its `n_dense` is set by the stack.
    boosting
        Classifier of dense columns; None: `DenseBoosting()`. Its `n_dense` is set by the stack.
    n_dense
        Number of leading dense columns; None: every column is given to both parts. With no tokens at all
        only the trees remain.
    folds
        Folds of the cross-fitting.
    random_state
        Seed of the folds. The parts have seeds of their own.

    Attributes
    ----------
    classes_ : (n_classes,)
    linear_, boosting_ : the parts, fitted on all customers; `linear_` is None without tokens
    weights_ : (2,) a and b
    intercept_ : (n_classes,)
    n_features_in_ : number of columns of X

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.hstack([rng.normal(size=(200, 1)), rng.random((200, 2))])  # one dense column, two tokens
    >>> y = X[:, 0] + X[:, 1] > 0.5
    >>> StackedClassifier(n_dense=1).fit(X, y).predict([[-2.0, 0.1, 0.5], [2.0, 0.9, 0.5]])
    array([False,  True])
    """

    reads_blocks = True

    def __init__(
        self,
        linear: Any = None,
        boosting: Any = None,
        n_dense: int | None = None,
        folds: int = 5,
        random_state: int = 0,
    ) -> None:
        self.linear = linear
        self.boosting = boosting
        self.n_dense = n_dense
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Matrix, y: Any) -> StackedClassifier:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        dense, tokens = dense_block(X, self.n_dense), token_block(X, self.n_dense)
        folds = fold_numbers(y_index, self.folds, self.random_state)
        linear = clone(self.linear or SparseLogistic()).set_params(n_dense=None)
        boosting = decided_for(self.boosting or DenseBoosting(), len(y_index)).set_params(n_dense=None)

        self.linear_ = linear.fit(tokens, y_index) if tokens.shape[1] else None
        token_scores = (
            out_of_fold(linear, tokens, y_index, folds, "scores")
            if tokens.shape[1]
            else np.zeros((len(y_index), len(self.classes_)))
        )
        stacked = self._stack(dense, token_scores)
        self.boosting_ = boosting.fit(stacked, y_index)
        tree_scores = out_of_fold(boosting, stacked, y_index, folds, "scores")
        self.weights_, self.intercept_ = fit_blend(token_scores, tree_scores, y_index)
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        The softmax of the scores is the probability.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Matrix) -> Floats:
        """Return probabilities (n, n_classes); rows sum to 1."""
        return softmax(self._scores(X), axis=1)

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row."""
        best = self._scores(X).argmax(axis=1)
        return self.classes_[best]

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return additive contributions to the score of a class, shape (n, n_features_in_), sparse if `X` is.

        Tokens: a x coefficient x weight. Dense features: b x TreeSHAP. What TreeSHAP gives to a logit
        column is handed on to the tokens that pull the logit in this direction, in proportion to their
        pull; so nothing blows up where pulls cancel out. For two classes the score is the log-odds.
        """
        X = self._checked(X)
        dense, tokens = dense_block(X, self.n_dense), token_block(X, self.n_dense)
        stacked = self._stack(dense, self._token_scores(tokens))
        trees = self.weights_[1] * self.boosting_.contributions(stacked, class_index)
        n_dense = dense.shape[1]
        by_dense = sparse.csr_array(trees[:, :n_dense]) if sparse.issparse(X) else trees[:, :n_dense]
        if self.linear_ is None:
            return by_dense
        by_token = self.weights_[0] * self.linear_.contributions(tokens, class_index)
        for column in range(n_dense, stacked.shape[1]):
            # With two classes there is one logit column. With more, a token that pulls another class up
            # pulls this one down.
            of_class = class_index if len(self.classes_) == 2 else column - n_dense
            pulls = self.linear_.contributions(tokens, of_class) * (1.0 if of_class == class_index else -1.0)
            by_token = by_token + spread(trees[:, column], pulls)
        n_before = X.shape[1] - tokens.shape[1]
        return with_other_block(by_dense, 0, X.shape[1] - n_dense) + with_other_block(by_token, n_before, 0)

    def _checked(self, X: Matrix) -> Matrix:
        return checked(self, X)

    def _token_scores(self, tokens: Matrix) -> Floats:
        if self.linear_ is None:
            return np.zeros((tokens.shape[0], len(self.classes_)))
        return class_scores(self.linear_.decision_function(tokens))

    def _given_to_linear(self, X: Matrix) -> Matrix:
        """Return the tokens: of a `SplitMatrix` as another one where the classifier takes it, without a copy."""
        if isinstance(X, SplitMatrix) and self.n_dense == X.n_dense and getattr(self.linear_, "reads_blocks", False):
            return X.without_dense()
        return token_block(X, self.n_dense)

    def _stack(self, dense: NDArray[Any], token_scores: Floats) -> NDArray[Any]:
        if self.linear_ is None:
            return dense
        return np.hstack([dense, _logits(token_scores)])

    def _scores(self, X: Matrix) -> Floats:
        X = self._checked(X)
        token_scores = self._token_scores(self._given_to_linear(X))
        tree_scores = class_scores(self._decision_of_trees(X, token_scores))
        return self.weights_[0] * token_scores + self.weights_[1] * tree_scores + self.intercept_

    def _decision_of_trees(self, X: Matrix, token_scores: Floats) -> Floats:
        if isinstance(X, SplitMatrix) and self.n_dense == X.n_dense and isinstance(self.boosting_, DenseBoosting):
            logits = [] if self.linear_ is None else [_logits(token_scores)]
            return self.boosting_.decision_of([*X.dense_blocks, *logits])
        return self.boosting_.decision_function(self._stack(dense_block(X, self.n_dense), token_scores))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # Without a split of the columns the logistic regression reads them all, and it takes no NaN.
        tags.input_tags.allow_nan = self.n_dense is not None
        return tags


def _logits(token_scores: Floats) -> Floats:
    """Return what trees read of scores (n, n_classes): one log-odds for two classes."""
    return token_scores if token_scores.shape[1] > 2 else token_scores[:, 1:] - token_scores[:, :1]


def fit_blend(first: Floats, second: Floats, y_index: Ints) -> tuple[Floats, Floats]:
    """Return weights (2,) >= 0 and intercepts (n_classes,) of softmax(w0 first + w1 second + intercepts).

    Maximum likelihood with the ridge |w|^2 / 2, which only matters for a handful of rows or scores that
    separate the classes.

    Parameters
    ----------
    first, second
        Out-of-fold scores, shape (n, n_classes).
    y_index
        Class index of each row.
    """
    n, n_classes = first.shape
    truth = np.eye(n_classes)[y_index]
    scale = 1.0 / n  # of loss and gradient, so that the optimiser's tolerances do not depend on n

    def loss(parameters: Floats) -> tuple[float, Floats]:
        weights, intercept = parameters[:2], parameters[2:]
        scores = weights[0] * first + weights[1] * second + intercept
        residual = softmax(scores, axis=1) - truth
        value = (logsumexp(scores, axis=1) - scores[np.arange(n), y_index]).sum() + weights @ weights / 2
        slope = np.array([(residual * first).sum(), (residual * second).sum()]) + weights
        return scale * value, scale * np.concatenate([slope, residual.sum(axis=0)])

    start = np.concatenate([[0.5, 0.5], np.zeros(n_classes)])
    bounds = [(0.0, None)] * 2 + [(None, None)] * n_classes
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return best[:2], best[2:]


def spread(amount: Floats, pulls: Matrix) -> Matrix:
    """Return `amount` (n,) spread over those columns of each row that pull the same way.

    Within a row the shares are in proportion to `pulls` (n, n_columns). Where no column pulls that way the
    amount goes to all columns in proportion to |pull|; where there is no pull at all (a customer without
    tokens) it is left out.

    Examples
    --------
    >>> spread(np.array([1.0]), np.array([[3.0, 1.0, -2.0]]))
    array([[0.75, 0.25, 0.  ]])
    """
    sign = np.sign(amount)[:, None]
    signed = pulls.multiply(sign).tocsr() if sparse.issparse(pulls) else pulls * sign
    same = signed.maximum(0) if sparse.issparse(pulls) else np.maximum(signed, 0)
    none = np.asarray(same.sum(axis=1)).ravel() == 0
    if none.any():
        keep = np.where(none, 1.0, 0.0)[:, None]
        other = abs(signed)
        same = same + (other.multiply(keep).tocsr() if sparse.issparse(other) else other * keep)
    total = np.asarray(same.sum(axis=1)).ravel()
    share = np.divide(amount, total, out=np.zeros(len(total)), where=total > 0)[:, None]
    return same.multiply(share).tocsr() if sparse.issparse(same) else same * share
