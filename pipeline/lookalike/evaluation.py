"""How well a ranking finds members of a seed that were hidden from it, beside what simpler rankings find."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import rankdata

from pipeline.errors import DataError
from pipeline.lookalike.audience import best_first
from pipeline.lookalike.neighbours import centroid, nearest_seeds
from pipeline.lookalike.ranking import MIN_SEED, SeedRanker

Floats = NDArray[np.float64]
Ids = NDArray[np.str_]

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)  # of the ranked customers
METHODS = ("seed_ranker", "nearest_seed", "mean_of_10_nearest", "centroid", "random")


@dataclass(frozen=True)
class HoldOutRow:
    """One metric of one ranking, over all repeats.

    `metric` is auc, recall or lift; `share` is the top share of ranked customers it looks at (1 for auc).
    `low` and `high` are a 95 % interval for other customers of the same kind, see `hold_out_evaluation`;
    `sd_repeats` is the standard deviation between repeats, the luck of the halving.
    """

    method: str
    metric: str
    share: float
    mean: float
    low: float
    high: float
    sd_repeats: float
    n_repeats: int
    n_hidden: int  # per repeat: the truth
    n_ranked: int  # per repeat: all customers that were not kept as seed


def hold_out_evaluation(
    X: sp.csr_matrix,
    vectors: NDArray[np.float32],
    seed_mask: NDArray[np.bool_],
    ids: Ids,
    n_dense: int = 0,
    ranker: SeedRanker | None = None,
    repeats: int = 5,
    random_state: int = 0,
) -> list[HoldOutRow]:
    """Return how well hidden members of the seed are found, for five rankings.

    In each repeat a random half of the seed is kept, and every other customer is ranked by resemblance to
    it; the hidden half is the truth. It stands in the base like any other customer while rankings are
    fitted, as customers yet to be found do. Recall is the share of the hidden within the top share of the
    ranked; lift is recall divided by that share, 1 for a random order.

    Parameters
    ----------
    X, vectors, seed_mask, ids, n_dense
        As in `SeedRanker.fit`.
    ranker
        Settings of the first ranking; None: the default ones. It is copied, not fitted.
    repeats
        Number of halvings, from 1.
    random_state
        Of the halvings and the random ranking.

    Returns
    -------
    list of HoldOutRow
        For each of `METHODS`: auc, then recall and lift at each of `SHARES`.

    Raises
    ------
    DataError
        Fewer than 20 members in the seed, or see `SeedRanker.fit`.

    Notes
    -----
    Repeats share customers, so their spread divided by the root of their number is far too small an error:
    the members of a seed resemble each other as much in one halving as in the next. The interval therefore
    takes repeats as fully dependent: mean +- 1.96 times the root mean square over repeats of the standard
    error of one repeat. That one is the infinitesimal jackknife over customers, the root of the sum of their
    squared influences (Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6); for
    the AUC it is the error of DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44. Averaging over repeats
    can only make the truth narrower. What the choice of the kept half does is `sd_repeats`. Recall and AUC
    are cut at 0 and 1.
    """
    names, seed = np.asarray(ids).astype(np.str_), np.asarray(seed_mask, dtype=bool)
    members = np.flatnonzero(seed)
    if len(members) < 2 * MIN_SEED or repeats < 1:
        raise DataError(
            f"hold-out evaluation: {len(members)} members in the seed and {repeats} repeats; "
            f"at least {2 * MIN_SEED} members (half are hidden) and 1 repeat are needed."
        )
    members = members[np.argsort(names[members], kind="stable")]
    rng = np.random.default_rng(random_state)
    points: dict[str, list[Floats]] = {method: [] for method in METHODS}
    variances: dict[str, list[Floats]] = {method: [] for method in METHODS}
    for _ in range(repeats):
        kept = np.zeros(len(names), dtype=bool)
        kept[rng.permutation(members)[: (len(members) + 1) // 2]] = True
        rows = np.flatnonzero(~kept)
        model = deepcopy(ranker) if ranker is not None else SeedRanker()
        model.fit(X, vectors, kept, names, n_dense=n_dense)
        for method, scores in _rankings(model, X, vectors, names, kept, rng):
            point, variance = _metrics(seed[rows], scores[rows], names[rows])
            points[method].append(point)
            variances[method].append(variance)
    n_hidden, n_ranked = len(members) // 2, len(names) - (len(members) + 1) // 2
    return [
        HoldOutRow(*row, n_repeats=repeats, n_hidden=n_hidden, n_ranked=n_ranked)
        for method in METHODS
        for row in _summary(method, np.array(points[method]), np.array(variances[method]), n_ranked)
    ]


def _rankings(
    model: SeedRanker,
    X: sp.csr_matrix,
    vectors: NDArray[np.float32],
    ids: Ids,
    kept: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Iterator[tuple[str, Floats]]:
    yield "seed_ranker", model.score(X, vectors, ids)
    yield "nearest_seed", nearest_seeds(vectors, ids, vectors[kept], ids[kept], k=1)
    yield "mean_of_10_nearest", nearest_seeds(vectors, ids, vectors[kept], ids[kept], k=10)
    yield "centroid", centroid(vectors, vectors[kept])
    yield "random", rng.random(len(ids))


def _metrics(hidden: NDArray[np.bool_], scores: Floats, ids: Ids) -> tuple[Floats, Floats]:
    """Return AUC and recall at each share, (m,), and the variance of each, (m,).

    The variance sums squared influences of customers: by how much, to first order, the metric moves per
    unit of a customer's weight.
    """
    n_hidden, n_other = int(hidden.sum()), int((~hidden).sum())
    ranks = rankdata(scores)
    # Of a hidden customer: the share of others below it. Of another: the share of the hidden above it.
    placement = np.empty(len(scores))
    placement[hidden] = (ranks[hidden] - rankdata(scores[hidden])) / n_other
    placement[~hidden] = 1 - (ranks[~hidden] - rankdata(scores[~hidden])) / n_hidden
    auc = placement[hidden].mean()
    points = [auc]
    influence = [(placement - auc) / np.where(hidden, n_hidden, n_other)]
    order = best_first(ids, scores)
    for share in SHARES:
        top = np.zeros(len(scores), dtype=bool)
        top[order[: _top(share, len(scores))]] = True
        recall = top[hidden].mean()
        points.append(recall)
        influence.append(np.where(hidden, (top - recall) / n_hidden, 0.0))
    return np.array(points), np.array([(moves**2).sum() for moves in influence])


def _summary(
    method: str, points: Floats, variances: Floats, n_ranked: int
) -> Iterator[tuple[str, str, float, float, float, float, float]]:
    mean, sd = points.mean(axis=0), points.std(axis=0, ddof=min(1, len(points) - 1))
    margin = 1.96 * np.sqrt(variances.mean(axis=0))
    low, high = np.maximum(mean - margin, 0), np.minimum(mean + margin, 1)
    yield method, "auc", 1.0, float(mean[0]), float(low[0]), float(high[0]), float(sd[0])
    for j, share in enumerate(SHARES, start=1):
        exact = _top(share, n_ranked) / n_ranked
        for metric, unit in (("recall", 1.0), ("lift", exact)):
            at = [float(values[j] / unit) for values in (mean, low, high, sd)]
            yield method, metric, share, at[0], at[1], at[2], at[3]


def _top(share: float, n_ranked: int) -> int:
    return max(1, int(np.ceil(share * n_ranked)))
