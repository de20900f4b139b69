"""Probabilities that mean what they say: of all customers given 0.8, about 80 % have the value."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from pipeline.errors import ConfigError, did_you_mean
from pipeline.model.blocks import Floats, Ints, Matrix

Method = Literal["temperature", "sigmoid", "isotonic"]
Calibration = Literal["auto", "temperature", "sigmoid", "isotonic"]

_LEAST = 1e-6  # a probability below is taken as this much: isotonic ones can be 0
_MANY = 1000  # labels from which on more than one parameter is tried


class ProbabilityCalibrator:
    """Map from raw to calibrated probabilities, learnt from out-of-fold probabilities and labels.

    The three methods are scikit-learn's, applied to given probabilities: "temperature" divides the log
    probabilities by one number (Guo et al. 2017, ICML; one parameter, right for few hundred labels),
    "sigmoid" fits a logistic curve per class (Platt 1999), "isotonic" a step function per class (Zadrozny,
    Elkan 2002; wants more than 1000 labels).

    Parameters
    ----------
    method
        One of the three.

    Attributes
    ----------
    present_ : indices of the classes that have labels; the others keep no probability
    model_ : the fitted `CalibratedClassifierCV`, or None if a single class is present

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = (rng.random(2000) < 0.7).astype(int)
    >>> overconfident = np.tile([0.01, 0.99], (2000, 1))
    >>> ProbabilityCalibrator().fit(overconfident, truth).transform([[0.01, 0.99]]).round(1)
    array([[0.3, 0.7]])
    """

    def __init__(self, method: Method = "temperature") -> None:
        if method not in get_args(Method):
            raise ConfigError(f"unknown calibration {method!r} {did_you_mean(method, get_args(Method))}")
        self.method = method

    def fit(self, proba: Floats, y_index: Ints) -> ProbabilityCalibrator:
        """Fit on raw probabilities (n, n_classes) and the class index of each row (n,)."""
        self.present_, y_present = np.unique(y_index, return_inverse=True)
        self.model_ = None
        if len(self.present_) > 1:
            given = FrozenEstimator(_Given(len(self.present_)))
            # One "split" of all rows: nothing is fitted before the calibration, so nothing is to be split,
            # and scikit-learn's own split refuses a class with fewer rows than folds.
            everything = np.arange(len(y_present))
            model = CalibratedClassifierCV(given, method=self.method, cv=[(everything, everything)], ensemble=True)
            self.model_ = model.fit(self._among_present(proba), y_present)
        return self

    def transform(self, proba: Floats) -> Floats:
        """Return calibrated probabilities of the same shape; rows sum to 1."""
        calibrated = np.zeros(np.shape(proba))
        part = self._among_present(proba)
        calibrated[:, self.present_] = part if self.model_ is None else self.model_.predict_proba(part)
        return calibrated

    def _among_present(self, proba: Floats) -> Floats:
        part = np.asarray(proba, dtype=np.float64)[:, self.present_]
        total = part.sum(axis=1, keepdims=True)
        return np.divide(part, total, out=np.full_like(part, 1 / part.shape[1]), where=total > 0)


def choose_method(proba: Floats, y_index: Ints, folds: Ints) -> Method:
    """Return the method whose calibrated probabilities have the lowest log-loss on other folds.

    Temperature, which has one parameter, is kept unless another is better by more than one standard error of the
    difference (the one-standard-error rule: Breiman et al. 1984, Classification and Regression Trees), and
    always below 1000 labels.

    Parameters
    ----------
    proba
        Raw out-of-fold probabilities, shape (n, n_classes).
    y_index, folds
        Class index and fold of each row, shape (n,).
    """
    if len(y_index) < _MANY:
        return "temperature"
    methods: tuple[Method, ...] = get_args(Method)
    losses = {}
    for method in methods:
        calibrated = np.empty_like(proba)
        for fold in np.unique(folds):
            test = folds == fold
            calibrator = ProbabilityCalibrator(method).fit(proba[~test], y_index[~test])
            calibrated[test] = calibrator.transform(proba[test])
        losses[method] = -np.log(np.clip(calibrated[np.arange(len(y_index)), y_index], _LEAST, 1.0))
    chosen: Method = "temperature"
    for method in methods[1:]:
        gain = losses["temperature"] - losses[method]
        clear = gain.mean() > gain.std() / np.sqrt(len(gain))
        if clear and losses[method].mean() < losses[chosen].mean():
            chosen = method
    return chosen


class _Given(ClassifierMixin, BaseEstimator):
    """A classifier whose input already is its probabilities: what scikit-learn calibrates."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.classes_ = np.arange(n_classes)

    def fit(self, X: Matrix, y: Any) -> _Given:
        return self

    def predict_proba(self, X: Matrix) -> Matrix:
        return X

    def predict(self, X: Matrix) -> Any:
        return self.classes_[np.argmax(X, axis=1)]
