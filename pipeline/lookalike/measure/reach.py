"""What an audience of each size is worth: recall of people like the seed, lift over random, and the dial.

All of it follows from where members of the seed stood among the other customers while they were held out
(`held_out.held_out_standing`): one more person like them would stand as they did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError, DataError, did_you_mean
from pipeline.lookalike.measure.held_out import Standing
from pipeline.lookalike.population import Floats

Reach = Literal["narrow", "balanced", "broad"]
# Least marginal lift: how many times as likely as a random customer the last ones taken are to be like the seed.
MARGINAL_LIFT: dict[str, float] = {"narrow": 4.0, "balanced": 2.0, "broad": 1.0}
N_SIZES = 30
_GRID = 100  # steps of the base in which the marginal lift is estimated
_Z = 1.959964
_RESAMPLES = 500


@dataclass(frozen=True)
class ReachCurve:
    """Expected recall and lift by audience size.

    `table` has rising `size` and `share` (of the available customers), `recall` of people like the seed with
    `recall_low` and `recall_high`, `lift` over a random audience likewise, `marginal_lift` of the next customers (the
    slope of the smoothed curve), and `similarity`, the mean over the audience, NaN if none was given.

    `no_better_from` is the size from which the next customers are no better than random ones, with a 95 % interval;
    0 if no size is better than random.
    """

    table: pd.DataFrame
    standing: Standing
    n_seed: int
    n_available: int
    n_similar: int  # people like the seed among the available, as far as intervals need it
    no_better_from: int
    no_better_low: int
    no_better_high: int


def reach_curve(
    standing: Standing,
    similarity: Floats | None = None,
    n_similar: int | None = None,
    n_sizes: int = N_SIZES,
    random_state: int = 0,
) -> ReachCurve:
    """Return the reach curve of a ranking.

    Parameters
    ----------
    standing
        Of the members of the seed while held out.
    similarity
        Of the available customers to the seed, best-ranked first, (n_available,); None: not told.
    n_similar
        How many people like the seed are thought to be among the available; intervals narrow as there are more.
        None: as many as the seed has, or as the curve leaves room for, if that is fewer (`most_similar`). Where fewer
        are left than that, intervals are too narrow.
    n_sizes
        Sizes of the curve, from 2: in equal ratios from a thousandth of the available (at least 10) to all.
    random_state
        Of the bootstrap over members.

    Raises
    ------
    DataError
        Lengths that do not fit, or fewer than 2 sizes or 1 similar person.

    Notes
    -----
    The recall at size m is the share of members above whom fewer than m available customers stood, mean over repeats.
    Two kinds of luck are in it: which n people the seed holds, and which T others are there to be found. Given the
    ranking both are draws of the same kind, so their difference has the variance p (1 - p) (1/n + 1/T); the interval
    is `wilson` for a share out of n T / (n + T), which holds near 0 and 1, too. Averaging over repeats
    makes the truth only narrower, and held-out rankings learn from a tenth less than the final one: both err on
    the safe side. Intervals hold for each size by itself.

    The marginal lift is the slope of the least concave majorant of recall over share (Grenander 1956: the maximum
    likelihood of a falling density), in hundredths of the base. Where it falls to 1, recall minus share (Youden's
    index) is largest; from there on a random customer is as likely to be like the seed as the next one. Its
    interval is that of 500 resamples of the members, approximate because the steps are coarse. No size is better than
    random if the ranks of the members do not differ from uniform ones at the 5 % level (one-sided Kolmogorov and
    Smirnov; members count as many as they are, not times repeats).
    """
    n_seed, n_available = standing.above.shape[1], standing.n_available
    sizes = curve_sizes(n_available, max(n_sizes, 2))
    recall = recall_at(standing, sizes)
    truth = min(n_seed, most_similar(sizes, recall)) if n_similar is None else n_similar
    if n_sizes < 2 or truth < 1:
        raise DataError(f"reach curve: {n_sizes} sizes and {truth} similar people; at least 2 and 1 are needed.")
    if similarity is not None and np.shape(similarity) != (n_available,):
        raise DataError(f"reach curve: {n_available} available customers, similarity of shape {np.shape(similarity)}.")
    table = _table(standing, sizes, recall, truth, similarity)
    crossing = _crossing(standing, random_state) if better_than_random(standing) else (0, 0, 0)
    return ReachCurve(table, standing, n_seed, n_available, truth, *crossing)


def _table(
    standing: Standing, sizes: np.ndarray, recall: Floats, n_similar: int, similarity: Floats | None
) -> pd.DataFrame:
    """Return the columns of `ReachCurve.table`, one row per size."""
    n_seed, n_available = standing.above.shape[1], standing.n_available
    share = sizes / n_available
    low, high = wilson(recall, n_seed * n_similar / (n_seed + n_similar))
    low[sizes == n_available] = 1.0  # all available customers hold all who are like the seed
    grid, slopes = _marginal(standing, np.ones(n_seed))
    mean = np.full(len(sizes), np.nan)
    if similarity is not None:
        mean = np.cumsum(np.asarray(similarity, dtype=np.float64))[sizes - 1] / sizes
    return pd.DataFrame(
        {
            "size": sizes,
            "share": share,
            "recall": recall,
            "recall_low": low,
            "recall_high": high,
            "lift": recall / share,
            "lift_low": low / share,
            "lift_high": high / share,
            "marginal_lift": slopes[np.minimum(np.searchsorted(grid[1:], sizes, side="right"), len(slopes) - 1)],
            "similarity": mean,
        }
    )


def size_of(
    curve: ReachCurve,
    size: int | None = None,
    share: float | None = None,
    reach: Reach | None = None,
) -> int:
    """Return the audience size that one of three settings of the dial means.

    `size` is the number of members, `share` that of the available customers in (0, 1]. `reach` goes as far as
    the next customers are at least four times (narrow), twice (balanced) or just (broad: `no_better_from`) as likely to
    be like the seed as a random customer; at least to the smallest size of the curve.

    Raises
    ------
    ConfigError
        None or several of the three are given, or an unknown reach.
    DataError
        More members than available customers, none, or a reach where no size is better than random.
    """
    given = {name: value for name, value in (("size", size), ("share", share), ("reach", reach)) if value is not None}
    if len(given) != 1:
        raise ConfigError(
            f"audience: exactly one of size, share and reach sets how large it is; found {given or 'none'}"
        )
    n = curve.n_available
    if reach is not None:
        if reach not in MARGINAL_LIFT:
            raise ConfigError(f"audience: reach '{reach}' is unknown {did_you_mean(reach, [*MARGINAL_LIFT])}")
        if not curve.no_better_from:
            raise DataError(
                f"audience: reach '{reach}' means nothing here: held-out members of the seed ({curve.n_seed}) are "
                "found no better than by chance. Choose a size or share, or another seed."
            )
        return max(int(curve.table["size"].iloc[0]), _size_at(curve.standing, MARGINAL_LIFT[reach]))
    wanted = size if size is not None else max(1, round(share * n)) if share is not None and 0 < share <= 1 else 0
    if not 1 <= wanted <= n:
        setting = f"size {size}" if size is not None else f"share {share}"
        raise DataError(
            f"audience: {setting} of {n} available customers. Choose a size from 1 to {n}, a share up to 1."
        )
    return wanted


def curve_sizes(n_available: int, n_sizes: int = N_SIZES) -> np.ndarray:
    """Return rising audience sizes in about equal ratios, the last one all available customers.

    >>> curve_sizes(1000, 5).tolist()
    [10, 32, 100, 316, 1000]
    """
    first = min(n_available, max(10, n_available // 1000))
    return np.unique(np.round(np.geomspace(first, n_available, n_sizes)).astype(np.int64))


def most_similar(sizes: np.ndarray, recall: Floats) -> int:
    """Return the most people like the seed that can be among the available: an audience of 10 holds at most 10 of them.

    >>> most_similar(np.array([10, 100]), np.array([0.1, 0.5]))
    100
    """
    found = recall > 0
    return max(1, int(np.min(sizes[found] / recall[found] + 1e-9))) if found.any() else int(sizes[-1])


def wilson(share: Floats, n: float) -> tuple[Floats, Floats]:
    """Return the 95 % interval (low, high) of shares out of `n`, which need not be whole.

    Wilson's score interval with continuity correction (Newcombe 1998, Statistics in Medicine 17, method 4): both
    counts that are compared are whole numbers, which matters most where few are found or few are missed.

    >>> low, high = wilson(np.array([0.0, 0.5]), 10)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.201], [0.345, 0.799])
    """
    p, middle = np.asarray(share, dtype=np.float64), 2 * n * np.asarray(share) + _Z**2
    scale, own = 2 * (n + _Z**2), 4 * n * p * (1 - p) + _Z**2 - 1 / n
    low = (middle - 1 - _Z * np.sqrt(np.maximum(own + 4 * p - 2, 0.0))) / scale
    high = (middle + 1 + _Z * np.sqrt(np.maximum(own - 4 * p + 2, 0.0))) / scale
    return np.where(p <= 0, 0.0, np.maximum(low, 0.0)), np.where(p >= 1, 1.0, np.minimum(high, 1.0))


def better_than_random(standing: Standing) -> bool:
    """Tell whether members stand higher than by chance (one-sided Kolmogorov and Smirnov, 5 %)."""
    n = standing.above.shape[1]
    share = np.sort(standing.share, axis=None)
    above = np.arange(1, len(share) + 1) / len(share) - share
    return bool(np.exp(-2 * n * max(0.0, float(above.max())) ** 2) < 0.05)


def recall_at(standing: Standing, sizes: np.ndarray, weights: Floats | None = None) -> Floats:
    """Return the weighted share of members above whom fewer than each size stood, mean over repeats."""
    repeats, n_seed = standing.above.shape
    weight = np.tile(np.ones(n_seed) if weights is None else weights, repeats)
    above = np.minimum(standing.above.ravel(), standing.n_available - 1)  # to stand below all is to stand last
    place = np.searchsorted(sizes, above, side="right")
    counts = np.bincount(place, weights=weight, minlength=len(sizes) + 1)[: len(sizes)]
    return np.asarray(np.minimum(1.0, np.cumsum(counts) / weight.sum()))


def _marginal(standing: Standing, weights: Floats) -> tuple[np.ndarray, Floats]:
    """Return sizes that cut the available customers, from 0 to all, and the falling marginal lift between them."""
    n = standing.n_available
    grid = np.unique(np.round(np.linspace(0, n, min(n, _GRID) + 1)).astype(np.int64))
    recall = np.r_[0.0, recall_at(standing, grid[1:], weights)]
    hull = [0]
    for i in range(1, len(grid)):
        while len(hull) > 1 and _rises(grid, recall, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(i)
    smooth = np.interp(grid, grid[hull], recall[hull])
    return grid, np.diff(smooth) / np.diff(grid) * n


def _rises(x: np.ndarray, y: Floats, a: int, b: int, c: int) -> bool:
    return bool((y[c] - y[b]) * (x[b] - x[a]) >= (y[b] - y[a]) * (x[c] - x[b]))


def _size_at(standing: Standing, least: float, weights: Floats | None = None) -> int:
    """Return the largest size up to which the marginal lift is above `least`."""
    n_seed = standing.above.shape[1]
    grid, slopes = _marginal(standing, np.ones(n_seed) if weights is None else weights)
    return int(grid[int((slopes > least + 1e-9).sum())])


def _crossing(standing: Standing, random_state: int) -> tuple[int, int, int]:
    """Return the size where the marginal lift falls to 1, and the ends of its 95 % bootstrap interval."""
    n_seed, rng = standing.above.shape[1], np.random.default_rng(random_state)
    drawn = [_size_at(standing, 1.0, draw_of(n_seed, rng)) for _ in range(_RESAMPLES)]
    point = _size_at(standing, 1.0)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return point, min(int(low), point), max(int(np.ceil(high)), point)


def draw_of(n: int, rng: np.random.Generator) -> Floats:
    """Return how often each of n members is drawn in a resample, (n,)."""
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
