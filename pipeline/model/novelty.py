"""How unlike the training customers is a customer: a score of the dense features, and its conformal p-value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from pipeline.errors import ConfigError
from pipeline.model.blocks import Floats, Matrix, dense_block
from pipeline.model.split_matrix import squeezed

_FOLDS = 4
_AT_MOST = 10_000  # customers that the detector is fitted on; more change the score by less than its own spread
_AT_ONCE = 20_000  # customers whose dense block is held at one time
_IN_CACHE = 1_000  # customers whose temporary arrays stay in the processor's cache
# Of its mean, the scale up to which a feature is not judged. The days since a log began are nearly the same for all
# customers, and other days for all of them at the next instant: in units of their spread everybody would be strange.
_LEAST_SCALE = 0.05


class NoveltyDetector:
    """Conformal test of whether a customer comes from where the training customers come from.

    Score: dense features are squeezed (sign(x) log(1 + |x|)), standardised, and unknown ones set to the mean. Their
    distance from the centre is measured as under probabilistic principal components (Tipping, Bishop 1999, J. R.
    Statist. Soc. B 61, 611-622): along the first components in units of their variance, across them in units of the
    mean variance left. Features that move together so count once, and one that breaks the pattern counts much.

    The p-value of a customer is (1 + number of training customers whose score is as high) / (n + 1), where each
    training customer's score comes from a detector fitted on other folds (Bates, Candès, Lei, Romano, Sesia 2023,
    Annals of Statistics 51, 149-178, whose exact version holds one split out; the folds' detectors are taken as if they
    were the one fitted on all). So of customers like the training customers a share of about p has a p-value
    of at most p. No label is read.

    Parameters
    ----------
    n_dense
        Number of leading dense columns; None: all.
    n_components
        Components at most.
    random_state
        Seed of folds and of the sample.

    Attributes
    ----------
    mean_, scale_ : (n_dense,) of the squeezed features; a scale is infinite where a feature is not judged
    components_ : (n_dense, k) float32; k is at most half of the columns that differ between customers
    weights_ : (k,) by how much more a distance along a component counts than one across: negative, as it varies more
    residual_ : mean variance across the components
    scores_ : (n,) cross-fitted scores of the training customers that it was fitted on, ascending, float32

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> detector = NoveltyDetector(n_components=1).fit(rng.normal(size=(999, 3)))
    >>> detector.p_values(np.array([[0.0, 0.0, 0.0], [50.0, -50.0, 50.0]])).round(3)
    array([1.   , 0.001])
    """

    def __init__(self, n_dense: int | None = None, n_components: int = 16, random_state: int = 0) -> None:
        if n_components < 0:
            raise ConfigError(f"n_components={n_components}: must be 0 or more")
        self.n_dense = n_dense
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Matrix) -> NoveltyDetector:
        """Fit on the features of training customers, shape (n, n_features)."""
        self.fit_p_values(X)
        return self

    def fit_p_values(self, X: Matrix) -> Floats:
        """Fit, and return the p-values of the training customers by detectors that had not seen them, shape (n,).

        Those beyond the sample that is fitted on are new to the detector, and judged as such.
        """
        rng = np.random.default_rng(self.random_state)
        rows = np.sort(rng.permutation(X.shape[0])[:_AT_MOST])
        dense = squeezed(dense_block(X[rows], self.n_dense))
        folds = rng.permutation(len(dense)) % _FOLDS
        cross_fitted = np.empty(len(dense))
        for fold in range(_FOLDS if len(dense) > 1 else 0):
            self._locate(dense[folds != fold])
            cross_fitted[folds == fold] = self._distance(dense[folds == fold])
        self._locate(dense)
        self.scores_ = np.sort(cross_fitted).astype(np.float32)
        scores = np.empty(X.shape[0])
        scores[rows] = cross_fitted.astype(np.float32)
        unseen = np.setdiff1d(np.arange(X.shape[0]), rows)
        scores[unseen] = self.score(X[unseen])
        return self._p_values(scores)

    def score(self, X: Matrix) -> Floats:
        """Return squared distances from the training customers, per feature; about 1 on average, shape (n,)."""
        n = X.shape[0]
        parts = [
            self._distance(squeezed(dense_block(X[start : start + _AT_ONCE], self.n_dense)))
            for start in range(0, n, _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def p_values(self, X: Matrix) -> Floats:
        """Return the conformal p-value of each customer, shape (n,): small means unlike the training customers."""
        return self._p_values(self.score(X))

    def p_values_of_squeezed(self, dense: NDArray[np.float32]) -> Floats:
        """Return the same where the dense features are at hand, `squeezed`, shape (n, n_dense)."""
        at = range(0, len(dense), _IN_CACHE)
        parts = [self._distance(dense[start : start + _IN_CACHE]) for start in at]
        return self._p_values(np.concatenate(parts) if parts else np.empty(0))

    def _p_values(self, scores: Floats) -> Floats:
        n = len(self.scores_)
        return (1 + n - np.searchsorted(self.scores_, scores, side="left")) / (n + 1)

    def _locate(self, dense: NDArray[np.float32]) -> None:
        """Learn centre, scales and components of squeezed features."""
        known = ~np.isnan(dense)
        n_known = np.maximum(known.sum(axis=0), 1)
        filled = np.where(known, dense, 0.0)
        self.mean_ = (filled.sum(axis=0, dtype=np.float64) / n_known).astype(np.float32)
        centred = np.where(known, dense - self.mean_, np.float32(0.0))
        scale = np.sqrt((centred**2).sum(axis=0) / n_known)
        # A column that is the same for all: any other value would be infinitely far, so it is not judged.
        differs = scale > np.maximum(1e-5 * (1 + np.abs(self.mean_)), _LEAST_SCALE * np.abs(self.mean_))
        self.scale_ = np.where(differs, scale, np.inf).astype(np.float32)
        centred /= self.scale_
        d = int(np.isfinite(self.scale_).sum())
        k = max(0, min(self.n_components, d // 2, len(dense) - 1))  # something must be left to lie across
        covariance = (centred.T @ centred).astype(np.float64) / max(1, len(dense))
        total = float(np.trace(covariance))
        width = dense.shape[1]
        variances, directions = np.empty(0), np.empty((width, 0))
        if k:
            variances, directions = eigh(covariance, subset_by_index=[width - k, width - 1])
        self.residual_ = max((total - variances.sum()) / max(1, d - k), 1e-3)
        variances = np.maximum(variances, self.residual_)
        self.components_ = directions.astype(np.float32)
        self.weights_ = (1 / variances - 1 / self.residual_).astype(np.float32)

    def _distance(self, dense: NDArray[np.float32]) -> Floats:
        centred = (dense - self.mean_) / self.scale_
        centred[np.isnan(centred)] = 0.0
        along = centred @ self.components_
        # |z|² = |along|² + |across|², so that what lies across needs no matrix of its own.
        inside = (centred**2).sum(axis=1) / self.residual_ + (along**2) @ self.weights_
        return inside.astype(np.float64) / max(1, dense.shape[1])
