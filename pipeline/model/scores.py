"""What classifiers share that turn a matrix into scores: the check of the matrix, probabilities, the answer.

Two ways lead from scores to probabilities, each a mixin that stands before scikit-learn's own ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from pipeline.model.blocks import Floats, Matrix, checked, class_scores


class ReadsMatrix(ABC):
    """Takes a matrix of features, sparse or dense, as fitted classifiers do."""

    classes_: NDArray[Any]
    reads_blocks = True

    @abstractmethod
    def decision_function(self, X: Matrix) -> Floats:
        """Return scores (n,) of the second of two classes, or (n, n_classes)."""

    def _checked(self, X: Matrix) -> Matrix:
        return checked(self, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]  # of the estimator that this stands before
        tags.input_tags.sparse = True
        return tags


class OneAgainstTheRest(ReadsMatrix):
    """Scores are log-odds: of the second of two classes, else of each class against the rest."""

    def predict_proba(self, X: Matrix) -> Floats:
        """Return probabilities (n, n_classes); rows sum to 1."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        odds = expit(np.maximum(scores, -500))  # below, all classes of a row could round to 0
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]


class Multinomial(ReadsMatrix):
    """The softmax of the scores is the probability; the one score of two classes is the second's log-odds."""

    def predict_proba(self, X: Matrix) -> Floats:
        """Return probabilities (n, n_classes); rows sum to 1."""
        return np.asarray(softmax(class_scores(self.decision_function(X)), axis=1))

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row."""
        best = class_scores(self.decision_function(X)).argmax(axis=1)
        return self.classes_[best]
