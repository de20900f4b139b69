"""One group or several: whether members of a seed gather around more than one centre, and are so unlike the base.

A clustering always finds clusters, and the base has clusters of its own, which a random seed inherits. So a split
counts only if two things are shown on members that did not shape it:

1. *There is a valley.* Along the axis between the two centres fewer members stand half-way than around either centre.
   Under any distribution with one peak, however stretched, skewed or heavy-tailed, as many stand half-way as around the
   thinner of the two; so no model of "one group" is needed (the idea of the dip test: Hartigan & Hartigan 1985,
   Annals of Statistics 13).
2. *It is the seed's own.* Along the same axis the base has no such valley, or holds the two sides in other proportions.
   A random seed has at most the valleys and proportions of the base.

Both must also be large enough to matter: with thousands of members anything is significant. Each group is split again
in the same way, until no split counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, fisher_exact
from sklearn.cluster import KMeans

from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.population import Floats, Ids
from pipeline.lookalike.vectors import unit_vectors

LEVEL = 0.01  # of each of the two tests
MIN_SPLIT = 30  # members: of fewer nothing can be shown
MAX_GROUPS = 4
_FOLDS = 5
_HALF = 0.2  # half the width of a zone; the centres are 1 apart
_MATTERS = 2 / 3  # at most so many half-way as around the thinner centre, so much of the base's ratio
_MIN_SIDE = 0.1  # share of members: fewer are outliers, no group


@dataclass(frozen=True)
class Split:
    """The best split of some members in two, and what speaks for it. Counts are of members that did not shape it.

    Attributes
    ----------
    first, half_way, second
        Members around one centre, half-way between the centres, and around the other, in zones equally wide.
    base
        Shares of the base in the same three zones.
    p_valley, p_own
        Of the two tests in this module's docstring.
    """

    first: int
    half_way: int
    second: int
    base: tuple[float, float, float]
    p_valley: float
    p_own: float

    @property
    def counts(self) -> bool:
        """Tell whether both tests speak for two groups, and what they show is large enough to matter."""
        return self.p_valley <= LEVEL and self.p_own <= LEVEL and self._matters()

    def _matters(self) -> bool:
        """Tell whether valley and own character are more than what large numbers alone make significant."""
        here = self.half_way / max(1, self.first + self.second)
        there = self.base[1] / max(1e-12, self.base[0] + self.base[2])
        odds = (self.first + 0.5) / (self.second + 0.5)
        base_odds = max(1e-12, self.base[0]) / max(1e-12, self.base[2])
        own = here <= _MATTERS * there or min(odds / base_odds, base_odds / odds) <= _MATTERS
        return own and self.half_way <= _MATTERS * min(self.first, self.second)


@dataclass(frozen=True)
class Groups:
    """The groups of a seed.

    Attributes
    ----------
    answer
        *one*, *several*, or *too few* members with behaviour to tell.
    members
        Positions in the base of each group's members, largest group first; one entry if there is one group. Members
        without behaviour are in none.
    splits
        All splits that were tried, the first of the whole seed.
    """

    answer: Literal["one", "several", "too few"]
    members: tuple[NDArray[np.int64], ...]
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class _Axis:
    """A direction on which one centre is 0 and the other 1."""

    direction: Floats
    start: float

    def of(self, points: Floats) -> Floats:
        return points @ self.direction - self.start


def find_groups(
    vectors: NDArray[np.float32],
    ids: Ids,
    members: NDArray[np.int64],
    others: NDArray[np.int64],
    random_state: int = 0,
) -> Groups:
    """Return the groups of a seed.

    Parameters
    ----------
    vectors, ids
        Of the base, (n, d) and (n,).
    members, others
        Positions of the seed and of customers to compare with, in any order.
    random_state
        Salt of the folds' hashes.
    """
    members = members[smallest_hashes(ids[members], len(members), f"groups:{random_state}")]
    members = members[vectors[members].any(axis=1)]
    others = others[vectors[others].any(axis=1)]
    base = unit_vectors(vectors[others], "vectors", allow_empty=True).astype(np.float64)
    done: list[NDArray[np.int64]] = []
    waiting, splits = [members], []
    while waiting:
        part = max(waiting, key=len)
        waiting = [other for other in waiting if other is not part]
        points = unit_vectors(vectors[part], "vectors", allow_empty=True).astype(np.float64)
        found = _try(points, base) if len(part) >= MIN_SPLIT and len(base) else None
        if found is not None:
            splits.append(found[0])
        if found is None or not found[0].counts or len(done) + len(waiting) + 2 > MAX_GROUPS:
            done.append(part)
            continue
        waiting += [part[~found[1]], part[found[1]]]
    done = sorted((np.sort(part) for part in done), key=lambda part: (-len(part), part[:1].tolist()))
    few = len(members) < MIN_SPLIT
    return Groups("too few" if few else "several" if len(done) > 1 else "one", tuple(done), tuple(splits))


def _try(points: Floats, base: Floats) -> tuple[Split, NDArray[np.bool_]] | None:
    """Return the best split with its tests, and who is on the second side; None if nobody can be split off.

    Points stand in the order of their hashes, so every fifth is a random fold.
    """
    whole = _best_axis(points)
    if whole is None:
        return None
    own, theirs = np.zeros(3, dtype=np.int64), np.zeros(3)
    for fold in range(_FOLDS):
        held_out = np.arange(len(points)) % _FOLDS == fold
        axis = _best_axis(points[~held_out])
        if axis is None:
            return None
        order = 1 if axis.direction @ whole.direction >= 0 else -1
        own += _zones(axis.of(points[held_out]))[::order]
        theirs += _zones(axis.of(base))[::order] / _FOLDS
    first, half_way, second = (int(count) for count in own)
    return (
        Split(
            first=first,
            half_way=half_way,
            second=second,
            base=tuple(float(count) / len(base) for count in theirs),  # type: ignore[arg-type]
            p_valley=valley_test(first, half_way, second),
            p_own=_own_test(own, np.round(theirs).astype(np.int64)),
        ),
        whole.of(points) > 0.5,
    )


def valley_test(first: int, half_way: int, second: int) -> float:
    """Return the p-value of "one peak" against "fewer half-way than around either centre".

    Each of the two sides must be shown to hold more than the middle (an intersection-union test: Berger 1982,
    Technometrics 24), by the binomial test of equal shares.

    Examples
    --------
    >>> round(valley_test(20, 0, 10), 5)  # 1 / 2^10, of the thinner side
    0.00098
    >>> valley_test(20, 12, 10) > 0.5
    True
    """
    return float(max(binom.cdf(half_way, half_way + side, 0.5) for side in (first, second)))


def _own_test(own: NDArray[np.int64], base: NDArray[np.int64]) -> float:
    """Return the p-value of "valley and proportions are the base's", corrected for asking two questions."""
    deeper = [[own[1], own[0] + own[2]], [base[1], base[0] + base[2]]]
    valley = fisher_exact(deeper, alternative="less").pvalue
    proportions = fisher_exact([[own[0], own[2]], [base[0], base[2]]]).pvalue
    return float(min(1.0, 2 * min(valley, proportions)))


def _zones(t: Floats) -> NDArray[np.int64]:
    return np.array([(np.abs(t - centre) <= _HALF).sum() for centre in (0.0, 0.5, 1.0)], dtype=np.int64)


def _best_axis(points: Floats) -> _Axis | None:
    """Return the axis that splits the points best: by two-means in their principal components, raw or whitened."""
    centre = points.mean(axis=0)
    n_components = int(np.clip(len(points) // 8, 1, min(10, points.shape[1])))
    _, lengths, directions = np.linalg.svd(points - centre, full_matrices=False)
    kept = lengths[:n_components] > 1e-9 * max(1.0, lengths[0])
    directions = directions[:n_components][kept]
    if not len(directions):
        return None  # all members are alike
    scores = (points - centre) @ directions.T
    spread = scores.std(axis=0)
    best, most = None, 0.0
    for scale in (np.ones(len(spread)), spread):
        sides = KMeans(2, n_init=10, random_state=0).fit_predict(scores / scale).astype(bool)
        if min(sides.sum(), (~sides).sum()) < max(2.0, _MIN_SIDE * len(points)):
            continue
        centres = scores[~sides].mean(axis=0), scores[sides].mean(axis=0)
        within = scores - np.where(sides[:, None], centres[1], centres[0])
        covariance = within.T @ within / len(within)
        ridge = 0.1 * np.trace(covariance) / len(covariance) + 1e-12
        way = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), centres[1] - centres[0])
        t = (scores @ way - centres[0] @ way) / ((centres[1] - centres[0]) @ way)
        share = sides.mean()
        explained = share * (1 - share) / max(float(t.var()), 1e-12)
        if explained > most:
            direction = directions.T @ way / ((centres[1] - centres[0]) @ way)
            best, most = (
                _Axis(direction, float(centre @ direction + (centres[0] @ way) / _length(centres, way))),
                explained,
            )
    return best


def _length(centres: tuple[Floats, Floats], way: Floats) -> float:
    return float((centres[1] - centres[0]) @ way)
