"""A seed of several groups: each is learnt for itself, and a customer may resemble any of them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

from pipeline.errors import ModelError
from pipeline.lookalike.methods.blended import Blended
from pipeline.lookalike.methods.classifiers import SeedClassifiers
from pipeline.lookalike.methods.contract import MIN_SEED, checked_seed, checked_weights
from pipeline.lookalike.population import Base, Floats, Mask
from pipeline.lookalike.vectors import unit_vectors

MIN_GROUP = 2 * MIN_SEED
CLEARER = 0.05  # mean silhouette beyond that of structureless seeds
_NULL_DRAWS = 5
_DIMENSIONS = 5
_SAMPLE = 5_000  # of the seed: silhouettes compare all pairs


class Clusters:
    """Scores customers by how much more of the seed than of the base stands where they stand; above 0.

    The seed is cut into groups, `Blended` learns each of them, and group g with a share p_g of the seed adds
    p_g a_g r_g ** (a_g - 1), the density of its members' out-of-fold ranks r_g in (0, 1) as a power law (a_g is the
    maximum likelihood: -1 over their mean log). So a rank counts by what it tells in its group. One group ranks as
    `Blended` does.

    Parameters
    ----------
    max_groups
        At least 1. The number of groups is that of the Gaussian mixture with the least BIC on the first five
        principal components of the seed's vectors, among those whose groups have 20 members or more and stand apart
        more clearly than those of a seed without structure. One group is always among them.
    k, random_state
        As in `Blended`.

    Attributes
    ----------
    groups_
        Group of each member of the seed, (n_seeds,), in the order of the base.
    """

    def __init__(self, max_groups: int = 4, k: int = 10, random_state: int = 0) -> None:
        self.max_groups = max_groups
        self.k = k
        self.random_state = random_state

    def fit(
        self, base: Base, seed: Mask, weights: Floats | None = None, classifiers: SeedClassifiers | None = None
    ) -> Self:
        """Cut the seed into groups and learn each; `classifiers` serve a seed of one group, see `Blended.fit`."""
        mask = checked_seed(base, seed)
        members = np.flatnonzero(mask)
        worth = checked_weights(weights, len(members))
        self.groups_ = seed_groups(base.vectors[members], base.ids[members], self.max_groups, self.random_state)
        self.parts_: list[tuple[Blended, float, float]] = []
        for group in range(self.groups_.max() + 1):
            own = members[self.groups_ == group]
            rest = ~mask
            rest[own] = True
            part = base.rows(rest)
            model = Blended(k=self.k, random_state=self.random_state)
            own_worth = None if weights is None else worth[self.groups_ == group]
            worthless = own_worth is not None and not own_worth.any()
            whole = len(own) == len(members)
            model.fit(part, mask[rest], None if worthless else own_worth, classifiers if whole else None)
            share = float(worth[self.groups_ == group].sum() / worth.sum())
            steepness = -1 / np.log(np.clip(model.score(base.rows(own)), 1e-6, 1 - 1e-6)).mean()
            self.parts_.append((model, share, max(1.0, float(steepness))))
        return self

    def classifier_settings(self) -> dict[str, Any]:
        """Return the settings of the classifiers of a seed of one group, as `Blended` does."""
        return Blended(k=self.k, random_state=self.random_state).classifier_settings()

    def score(self, base: Base) -> Floats:
        """Return the density (n,) of the seed relative to the base; see `contract.Ranker.score`."""
        if not hasattr(self, "parts_"):
            raise ModelError("look-alike ranking is not fitted: call fit first.")
        if len(self.parts_) == 1:
            return self.parts_[0][0].score(base)
        total = np.zeros(len(base))
        for model, share, steepness in self.parts_:
            total += share * steepness * model.score(base) ** (steepness - 1)
        return total


def seed_groups(vectors: np.ndarray, ids: np.ndarray, max_groups: int, random_state: int) -> np.ndarray:
    """Return the group (n,) of each member, from 0, the largest first; all 0 if one group describes the seed best."""
    order = np.argsort(ids)
    unit = unit_vectors(vectors, "seed vectors")[order]
    best, least = np.zeros(len(ids), dtype=np.int64), np.inf
    n_components = min(_DIMENSIONS, unit.shape[1], len(unit) - 1)
    points = PCA(n_components, svd_solver="full").fit_transform(unit.astype(np.float64))
    points /= max(float(points.std()), 1e-12)
    for n_groups in range(1, min(max_groups, len(ids) // MIN_GROUP) + 1):
        mixture = GaussianMixture(n_groups, reg_covar=1e-3, n_init=3, random_state=random_state).fit(points)
        groups, bic = mixture.predict(points), mixture.bic(points)
        if bic < least and (n_groups == 1 or _stand_apart(points, groups, n_groups, random_state)):
            best, least = groups, bic
    by_size = np.argsort(-np.bincount(best), kind="stable")
    result = np.empty(len(ids), dtype=np.int64)
    result[order] = np.argsort(by_size)[best]
    return result


def _stand_apart(points: Floats, groups: np.ndarray, n_groups: int, random_state: int) -> bool:
    """Tell whether groups are large enough and their silhouette beyond that of Gaussian seeds of the same covariance.

    BIC alone describes the curved surface that unit vectors lie on by several groups.
    """
    if np.bincount(groups, minlength=n_groups).min() < MIN_GROUP:
        return False
    own, rng = _silhouette(points, groups, random_state), np.random.default_rng(random_state)
    covariance = np.atleast_2d(np.cov(points.T))
    for _ in range(_NULL_DRAWS):
        null = rng.multivariate_normal(np.zeros(points.shape[1]), covariance, min(len(points), _SAMPLE))
        split = GaussianMixture(n_groups, reg_covar=1e-3, n_init=3, random_state=random_state).fit_predict(null)
        if len(np.unique(split)) > 1 and own < _silhouette(null, split, random_state) + CLEARER:
            return False
    return True


def _silhouette(points: Floats, groups: np.ndarray, random_state: int) -> float:
    sample = min(len(points), _SAMPLE)
    return float(silhouette_score(points, groups, sample_size=sample, random_state=random_state))
