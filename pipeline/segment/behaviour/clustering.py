"""Two-step clustering of behaviour vectors: principal components, then k-means in as many of them as it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from pipeline.lookalike.vectors import unit_vectors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_STARTS = 5


@dataclass(frozen=True)
class Axes:
    """Principal axes of unit vectors: centre (d,) and directions (n_axes, d), the longest first."""

    centre: Floats
    directions: Floats

    def of(self, vectors: NDArray[np.float32]) -> Floats:
        """Return the coordinates (n, n_axes) of behaviour vectors (n, d), each scaled to length one first."""
        unit = unit_vectors(vectors, "behaviour vectors", allow_empty=True).astype(np.float64)
        return np.asarray((unit - self.centre) @ self.directions.T)


def fit_axes(vectors: NDArray[np.float32], n_axes: int) -> Axes:
    """Return the principal axes of some customers' vectors (n, d)."""
    unit = unit_vectors(vectors, "behaviour vectors").astype(np.float64)
    found = PCA(min(n_axes, unit.shape[1], len(unit) - 1), svd_solver="full").fit(unit)
    return Axes(found.mean_, found.components_)


@dataclass(frozen=True)
class Clusters:
    """Centres (k, n_axes used) of k clusters."""

    centres: Floats

    def of(self, points: Floats) -> Ints:
        """Return the cluster (n,) whose centre is nearest; points (n, n_axes) may have more axes than are used."""
        used = points[:, : self.centres.shape[1]]
        distance = (used**2).sum(axis=1)[:, None] - 2 * used @ self.centres.T + (self.centres**2).sum(axis=1)
        return np.asarray(distance.argmin(axis=1))


def fit_clusters(points: Floats, k: int, random_state: int) -> Clusters:
    """Return k clusters in the first k - 1 axes, the largest first.

    The centres of k clusters span k - 1 dimensions, and those of k-means lie near the leading principal ones (Ding & He
    2004, ICML, doi:10.1145/1015330.1015408); what other axes hold is noise to them.
    """
    used = points[:, : max(1, k - 1)]
    found = KMeans(k, n_init=_STARTS, random_state=random_state).fit(used)
    order = np.argsort(-np.bincount(found.labels_, minlength=k), kind="stable")
    return Clusters(np.asarray(found.cluster_centers_, dtype=np.float64)[order])
