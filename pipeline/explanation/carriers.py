"""What carries an attribute: logs and fields by their share in what moves the predictions, and their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from pipeline.explanation.components import to_tokens
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.naming import readable, subject
from pipeline.model.blocks import Floats
from pipeline.model.certified import CertifiedClassifier

N_FEATURES = 5  # named per carrier
_CLEAR = 0.3  # correlation of a feature with its contribution below which it speaks for no value in particular
_RESAMPLES = 200


@dataclass(frozen=True)
class CarriedFeature:
    """One feature of a carrier.

    `share` is its part of the carrier's share; `speaks_for` the value that becomes likelier the more of it a
    customer has, empty where that is not clear.
    """

    name: str
    share: float
    speaks_for: str


@dataclass(frozen=True)
class Carrier:
    """One log and field; the shares of all carriers of an attribute sum to 1.

    `low` and `high` are the 95 % bootstrap interval over the customers looked at.
    """

    subject: str
    share: float
    low: float
    high: float
    features: tuple[CarriedFeature, ...]


@dataclass(frozen=True)
class Carried:
    """What carries an attribute.

    `importance`, shape (n_features,), is the mean absolute contribution of each feature in log-odds, less what it
    contributes to the average customer; `carriers` come largest first; `n` customers were looked at.
    """

    carriers: tuple[Carrier, ...]
    importance: Floats
    n: int

    def table(self) -> pd.DataFrame:
        """Return one row per carrier and named feature, largest first."""
        rows = [
            {
                "rank": rank,
                "subject": carrier.subject,
                "subject_share": carrier.share,
                "subject_share_low": carrier.low,
                "subject_share_high": carrier.high,
                "feature": feature.name,
                "in_words": readable(feature.name),
                "share": feature.share,
                "more_of_it_speaks_for": feature.speaks_for,
                "customers": self.n,
            }
            for rank, carrier in enumerate(self.carriers, 1)
            for feature in carrier.features
        ]
        return pd.DataFrame(rows)


def carried_by(predictor: CertifiedClassifier, matrix: FeatureMatrix, values: Sequence[str], seed: int = 0) -> Carried:
    """Return what a predictor's answers rest on, over the customers of `matrix`.

    The contribution of a carrier to a customer's score is the sum of its features' contributions, so that features
    which take each other back count for nothing. Its strength is the mean absolute difference of that
    sum from its mean over the customers (for linear models: SHAP values with these customers as background); beyond
    two values, the mean over the values' scores. Shares are strengths scaled to 1.

    Parameters
    ----------
    values
        All values of the attribute; the predictor's classes are positions in it.
    """
    classes = [1] if len(predictor.classes_) == 2 else list(range(len(predictor.classes_)))
    by_class = [to_tokens(predictor.contributions(matrix.X, position), matrix) for position in classes]
    subjects, group = np.unique([subject(str(name)) for name in matrix.names], return_inverse=True)
    member = sp.csr_array((np.ones(len(group)), (np.arange(len(group)), group)), shape=(len(group), len(subjects)))
    sums = np.stack([(pushes @ member).toarray() for pushes in by_class])  # (n_classes, n, n_subjects)
    strength = np.abs(sums - sums.mean(axis=1, keepdims=True)).mean(axis=0)
    importance = np.mean([_spread(pushes) for pushes in by_class], axis=0)
    share, low, high = _shares(strength, seed)
    found = []
    for s in np.argsort(-share, kind="stable"):
        if share[s] <= 0:
            break
        own = np.flatnonzero(group == s)
        best = own[np.argsort(-importance[own], kind="stable")][:N_FEATURES]
        best = best[importance[best] > 0]
        parts = share[s] * importance[best] / max(importance[own].sum(), np.finfo(float).tiny)
        told = _speaks_for(best, by_class, matrix, [values[c] for c in predictor.classes_])
        features = [
            CarriedFeature(str(matrix.names[f]), float(p), v) for f, p, v in zip(best, parts, told, strict=True)
        ]
        found.append(Carrier(str(subjects[s]), float(share[s]), float(low[s]), float(high[s]), tuple(features)))
    return Carried(tuple(found), importance, matrix.X.shape[0])


def _spread(pushes: sp.csr_array) -> Floats:
    """Return each column's mean absolute difference from its mean, zeros included."""
    n = pushes.shape[0]
    mean = np.asarray(pushes.sum(axis=0)).ravel() / n
    columns = pushes.indices
    away = np.bincount(columns, np.abs(pushes.data - mean[columns]), minlength=len(mean))
    zeros = n - np.bincount(columns, minlength=len(mean))
    return np.asarray((away + zeros * np.abs(mean)) / n)


def _shares(strength: Floats, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return each subject's share of the summed strength (n, n_subjects), with its 95 % bootstrap interval."""
    n = len(strength)
    drawn = np.random.default_rng(seed).integers(0, n, (_RESAMPLES, n)) + n * np.arange(_RESAMPLES)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=n * _RESAMPLES).reshape(_RESAMPLES, n)
    resampled = _to_one(weights @ strength)
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    return _to_one(strength.sum(axis=0)), low, high


def _to_one(amount: Floats) -> Floats:
    total = amount.sum(axis=-1, keepdims=True)
    return np.divide(amount, total, out=np.zeros_like(amount), where=total > 0)


def _speaks_for(
    features: np.ndarray, by_class: list[sp.csr_array], matrix: FeatureMatrix, values: Sequence[str]
) -> list[str]:
    """Return the value that each feature's amount is most clearly correlated with, or an empty text."""
    amounts = matrix.X[:, features].toarray()
    pushes = np.stack([part[:, features].toarray() for part in by_class])
    told = []
    for f in range(len(features)):
        known = np.isfinite(amounts[:, f])
        agreement = [_correlation(amounts[known, f], part[known, f]) for part in pushes]
        if len(values) == 2:
            agreement = [-agreement[0], agreement[0]]
        best = int(np.argmax(agreement))
        told.append(values[best] if agreement[best] > _CLEAR else "")
    return told


def _correlation(one: Floats, other: Floats) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
