"""What makes an audience: the logs and fields that lift its members above the base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.features.naming import readable
from pipeline.lookalike.explanation.surrogate import Surrogate
from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.members.representation import share_ratio
from pipeline.lookalike.population import Base

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

N_FACTORS, N_FEATURES = 5, 3
HIGH, MEDIUM = 1 / 4, 1 / 10  # shares from which a factor is high or medium
_SAMPLE = 20_000  # members that shares are made from
_RESAMPLES = 200


@dataclass(frozen=True)
class FactorFeature:
    """One feature of a factor: the share of members who have the token, or more of an amount than the base's median.

    `lift` is the members' share by the base's, with a 95 % interval.
    """

    name: str
    share_members: float
    share_base: float
    lift: float
    low: float
    high: float

    def words(self, is_amount: bool) -> str:
        """Return the feature in words."""
        what = f"{readable(self.name)} above the median" if is_amount else readable(self.name)
        times = f"{self.lift:.1f} times, {self.low:.1f} to {self.high:.1f}"
        return f"{what}: {self.share_members:.0%} of members, {self.share_base:.0%} of the base ({times})"


@dataclass(frozen=True)
class Factor:
    """One log and field: its share in what lifts members above the base, with a 95 % bootstrap interval.

    `level` is high from a quarter, medium from a tenth, else low.
    """

    subject: str
    share: float
    low: float
    high: float
    features: tuple[FactorFeature, ...]

    @property
    def level(self) -> str:
        """high, medium or low."""
        return "high" if self.share >= HIGH else "medium" if self.share >= MEDIUM else "low"


def factors(surrogate: Surrogate, base: Base, audience: Mask, random_state: int = 0) -> list[Factor]:
    """Return at most five factors that lift members above the base, the strongest first.

    A factor's strength is by how much its features together raise the members' mean approximate score above the
    base's; shares are strengths divided by the sum of the positive ones.

    Raises
    ------
    DataError
        No member.
    ModelError
        Fitted on other columns.
    """
    members = np.flatnonzero(audience)
    if not len(members):
        raise DataError("explanation: the audience has no member.")
    sample = members[smallest_hashes(base.ids[members], _SAMPLE, f"factors:{random_state}")]
    pushes = surrogate.pushes(base.rows(sample))
    centre = surrogate.weights_ * surrogate.mean_
    by_subject = surrogate.by_subject(pushes) - np.bincount(surrogate.group_, centre, len(surrogate.subjects_))
    share, low, high = _shares(by_subject, random_state)
    push = np.asarray(pushes.mean(axis=0)).ravel() - centre
    found = []
    for s in np.argsort(-share, kind="stable")[:N_FACTORS]:
        if share[s] <= 0:
            break
        own = np.flatnonzero((surrogate.group_ == s) & (push > 0))
        best = own[np.argsort(-push[own], kind="stable")][:N_FEATURES]
        features = _features(surrogate, base, audience, best)
        found.append(Factor(str(surrogate.subjects_[s]), float(share[s]), float(low[s]), float(high[s]), features))
    return found


def _features(surrogate: Surrogate, base: Base, audience: Mask, columns: Ints) -> tuple[FactorFeature, ...]:
    if not len(columns):
        return ()
    has = (base.X[:, columns] != 0).toarray()
    for place in np.flatnonzero(columns < surrogate.n_dense_):
        median = surrogate.percentiles_[50, columns[place]]
        has[:, place] = base.X[:, columns[place]].toarray().ravel() > median
    n_av, n_v = has[audience].sum(axis=0).astype(float), has.sum(axis=0).astype(float)
    n_a, n = float(audience.sum()), float(len(base))
    lift, low, high = share_ratio(n_av, n_a, np.maximum(n_v, 0.5), n)
    return tuple(
        FactorFeature(str(surrogate.names_[c]), a / n_a, v / n, float(r), float(lo), float(hi))
        for c, a, v, r, lo, hi in zip(columns, n_av, n_v, lift, low, high, strict=True)
    )


def _shares(strength: Floats, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return each column's share of the positive column means of (n, m), with its 95 % bootstrap interval."""
    n = len(strength)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    means = np.maximum(np.vstack([strength.mean(axis=0, keepdims=True), drawn @ strength / n]), 0.0)
    total = means.sum(axis=1, keepdims=True)
    shares = np.divide(means, total, out=np.zeros_like(means), where=total > 0)
    low, high = np.percentile(shares[1:], [2.5, 97.5], axis=0)
    return shares[0], low, high
