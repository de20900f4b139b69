"""How well a ranking finds members of a seed that were hidden from it, beside what simpler rankings find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import delayed
from numpy.typing import NDArray
from scipy.stats import rankdata

from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.measure.choose import CHOICE_FROM, choose_method
from pipeline.lookalike.measure.held_out import fit_together
from pipeline.lookalike.methods import DEFAULT, MIN_SEED, Ranker, baselines, methods
from pipeline.lookalike.population import Base, Floats, Ids, Mask
from pipeline.lookalike.seed.matching import best_first
from pipeline.parallel import side_by_side

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)  # of the ranked customers
CHOSEN = "chosen"


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


@dataclass(frozen=True)
class HeldOut:
    """Figures of the chosen ranking (`chosen`) and of all others, and which one was chosen in each repeat."""

    rows: list[HoldOutRow]
    choices: tuple[str, ...]


def hold_out_evaluation(
    base: Base,
    seed: Mask,
    weights: Floats | None = None,
    rankers: Mapping[str, Ranker] | None = None,
    rivals: Mapping[str, Ranker] | None = None,
    default: str = DEFAULT,
    repeats: int = 5,
    choice_from: int = CHOICE_FROM,
    random_state: int = 0,
    workers: int = 1,
) -> HeldOut:
    """Return how well hidden members of the seed are found by the ranking that the kept half chooses.

    In each repeat a random half of the seed is kept, the best ranking for it is chosen on folds within that half,
    and every other customer is ranked by resemblance to it; the hidden half is the truth. It takes no part in the
    choice. It stands in the base like any other customer while rankings are fitted, as customers yet to be found do.
    Recall is the share of the hidden within the top share of the ranked; lift is recall divided by that share, 1
    for a random order.

    Parameters
    ----------
    base, seed, weights
        As in `contract.Ranker.fit`. Weights guide learning and choice; hidden members all count alike.
    rankers
        What is chosen from, unfitted, by name; None: `methods.methods()`.
    rivals
        What the chosen one is shown beside, unfitted, by name; None: `methods.baselines()`.
    default, choice_from
        As in `choose.choose_method`.
    repeats
        Number of halvings, from 1.
    random_state
        Of the halvings and the default rankings.
    workers
        Halvings under way at once; the result does not depend on it.

    Returns
    -------
    HeldOut
        Rows for `chosen`, each of the rankings and each rival: auc, then recall and lift at each of `SHARES`.

    Raises
    ------
    ConfigError
        Names that occur among rankings and rivals.
    DataError
        Fewer than 20 members in the seed, or see `contract.Ranker.fit`.

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
    among = methods(random_state=random_state) if rankers is None else rankers
    beside = baselines(random_state) if rivals is None else rivals
    members = np.flatnonzero(np.asarray(seed, dtype=bool))
    if twice := {CHOSEN, *among} & set(beside):
        raise ConfigError(f"hold-out evaluation: names that stand for two rankings: {', '.join(sorted(twice))}")
    if len(members) < 2 * MIN_SEED or repeats < 1:
        raise DataError(
            f"hold-out evaluation: {len(members)} members in the seed and {repeats} repeats; "
            f"at least {2 * MIN_SEED} members (half are hidden) and 1 repeat are needed."
        )
    own = None if weights is None else np.asarray(weights, dtype=np.float64)
    contest = _Contest(base, members, own, among, beside, default, choice_from)
    order = np.argsort(base.ids[members], kind="stable")
    rng = np.random.default_rng(random_state)
    kept = [np.sort(rng.permutation(order)[: (len(members) + 1) // 2]) for _ in range(repeats)]
    halvings = side_by_side([delayed(contest.halving)(half, repeat) for repeat, half in enumerate(kept)], workers)
    found: dict[str, list[tuple[Floats, Floats]]] = {name: [] for name in (CHOSEN, *among, *beside)}
    choices = []
    for method, measured in halvings:
        for name in found:
            found[name].append(measured[method if name == CHOSEN else name])
        choices.append(method)
    n_hidden, n_ranked = len(members) // 2, len(base) - (len(members) + 1) // 2
    rows = [
        HoldOutRow(*row, n_repeats=repeats, n_hidden=n_hidden, n_ranked=n_ranked)
        for name, pairs in found.items()
        for row in summary(name, pairs, n_ranked)
    ]
    return HeldOut(rows, tuple(choices))


@dataclass(frozen=True)
class _Contest:
    """What all halvings have in common; fields as in `hold_out_evaluation`, `members` are positions in the base."""

    base: Base
    members: NDArray[np.int64]
    weights: Floats | None
    among: Mapping[str, Ranker]
    beside: Mapping[str, Ranker]
    default: str
    choice_from: int

    def halving(self, half: NDArray[np.int64], repeat: int) -> tuple[str, dict[str, tuple[Floats, Floats]]]:
        """Return the ranking that one half of the members chooses, and the figures of all rankings that learn from it.

        `half` are positions among the members.
        """
        base, weights = self.base, None if self.weights is None else self.weights[half]
        kept = np.zeros(len(base), dtype=bool)
        kept[self.members[half]] = True
        choice = choose_method(
            base, kept, self.among, self.default, weights, repeats=1, choice_from=self.choice_from, random_state=repeat
        )
        return choice.method, measure(base, kept, base.ids[self.members], {**self.among, **self.beside}, weights)


def measure(
    base: Base, kept: Mask, truth: Ids, rankers: Mapping[str, Ranker], weights: Floats | None = None
) -> dict[str, tuple[Floats, Floats]]:
    """Return what `metrics_of` says of each ranking, learnt from `kept`, among others of whom `truth` is wanted."""
    ranked = base.rows(~kept)
    hidden = np.isin(ranked.ids, truth)
    fitted = fit_together(rankers, base, kept, weights)
    return {name: metrics_of(hidden, ranker.score(ranked), ranked.ids) for name, ranker in fitted.items()}


def metrics_of(hidden: Mask, scores: Floats, ids: Ids) -> tuple[Floats, Floats]:
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


def summary(
    method: str, pairs: Sequence[tuple[Floats, Floats]], n_ranked: int
) -> Iterator[tuple[str, str, float, float, float, float, float]]:
    """Yield the fields of `HoldOutRow` up to `sd_repeats` from the metrics of each repeat."""
    points, variances = (np.array(part) for part in zip(*pairs, strict=True))
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
