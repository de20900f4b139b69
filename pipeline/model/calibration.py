"""Probabilities that mean what they say: of all customers given 0.8, about 80 % have the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from pipeline import metrics
from pipeline.errors import ConfigError, did_you_mean
from pipeline.model.blocks import Floats, Ints, Matrix
from pipeline.model.venn_abers import VennAbers

Method = Literal["temperature", "sigmoid", "isotonic", "venn_abers"]
Calibration = Literal["auto", "temperature", "sigmoid", "isotonic", "venn_abers"]

_LEAST = 1e-6  # a probability below is taken as this much: isotonic ones can be 0
_MANY = 1000  # labels from which on more than one parameter is tried


class ProbabilityCalibrator:
    """Map from raw to calibrated probabilities, learnt from out-of-fold probabilities and labels.

    Three methods are scikit-learn's, applied to given probabilities: "temperature" divides the log
    probabilities by one number (Guo et al. 2017, ICML; one parameter, right for few hundred labels),
    "sigmoid" fits a logistic curve per class (Platt 1999), "isotonic" a step function per class (Zadrozny,
    Elkan 2002; wants more than 1000 labels). The fourth is `VennAbers`.

    Parameters
    ----------
    method
        One of the four.

    Attributes
    ----------
    present_ : indices of the classes that have labels; the others keep no probability
    model_ : the fitted `CalibratedClassifierCV` or `VennAbers`, or None if a single class is present

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
        self.model_: Any = None
        if len(self.present_) > 1 and self.method == "venn_abers":
            self.model_ = VennAbers().fit(self._among_present(proba), y_present)
        elif len(self.present_) > 1:
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
        if isinstance(self.model_, VennAbers):
            part = self.model_.transform(part)
        elif self.model_ is not None:
            part = self.model_.predict_proba(part)
        calibrated[:, self.present_] = part
        return calibrated

    def _among_present(self, proba: Floats) -> Floats:
        part = np.asarray(proba, dtype=np.float64)[:, self.present_]
        total = part.sum(axis=1, keepdims=True)
        return np.divide(part, total, out=np.full_like(part, 1 / part.shape[1]), where=total > 0)


@dataclass(frozen=True)
class Tried:
    """What one method of calibration was worth on folds it was not fitted on.

    `standard_error` is that of the difference in log-loss to temperature; `ece` the expected calibration error.
    """

    method: Method
    log_loss: float
    standard_error: float
    ece: float
    chosen: bool


class CrossCalibration:
    """Calibrators fitted without some folds, each once.

    Choosing a method for the customers of one fold needs calibrators fitted without this fold and another one; so does
    choosing for the other, and these are the same.

    Parameters
    ----------
    proba
        Raw out-of-fold probabilities, shape (n, n_classes).
    y_index, folds
        Class index and fold of each row, shape (n,).
    calibration
        "auto", or the only method that is tried.
    """

    def __init__(self, proba: Floats, y_index: Ints, folds: Ints, calibration: Calibration = "auto") -> None:
        self.proba = proba
        self.y_index = y_index
        self.folds = folds
        self.calibration = calibration
        self._fitted: dict[tuple[Method, frozenset[int]], ProbabilityCalibrator] = {}

    def calibrator(self, method: Method, *without: int) -> ProbabilityCalibrator:
        """Return the calibrator of a method, fitted on all folds but some."""
        key = method, frozenset(without)
        if key not in self._fitted:
            kept = ~np.isin(self.folds, without)
            self._fitted[key] = ProbabilityCalibrator(method).fit(self.proba[kept], self.y_index[kept])
        return self._fitted[key]

    def tried(self, *without: int) -> list[Tried]:
        """Return what each method is worth on other folds, and which is chosen: for "auto" that of the lowest log-loss.

        Temperature, which has one parameter, is kept unless another is better by more than one standard error of the
        difference (the one-standard-error rule: Breiman et al. 1984, Classification and Regression Trees), and
        always below 1000 labels, where the others are not tried.

        Parameters
        ----------
        without
            Folds whose customers take no part.
        """
        kept = ~np.isin(self.folds, without)
        proba, y_index, folds = self.proba[kept], self.y_index[kept], self.folds[kept]
        methods: tuple[Method, ...] = get_args(Method) if len(y_index) >= _MANY else ("temperature",)
        methods = methods if self.calibration == "auto" else (self.calibration,)
        losses, errors = {}, {}
        for method in methods:
            calibrated = np.empty_like(proba)
            for fold in np.unique(folds):
                test = folds == fold
                calibrated[test] = self.calibrator(method, *without, int(fold)).transform(proba[test])
            losses[method] = -np.log(np.clip(calibrated[np.arange(len(y_index)), y_index], _LEAST, 1.0))
            errors[method] = metrics.ece(y_index, calibrated)
        chosen = methods[0]
        gains = {method: losses[chosen] - losses[method] for method in methods}
        noise = {method: float(gain.std() / np.sqrt(len(gain))) for method, gain in gains.items()}
        for method in methods[1:]:
            if gains[method].mean() > noise[method] and losses[method].mean() < losses[chosen].mean():
                chosen = method
        return [Tried(m, float(losses[m].mean()), noise[m], float(errors[m]), m == chosen) for m in methods]

    def chosen(self, *without: int) -> Method:
        """Return the method that is chosen without some folds; a single candidate is not tried."""
        if self.calibration != "auto":
            return self.calibration
        if (~np.isin(self.folds, without)).sum() < _MANY:
            return "temperature"
        return next(one.method for one in self.tried(*without) if one.chosen)

    def calibrated(self) -> Floats:
        """Return probabilities of the shape of `proba`, each row calibrated without its fold."""
        clean = np.empty_like(self.proba)
        for fold in np.unique(self.folds).tolist():
            test = self.folds == fold
            clean[test] = self.calibrator(self.chosen(fold), fold).transform(self.proba[test])
        return clean


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
