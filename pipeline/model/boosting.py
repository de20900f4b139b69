"""Boosted trees on the dense features, regularised for a few hundred labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import validate_data

from pipeline.errors import ConfigError
from pipeline.model.blocks import (
    FEATURE_CHECKS,
    Floats,
    Ints,
    Matrix,
    checked,
    class_scores,
    dense_block,
    encode_labels,
    with_other_block,
)
from pipeline.model.decision_tables import tables_of
from pipeline.model.large_boosting import LargeBoosting, tree_contributions
from pipeline.model.split_matrix import SplitMatrix

# With many customers few columns hold trees back more than they decorrelate them: on 15,000 to 33,000 customers of the
# synthetic operator 0.3 instead of 0.1 changed the AUC on other training customers by +0.005, +0.000, +0.007, +0.001,
# +0.000 and -0.000 (six attributes), at 1.7 times the cost.
_LARGE_FRACTION = 0.3


class DenseBoosting(ClassifierMixin, BaseEstimator):
    """LightGBM (Ke et al. 2017, NeurIPS 30) on the dense columns; NaN is a value of its own.

    The defaults are for a few hundred labels: trees of 7 leaves, at least 20 customers in a leaf, a strong
    ridge on leaf values, and 30 % of the columns per tree, which also decorrelates the trees. One thread
    and a fixed seed: the same input gives the same model.

    Parameters
    ----------
    n_dense
        Number of leading columns to use; None: all.
    n_estimators, learning_rate
        Number of trees, and the shrinkage of each.
    num_leaves, min_child_samples, reg_lambda
        Leaves of a tree, customers in a leaf at least, ridge on leaf values.
    feature_fraction, subsample
        Shares of the columns and of the customers that a tree is grown on.
    max_bin
        Cut points tried per column, at most.
    large_from
        Training customers from which on `LargeBoosting` learns: trees of four times the leaves, at most three times as
        many, each on at least 30 % of the most telling columns; and small networks on the same columns.
    random_state
        Seed of the sampling.

    Attributes
    ----------
    classes_ : (n_classes,)
    booster_ : the fitted `lightgbm.Booster`
    large_ : the fitted `LargeBoosting`, to which the booster then belongs, or None
    n_features_in_ : number of columns of X, unused ones included

    Examples
    --------
    >>> hours = np.arange(200.0).reshape(-1, 1)
    >>> model = DenseBoosting().fit(hours, hours.ravel() >= 100)
    >>> model.predict([[20.0], [180.0]])
    array([False,  True])
    """

    reads_blocks = True
    large_: LargeBoosting | None = None  # also of what was registered before there was any

    def __init__(
        self,
        n_dense: int | None = None,
        n_estimators: int = 100,
        learning_rate: float = 0.05,
        num_leaves: int = 7,
        min_child_samples: int = 20,
        reg_lambda: float = 5.0,
        feature_fraction: float = 0.3,
        subsample: float = 0.8,
        max_bin: int = 63,
        large_from: int = 10_000,
        random_state: int = 0,
    ) -> None:
        self.n_dense = n_dense
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.feature_fraction = feature_fraction
        self.subsample = subsample
        self.max_bin = max_bin
        self.large_from = large_from
        self.random_state = random_state

    def fit(self, X: Matrix, y: Any) -> DenseBoosting:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        self._choose_columns(X, y_index)
        inputs = self._inputs(X)
        self.large_ = None
        if len(y_index) >= self.large_from:
            self.large_ = LargeBoosting.fit(inputs, y_index, self._large(), self.n_estimators, self.random_state)
            self.booster_ = self.large_.booster
            return self
        trees = LGBMClassifier(
            n_estimators=self.n_estimators,
            num_leaves=self.num_leaves,
            min_child_samples=self.min_child_samples,
            colsample_bytree=self.feature_fraction,
            learning_rate=self.learning_rate,
            reg_lambda=self.reg_lambda,
            subsample=self.subsample,
            subsample_freq=1,
            max_bin=self.max_bin,
            random_state=self.random_state,
            deterministic=True,
            force_col_wise=True,  # faster where a tree reads few columns, and as reproducible
            n_jobs=1,
            verbose=-1,
        )
        self.booster_ = trees.fit(inputs, y_index).booster_
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        The softmax of the scores is the probability.
        """
        X = self._checked(X)
        if isinstance(X, SplitMatrix) and self.n_dense == X.n_dense:
            return self.decision_of(self._blocks(X))
        return self._decision(self._inputs(X))

    def decision_of(self, blocks: Sequence[NDArray[np.floating]]) -> Floats:
        """Return `decision_function` of what the trees read: the columns of a matrix in blocks, side by side.

        Parameters
        ----------
        blocks
            Shapes (n, n_columns), finite or NaN; fastest in Fortran order.
        """
        tables = None if self.large_ is not None else tables_of(self.booster_, len(blocks[0]))
        if tables is None:
            return self._decision(np.hstack(blocks))
        scores = tables.scores(blocks)
        return scores[:, 0] if tables.n_scores == 1 else scores

    def predict_proba(self, X: Matrix) -> Floats:
        """Return probabilities (n, n_classes); rows sum to 1."""
        return softmax(class_scores(self.decision_function(X)), axis=1)

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row."""
        best = class_scores(self.decision_function(X)).argmax(axis=1)
        return self.classes_[best]

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return TreeSHAP values per feature, shape (n, n_features_in_), sparse if `X` is.

        A row plus a constant, of trees the expected value, is the score of the class; for two classes, its log-odds
        (Lundberg et al. 2020, Nature Machine Intelligence 2, 56-67). The networks of many customers have their part.
        """
        X = self._checked(X)
        inputs = self._inputs(X)
        if self.large_ is not None:
            parts = self.large_.contributions(inputs, class_index)
        else:
            inputs = inputs.toarray() if sparse.issparse(inputs) else inputs  # sparse rows are answered in another form
            parts = tree_contributions(self.booster_, inputs, class_index, len(self.classes_))
        return self._to_columns(sparse.csr_array(parts) if sparse.issparse(X) else parts, X.shape[1])

    def _decision(self, inputs: Matrix) -> Floats:
        if self.large_ is not None:
            return self.large_.scores(inputs)
        return np.asarray(self.booster_.predict(inputs, raw_score=True, num_threads=1))

    def _choose_columns(self, X: Matrix, y_index: Ints) -> None:
        """Decide on training customers which columns the trees may read; here the dense ones."""

    def _large(self) -> dict[str, Any]:
        """Return how trees are grown on many customers, by LightGBM's own names."""
        return {
            "learning_rate": self.learning_rate,
            "num_leaves": 4 * self.num_leaves + 3,
            "min_data_in_leaf": 2 * self.min_child_samples,
            "lambda_l2": self.reg_lambda,
            "feature_fraction": max(self.feature_fraction, _LARGE_FRACTION),
            "bagging_fraction": self.subsample,
            "bagging_freq": 1,
            "max_bin": self.max_bin,
            "seed": self.random_state,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbose": -1,
        }

    def _inputs(self, X: Matrix) -> Matrix:
        return self._dense(X)

    def _blocks(self, X: SplitMatrix) -> list[NDArray[Any]]:
        """Return the columns of `_inputs` in blocks, in Fortran order as far as attributes share them."""
        return [*X.dense_blocks]

    def _to_columns(self, parts: Matrix, n_features: int) -> Matrix:
        return with_other_block(parts, 0, n_features - parts.shape[1])

    def _checked(self, X: Matrix) -> Matrix:
        return checked(self, X)

    def _dense(self, X: Matrix) -> NDArray[Any]:
        dense = dense_block(X, self.n_dense)
        if dense.shape[1] == 0:
            raise ConfigError(f"DenseBoosting: n_dense=0 leaves no dense column of {X.shape[1]}")
        return dense

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags
