"""A classifier that is calibrated, and states a value only where its precision is certified."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from pipeline.errors import ConfigError
from pipeline.model.blocks import (
    FEATURE_CHECKS,
    Floats,
    Ints,
    LabelError,
    Matrix,
    as_matrix,
    checked,
    encode_labels,
)
from pipeline.model.calibration import Calibration, CrossCalibration, Method
from pipeline.model.certification import Certificate, gather, stated_values
from pipeline.model.crossfit import align_columns, decided_for, fold_numbers, out_of_fold
from pipeline.model.multiplicity import Levels, Scope, attribute_levels, catalogue_level
from pipeline.model.novelty import NoveltyDetector
from pipeline.model.sets import fit_cut
from pipeline.model.split_matrix import SplitMatrix


class CertifiedClassifier(ClassifierMixin, BaseEstimator):
    """Any probabilistic classifier, calibrated, with a certified threshold for stating each value.

    Cross-fitted mode (few labels): every customer gets a *clean* probability, from an estimator fitted on
    the other folds and a calibrator fitted on the out-of-fold probabilities of the other folds. Clean
    probabilities and labels certify one threshold per class (`certify`). Deployed are the estimator
    refitted on all customers and the calibrator of all out-of-fold probabilities.

    Held-out mode (`holdout_from` labels or more): a random quarter of the customers is set aside and
    certifies the very estimator and calibrator, made from the other three quarters, that are deployed.

    What is certain and what is assumed. *Held-out*: for each class, with probability at least `confidence`
    over the draw of the customers, the precision of what the deployed model states is at least
    `min_precision`; exact in finite samples for independent customers of the population that is scored.
    *Cross-fitted*: the test is the same and no customer's own label touched the model behind its clean
    probability, but three things are assumed. (1) The certificate is about the recipe, applied to
    (folds - 1) / folds of the customers; the refit on all of them is taken to be no worse at the same
    threshold. (2) The folds' models are taken as if they were one. (3) The scores on which a fold's
    calibrator was fitted come from models that did see the fold's customers: an influence through the few
    numbers of a calibrator and of a blend's weights, of second order. Over the classes of one attribute, and over
    attributes, the certificates are corrected as `certified_for` says; by default each class has its own at
    `confidence`.

    Customers unlike the training customers (`novelty_level`) get no statement, and certify none: the clean
    customers are asked whether they are like the others, by scores that had not seen them either, before they certify.

    Where the customers with labels are other people than those who will be scored, `fit` is told so
    (`certify_weight`): each clean customer then certifies with a probability that makes those who do a random sample of
    the ones who will be scored (rejection sampling, von Neumann 1951). So the exact tests stay as they are and
    hold in finite samples, given the weights; the price is size: of customers of mean weight u a share of u certifies.
    Tests by betting on weighted customers (Waudby-Smith, Ramdas 2024, doi:10.1093/jrsssb/qkad009) draw no lots, but
    in simulations certified less below some 500 customers and a tenth more above. The model itself is fitted on all.

    Parameters
    ----------
    estimator
        Classifier with `predict_proba`; it is cloned, never fitted itself. One that has
        `fit_out_of_fold(X, y, folds)` -> (n, n_classes) fits itself on everything and returns probabilities of which
        each row's come from parts fitted without the row's fold; it is then not refitted once per fold.
    folds
        Folds of the cross-fitting.
    calibration
        "temperature", "sigmoid", "isotonic" or "venn_abers": see `ProbabilityCalibrator`; "auto": see
        `CrossCalibration.tried`.
    min_precision
        Required precision of what is stated, between 0 and 1 exclusive.
    confidence
        Confidence of each certificate, between 0 and 1 exclusive.
    set_coverage
        Share of customers whose prediction set holds the true value: see `fit_cut`.
    holdout_from
        Number of labels from which on the held-out mode is used.
    certified_for
        What the certificates hold for, at `confidence`: see `multiplicity`. "catalogue": this classifier is a catalogue
        of its own until `certify_in_catalogue` tells the level of a larger one.
    novelty_level
        Nothing is stated for customers whose conformal p-value of being like the training customers is at most this,
        see `NoveltyDetector`; 0: whoever they are.
    n_dense
        Number of leading dense columns, by which that is judged; None: all.
    n_past
        How many of these, the first ones, are the attribute's own past, by which it is not judged: it grows with the
        log, so that customers would come to look strange by nothing but the time that has passed.
    random_state
        Seed of folds and hold-out. The estimator has a seed of its own.

    Attributes
    ----------
    classes_ : (n_classes,)
    certificates_ : one `Certificate` per class
    evidence_ : (n_classes,) list of `Evidence`, from which the certificates were made
    levels_ : one `Levels` per class: the delta of its certificate if it were certified for this or that
    novelty_ : the fitted `NoveltyDetector`, or None if nobody is judged by it
    thresholds_ : (n_classes,) probability from which on a class is stated; infinity: never
    certification_ : "cross-fitted" or "held-out"
    estimator_, calibrator_ : what is deployed
    calibration_ : the method of `calibrator_`
    calibrations_ : list of `Tried`: what this and the other methods were worth on other folds
    set_cut_ : probability from which on a value belongs to a prediction set, for `sets_of`; of the clean probabilities,
        so that in cross-fitted mode what is assumed of certificates is assumed of it as well
    clean_proba_, clean_y_ : (m, n_classes) and (m,) calibrated probabilities of customers that the model
        had not seen, and their class indices; all customers in the order of `X`, or those held out
    clean_like_ : (m,) which of them certify: they are like the training customers, and were drawn if there are weights
    answering_ : classifier of whose like have labels (class 1), or None: nobody is out of their reach
    n_features_in_ : number of columns of X

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 1))
    >>> y = np.where(X[:, 0] + 0.8 * rng.normal(size=400) > 0, "yes", "no")
    >>> model = CertifiedClassifier(LogisticRegression()).fit(X, y)
    >>> model.stated([[-2.0], [0.0], [2.0]])  # indices into classes_, -1 where withheld
    array([ 0, -1,  1])
    """

    reads_blocks = True

    def __init__(
        self,
        estimator: Any,
        folds: int = 5,
        calibration: Calibration = "temperature",
        min_precision: float = 0.8,
        confidence: float = 0.9,
        holdout_from: int = 20_000,
        random_state: int = 0,
        set_coverage: float = 0.9,
        certified_for: Scope = "value",
        novelty_level: float = 0.0,
        n_dense: int | None = None,
        n_past: int = 0,
    ) -> None:
        self.estimator = estimator
        self.folds = folds
        self.calibration = calibration
        self.min_precision = min_precision
        self.confidence = confidence
        self.holdout_from = holdout_from
        self.random_state = random_state
        self.set_coverage = set_coverage
        self.certified_for = certified_for
        self.novelty_level = novelty_level
        self.n_dense = n_dense
        self.n_past = n_past

    def fit(
        self,
        X: Matrix,
        y: Any,
        certify_weight: Floats | None = None,
        answering: Any = None,
        least_propensity: float = 0.0,
    ) -> CertifiedClassifier:
        """Fit on features `X` (n, n_features) and labels `y` (n,).

        Parameters
        ----------
        certify_weight
            How often the like of a customer is met among those who will be scored, per one that has a label: shape
            (n,), from 0 to 1, relative to a bound that does not depend on the customers; None: they are the same.
        answering, least_propensity
            A fitted classifier of whose like have labels, and the probability of its class 1 from which on something
            may be stated; None: of everybody.

        Raises
        ------
        ConfigError
            If the weights do not lie between 0 and 1, or are not one per row.
        """
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        self.answering_, self.least_propensity_ = answering, least_propensity
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        self.certification_: Literal["cross-fitted", "held-out"]
        if len(y_index) < self.holdout_from:
            self.certification_ = "cross-fitted"
            self.clean_proba_, self.clean_y_ = self._fit_deployed(X, y_index).calibrated(), y_index
            self.clean_like_ = self._fit_novelty(X)
        else:
            self.certification_ = "held-out"
            order = np.random.default_rng(self.random_state).permutation(len(y_index))
            held_out, train = np.sort(order[: len(order) // 4]), np.sort(order[len(order) // 4 :])
            self._fit_deployed(X[train], y_index[train])
            self.clean_proba_, self.clean_y_ = self._deployed_proba(X[held_out]), y_index[held_out]
            self._fit_novelty(X[train])
            self.clean_like_ = ~self.unlike(X[held_out])
            certify_weight = None if certify_weight is None else np.asarray(certify_weight)[held_out]
        self.clean_like_ &= self._drawn(certify_weight, len(self.clean_y_))
        proba, truth = self.clean_proba_[self.clean_like_], self.clean_y_[self.clean_like_]
        self.set_cut_ = fit_cut(proba, truth, self.set_coverage)
        best = proba.argmax(axis=1)
        self.evidence_ = [
            gather(proba[best == c, c], truth[best == c] == c, self.min_precision) for c in range(len(self.classes_))
        ]
        own = catalogue_level([found.p_value for found in self.evidence_], 1 - self.confidence)
        return self.certify_in_catalogue(own)

    def certify_in_catalogue(self, level: float) -> CertifiedClassifier:
        """Certify with the `catalogue_level` of all attributes; it decides where `certified_for` is "catalogue"."""
        delta = 1 - self.confidence
        self.levels_ = [Levels(delta, float(own), level) for own in attribute_levels(self.evidence_, delta)]
        self.certificates_: list[Certificate] = [
            found.certificate(getattr(levels, self.certified_for))
            for found, levels in zip(self.evidence_, self.levels_, strict=True)
        ]
        self.thresholds_ = np.array([np.inf if c.threshold is None else c.threshold for c in self.certificates_])
        return self

    def predict_proba(self, X: Matrix) -> Floats:
        """Return calibrated probabilities (n, n_classes); rows sum to 1."""
        return self._deployed_proba(self._checked(X))

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row, certified or not."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def stated(self, X: Matrix) -> Ints:
        """Return, for each row, the index into `classes_` of the value that is stated, or -1 where withheld.

        Where the probabilities are at hand, `stated_values(proba, model.thresholds_)` is the same but for customers
        unlike the training customers or out of their reach.
        """
        X = self._checked(X)
        nothing = self.unlike(X) | self.out_of_reach(X)
        return np.where(nothing, -1, stated_values(self.predict_proba(X), self.thresholds_))

    def unlike(self, X: Matrix) -> NDArray[np.bool_]:
        """Return which rows are unlike the training customers, shape (n,)."""
        if self.novelty_ is None:
            return np.zeros(X.shape[0], dtype=bool)
        if isinstance(X, SplitMatrix) and X.n_past == self.n_past and self.novelty_.n_dense in (None, X.n_shared):
            return self.novelty_.p_values_of_squeezed(X.shared.squeezed) <= self.novelty_level
        return self.novelty_.p_values(as_matrix(X)[:, self.n_past :]) <= self.novelty_level

    def out_of_reach(self, X: Matrix) -> NDArray[np.bool_]:
        """Return whose like next to never have labels, so that no certificate speaks of them, shape (n,)."""
        if self.answering_ is None:
            return np.zeros(X.shape[0], dtype=bool)
        return self.answering_probability(X) < self.least_propensity_

    def answering_probability(self, X: Matrix) -> Floats:
        """Return the probability that somebody like each row has a label, shape (n,), by `answering_`."""
        return np.asarray(self.answering_.predict_proba(as_matrix(X, self.answering_))[:, 1])

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return additive contributions of the features to the uncalibrated score of a class.

        Shape (n, n_features_in_), sparse if `X` is; in log-odds for two classes. Zeros if the estimator
        has no `contributions`, such as a prior. Meant for few rows.
        """
        X = self._checked(X)
        if hasattr(self.estimator_, "contributions") and class_index in self._fitted_classes:
            position = int(np.flatnonzero(self._fitted_classes == class_index)[0])
            return self.estimator_.contributions(X, position)
        return sparse.csr_array(X.shape) if sparse.issparse(X) else np.zeros(X.shape)

    def _fit_deployed(self, X: Matrix, y_index: Ints) -> CrossCalibration:
        """Fit estimator and calibrator; return the calibrations of its out-of-fold probabilities."""
        present = np.unique(y_index)
        if len(present) < 2:
            raise LabelError("CertifiedClassifier: after the hold-out only one class is left to learn from")
        folds = fold_numbers(y_index, self.folds, self.random_state)
        estimator = decided_for(self.estimator, len(y_index))
        self.estimator_ = clone(estimator)
        if hasattr(self.estimator_, "fit_out_of_fold"):
            raw = align_columns(self.estimator_.fit_out_of_fold(X, y_index, folds), present, len(self.classes_))
        else:
            raw = out_of_fold(estimator, X, y_index, folds)
            raw = align_columns(raw, np.arange(raw.shape[1]), len(self.classes_))
            self.estimator_.fit(X, y_index)
        cross = CrossCalibration(raw, y_index, folds, self.calibration)
        self.calibrations_ = cross.tried()
        self.calibration_: Method = next(tried.method for tried in self.calibrations_ if tried.chosen)
        self.calibrator_ = cross.calibrator(self.calibration_)
        self._fitted_classes = present
        return cross

    def _fit_novelty(self, X: Matrix) -> NDArray[np.bool_]:
        """Learn what customers look like, and return which of these are like the others of them, shape (n,)."""
        self.novelty_: NoveltyDetector | None = None
        n_dense = None if self.n_dense is None else self.n_dense - self.n_past
        if self.novelty_level == 0 or n_dense == 0:
            return np.ones(X.shape[0], dtype=bool)
        self.novelty_ = NoveltyDetector(n_dense, random_state=self.random_state)
        return self.novelty_.fit_p_values(X[:, self.n_past :]) > self.novelty_level

    def _drawn(self, weight: Floats | None, n: int) -> NDArray[np.bool_]:
        """Return who certifies, shape (n,): everybody without weights, else as lots and weights decide."""
        if weight is None:
            return np.ones(n, dtype=bool)
        weight = np.asarray(weight, dtype=np.float64)
        if weight.shape != (n,) or not ((weight >= 0) & (weight <= 1)).all():
            raise ConfigError(
                f"CertifiedClassifier: certify_weight: expected {n:,} numbers from 0 to 1, found shape {weight.shape}"
                + (f" from {weight.min():.3g} to {weight.max():.3g}" if weight.size else "")
            )
        # Lots of their own: they must not depend on those of the folds.
        lots: NDArray[np.bool_] = np.random.default_rng([self.random_state, 1]).random(n) < weight
        return lots

    def _deployed_proba(self, X: Matrix) -> Floats:
        raw = align_columns(
            self.estimator_.predict_proba(as_matrix(X, self.estimator_)), self._fitted_classes, len(self.classes_)
        )
        return self.calibrator_.transform(raw)

    def _checked(self, X: Matrix) -> Matrix:
        return checked(self, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator).input_tags
        tags.input_tags.sparse = inner.sparse
        tags.input_tags.allow_nan = inner.allow_nan
        return tags
