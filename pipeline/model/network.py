"""A small neural network on the dense features: another kind of model for the blend."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.errors import ConfigError
from pipeline.model.blocks import (
    FEATURE_CHECKS,
    Floats,
    Matrix,
    class_scores,
    dense_block,
    encode_labels,
    with_other_block,
)

_FAR = 4.0  # standard deviations; what lies beyond is clipped


class DenseNetwork(ClassifierMixin, BaseEstimator):
    """The mean of a few networks of one hidden layer on the dense columns.

    Columns are brought to sign(x) ln(1 + |x|), standardised with the training customers' moments and clipped at
    4 standard deviations; NaN becomes the mean. The networks differ in their seeds alone (seed averaging:
    Hansen, Salamon 1990, doi:10.1109/34.58871) and are stopped early by a fixed number of passes.

    Parameters
    ----------
    n_dense
        Number of leading columns to use; None: all.
    hidden
        Units of the hidden layer.
    alpha
        Strength of the L2 penalty of scikit-learn's `MLPClassifier`.
    passes
        Passes over the customers.
    learning_rate
        Of Adam (Kingma, Ba 2015, arXiv:1412.6980).
    seeds
        Number of networks.
    random_state
        Seed of the first; the others follow.

    Attributes
    ----------
    classes_ : (n_classes,)
    networks_ : the fitted networks
    mean_, scale_ : (n_used,) moments of the transformed columns
    n_features_in_ : number of columns of X, unused ones included

    Examples
    --------
    >>> hours = np.arange(200.0).reshape(-1, 1)
    >>> DenseNetwork(passes=50).fit(hours, hours.ravel() >= 100).predict([[5.0], [190.0]])
    array([False,  True])
    """

    def __init__(
        self,
        n_dense: int | None = None,
        hidden: int = 32,
        alpha: float = 3.0,
        passes: int = 20,
        learning_rate: float = 1e-3,
        seeds: int = 2,
        random_state: int = 0,
    ) -> None:
        self.n_dense = n_dense
        self.hidden = hidden
        self.alpha = alpha
        self.passes = passes
        self.learning_rate = learning_rate
        self.seeds = seeds
        self.random_state = random_state

    def fit(self, X: Matrix, y: Any) -> DenseNetwork:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        squeezed = _squeezed(self._dense(X))
        known = np.isfinite(squeezed)
        n = np.maximum(known.sum(axis=0), 1)
        self.mean_ = np.where(known, squeezed, 0.0).sum(axis=0) / n
        spread = np.where(known, squeezed - self.mean_, 0.0)
        self.scale_ = np.maximum(np.sqrt((spread**2).sum(axis=0) / n), 1e-9)
        inputs = self._standardised(squeezed)
        batch = int(np.clip(len(y_index) // 40, min(32, len(y_index)), 200))
        self.networks_ = []
        for number in range(self.seeds):
            network = MLPClassifier(
                (self.hidden,),
                alpha=self.alpha,
                max_iter=self.passes,
                learning_rate_init=self.learning_rate,
                batch_size=batch,
                random_state=self.random_state + number,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # stopping before is the point
                self.networks_.append(network.fit(inputs, y_index))
        return self

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        The mean of the networks' scores; its softmax is the probability.
        """
        X = self._checked(X)
        inputs = self._standardised(_squeezed(self._dense(X)))
        scores = np.mean([self._output(network, self._hidden(network, inputs)) for network in self.networks_], axis=0)
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Matrix) -> Floats:
        """Return probabilities (n, n_classes); rows sum to 1."""
        return softmax(class_scores(self.decision_function(X)), axis=1)

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row."""
        best = class_scores(self.decision_function(X)).argmax(axis=1)
        return self.classes_[best]

    def contributions(self, X: Matrix, class_index: int, steps: int = 16) -> Matrix:
        """Return integrated gradients per feature, shape (n, n_features_in_), sparse if `X` is.

        Sundararajan, Taly, Yan 2017, arXiv:1703.01365, from the mean customer to each one, midpoint rule: a row
        plus the mean customer's score is the score of the class, but for the error of the rule; log-odds
        for two classes.
        """
        X = self._checked(X)
        dense = self._dense(X)
        inputs = self._standardised(_squeezed(dense))
        pushes = np.zeros_like(inputs)
        for network in self.networks_:
            first, second = network.coefs_
            outward = second[:, 0] * (2 * class_index - 1) if len(self.classes_) == 2 else second[:, class_index]
            for step in range(steps):
                active = self._hidden(network, inputs * ((step + 0.5) / steps)) > 0
                pushes += (active * outward) @ first.T / steps
        pushes *= inputs / len(self.networks_)
        pushes = sparse.csr_array(pushes) if sparse.issparse(X) else pushes
        return with_other_block(pushes, 0, X.shape[1] - dense.shape[1])

    def _hidden(self, network: MLPClassifier, inputs: Floats) -> Floats:
        return np.maximum(inputs @ network.coefs_[0] + network.intercepts_[0], 0.0)

    def _output(self, network: MLPClassifier, hidden: Floats) -> Floats:
        return np.asarray(hidden @ network.coefs_[1] + network.intercepts_[1])

    def _standardised(self, squeezed: Floats) -> Floats:
        return np.clip(np.nan_to_num((squeezed - self.mean_) / self.scale_), -_FAR, _FAR)

    def _checked(self, X: Matrix) -> Matrix:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, **FEATURE_CHECKS)

    def _dense(self, X: Matrix) -> NDArray[Any]:
        dense = dense_block(X, self.n_dense)
        if dense.shape[1] == 0:
            raise ConfigError(f"DenseNetwork: n_dense=0 leaves no dense column of {X.shape[1]}")
        return np.asarray(dense, dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def _squeezed(dense: NDArray[Any]) -> Floats:
    return np.asarray(np.sign(dense) * np.log1p(np.abs(dense)), dtype=np.float64)
