"""How many clusters there are: as many as halves of the customers agree on, and as structureless data would not show.

Two questions are asked of each number k, from two on:

1. *Is it stable?* Two halves of the customers are clustered independently, and each clustering assigns all customers.
   Their agreement is the adjusted Rand index (Hubert & Arabie 1985, J. Classification 2); the mean over splits must
   reach a minimum (the idea of prediction strength: Tibshirani & Walther 2005, JCGS 14, 511-528).
2. *Is it more than was found before?* A long cloud is cut in two in the same place each time. So the silhouette of k
   clusters is compared with that of data that have no structure within the clusters found so far (at first: none at
   all): within each, coordinates are drawn anew and independently along its own principal axes, once from normal
   distributions and once uniformly, as the gap statistic does (Tibshirani, Walther & Hastie 2001, JRSS B 63). It must
   lie beyond both, at 5 % over all numbers tried (Bonferroni), and by a twentieth, so that it matters.

The greatest number that passes both is chosen; if none does, the answer is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score, silhouette_score

from pipeline.segment.behaviour.clustering import Floats, Ints, fit_clusters

LEVEL = 0.05
_MATTERS = 1.05  # times the silhouette of structureless data
_NULL_DRAWS = 20
_SAMPLE = 1_500  # silhouettes compare all pairs


@dataclass(frozen=True)
class Number:
    """The chosen number of clusters and what spoke for it.

    Attributes
    ----------
    accepted
        All numbers that passed, rising; 1 comes first.
    table
        One row per number tried: `k`, `n`, `stability` with `low` and `high` (the range that holds 95 % of the splits),
        `silhouette`, `without_structure` (the greater of the two references' means), `smallest`, `accepted`.
    """

    accepted: tuple[int, ...]
    table: pd.DataFrame


def choose_number(
    points: Floats, max_clusters: int, min_stability: float, resamples: int, min_cell: int, random_state: int
) -> Number:
    """Return how many clusters some customers form.

    Parameters
    ----------
    points
        Coordinates on principal axes, (n, n_axes).
    resamples
        Splits in halves per number.
    min_cell
        Customers below which a cluster does not count as one.
    """
    rng = np.random.default_rng(random_state)
    accepted, labels = [1], np.zeros(len(points), dtype=np.int64)
    rows = []
    most = min(max_clusters, len(points) // max(2 * min_cell, 4), points.shape[1] + 1)
    for k in range(2, most + 1):
        agreement = np.array([split_agreement(points, k, rng) for _ in range(resamples)])
        own = fit_clusters(points, k, random_state).of(points)
        smallest = int(np.bincount(own, minlength=k).min())
        row = {"k": k, "n": len(points), "stability": float(agreement.mean()), "smallest": smallest}
        low, high = np.quantile(agreement, [0.025, 0.975])
        row |= {"low": float(low), "high": float(high), "silhouette": np.nan, "without_structure": np.nan}
        passed = agreement.mean() >= min_stability and smallest >= min_cell
        if passed:
            own_silhouette = _silhouette(points, own, k, rng)
            reference, beyond = _beyond(points, labels, k, own_silhouette, LEVEL / max(1, most - 1), rng)
            row |= {"silhouette": own_silhouette, "without_structure": reference}
            passed = beyond
        if passed:
            accepted.append(k)
            labels = own
        rows.append(row | {"accepted": bool(passed)})
    columns = ["k", "n", "stability", "low", "high", "silhouette", "without_structure", "smallest", "accepted"]
    return Number(tuple(accepted), pd.DataFrame(rows, columns=columns))


def split_agreement(points: Floats, k: int, rng: np.random.Generator) -> float:
    """Return the adjusted Rand index between what two halves of the customers make of all of them."""
    order = rng.permutation(len(points))
    half = len(points) // 2
    seed = int(rng.integers(2**31))
    first, second = (fit_clusters(points[rows], k, seed).of(points) for rows in (order[:half], order[half:]))
    return float(adjusted_rand_score(first, second))


def without_structure(points: Floats, labels: Ints, uniform: bool, rng: np.random.Generator) -> Floats:
    """Return points (n, n_axes) as spread as those of each cluster, but without structure within it."""
    drawn = np.empty_like(points)
    for cluster in np.unique(labels):
        own = points[labels == cluster]
        centre = own.mean(axis=0)
        _, _, directions = np.linalg.svd(own - centre, full_matrices=False)
        along = (own - centre) @ directions.T
        if uniform:
            new = rng.uniform(along.min(axis=0), along.max(axis=0), along.shape)
        else:
            new = rng.normal(size=along.shape) * along.std(axis=0)
        drawn[labels == cluster] = centre + new @ directions
    return drawn


def _beyond(
    points: Floats, labels: Ints, k: int, silhouette: float, level: float, rng: np.random.Generator
) -> tuple[float, bool]:
    """Return the silhouette that no structure gives, and whether the own one lies beyond it under both references."""
    used = points[:, : max(1, k - 1)]
    means, beyond = [], True
    for uniform in (False, True):
        drawn = []
        for _ in range(_NULL_DRAWS):
            null = without_structure(used, labels, uniform, rng)
            own = fit_clusters(null, k, int(rng.integers(2**31))).of(null)
            drawn.append(_silhouette(null, own, k, rng))
        mean, spread = float(np.mean(drawn)), float(np.std(drawn, ddof=1))
        means.append(mean)
        beyond &= silhouette > mean + norm.isf(level) * spread and silhouette > _MATTERS * mean
    return max(means), bool(beyond)


def _silhouette(points: Floats, labels: Ints, k: int, rng: np.random.Generator) -> float:
    """Return the mean silhouette in the axes that k clusters use (Rousseeuw 1987), of a random sample."""
    rows = rng.permutation(len(points))[:_SAMPLE]
    own = labels[rows]
    if len(np.unique(own)) < 2:
        return 0.0
    return float(silhouette_score(points[rows, : max(1, k - 1)], own))
