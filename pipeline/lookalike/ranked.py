"""From a seed to everybody's score: the ranking is chosen, measured on hidden members, and fitted on the whole seed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import ConfigError, DataError
from pipeline.lookalike.buckets import scores_of
from pipeline.lookalike.context import Context, Pool, size_by_setting
from pipeline.lookalike.design import Design
from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.index import build_index
from pipeline.lookalike.measure.choose import Choice, choose_method
from pipeline.lookalike.measure.evaluation import HeldOut, hold_out_evaluation
from pipeline.lookalike.measure.held_out import Standing, held_out_standing
from pipeline.lookalike.measure.reach import ReachCurve, reach_curve, size_of
from pipeline.lookalike.methods import DEFAULT, MIN_SEED, Ranker, baselines, methods
from pipeline.lookalike.methods.prior import PriorEstimate
from pipeline.lookalike.neighbours import candidates, nearest_seeds
from pipeline.lookalike.population import Base, Floats, Mask

# Of larger bases and seeds a sample is measured, so many members of the seed and so many others: rankings are fitted a
# hundred times and more to compare them, and a few times to tell how far an audience reaches.
COMPARED_ON = (2_000, 10_000)
REACH_ON = (5_000, 50_000)
_CANDIDATES = 5  # for each member of the audience, from the index of a large base
_FIGURES_FROM = 2 * MIN_SEED  # members: of fewer, half of them are too few to learn from


@dataclass(frozen=True)
class Ranked:
    """Scores of the base and what they are worth.

    Attributes
    ----------
    size
        Members that the audience shall have.
    scores
        Shape (n,); customers that were not ranked, being no candidates, stand below all others.
    candidates
        Who was ranked, shape (n,).
    curve, held_out
        None where the seed can tell nothing of them.
    measured
        Members of the seed, and other customers, on whom methods were compared: all, or a sample of them.
    prior
        Share of the customers outside the seed that is like it, at most; None where the ranking does not tell.
    index
        Kind, measured recall, and customers of the index; empty where everybody was ranked.
    """

    size: int
    choice: Choice
    scores: Floats
    candidates: Mask
    curve: ReachCurve | None
    held_out: HeldOut | None
    measured: tuple[int, int]
    prior: PriorEstimate | None
    index: dict[str, Any]


def rank(
    context: Context,
    design: Design,
    base: Base,
    seed: Mask,
    weights: Floats | None,
    pool: Pool,
    measurable: bool,
    mixed: bool,
) -> Ranked:
    """Return everybody's resemblance to the seed, and the size that the dial means.

    Parameters
    ----------
    design, base
        How the snapshot is read, and its customers.
    measurable
        Whether hidden members can measure the ranking; not if they were inferred from the very features it reads.
    mixed
        Whether the seed was found to be several groups; learning each for itself is tried only then.

    Raises
    ------
    ConfigError
        A reach is asked for, and the seed has no reach curve.
    DataError
        The size cannot be had.
    """
    random_state, free = context.settings.seed, pool.left.free
    rankers, default = _rankers(context, mixed)
    part = _Part.of(base, seed, weights, free, measured_rows(base, seed, random_state))
    choice = Choice(default, "not compared: members of the seed were inferred", int(seed.sum()), pd.DataFrame())
    curve = None
    if measurable:
        choice = _choice(context, part, rankers, default)
    if measurable and int(seed.sum()) >= _FIGURES_FROM:
        wide = _Part.of(base, seed, weights, free, measured_rows(base, seed, random_state, REACH_ON))
        curve = _curve(context, wide, choice.method, rankers[choice.method], pool.left.n_free)
    size = pool.left.checked_size(_size(context, pool, curve, measurable), context.chosen.min_audience)
    held_out = None if curve is None else _held_out(context, part, rankers, default)
    near, index = _candidates(context, base, seed, pool.eligible, size)
    ranker = deepcopy(rankers[choice.method]).fit(base, seed, weights)
    scores = _scores(context, design, base, near, ranker)
    if curve is not None and near.all():
        curve = _with_similarity(curve, _similarity(base, seed, free, scores, context.chosen.nearest))
    prior = getattr(ranker, "prior_", None)
    return Ranked(size, choice, scores, near, curve, held_out, part.numbers, prior, index)


def _rankers(context: Context, mixed: bool) -> tuple[dict[str, Ranker], str]:
    """Return the rankings that may be chosen, and the one that is taken where nothing speaks for another."""
    chosen = context.chosen
    rankers = methods(k=chosen.nearest, random_state=context.settings.seed)
    if chosen.method != "auto":
        return {chosen.method: rankers[chosen.method]}, chosen.method
    if not mixed:
        del rankers["clusters"]
    return rankers, DEFAULT


@dataclass(frozen=True)
class _Part:
    """The customers on which methods are measured."""

    base: Base
    seed: Mask
    free: Mask
    weights: Floats | None

    @classmethod
    def of(cls, base: Base, seed: Mask, weights: Floats | None, free: Mask, rows: np.ndarray) -> _Part:
        own = None if weights is None else weights[np.isin(np.flatnonzero(seed), rows)]
        return cls(base.rows(rows), seed[rows], free[rows], own)

    @property
    def numbers(self) -> tuple[int, int]:
        """Members of the seed, and others."""
        return int(self.seed.sum()), int((~self.seed).sum())


def _choice(context: Context, part: _Part, rankers: dict[str, Ranker], default: str) -> Choice:
    return choose_method(
        part.base,
        part.seed,
        rankers,
        default,
        part.weights,
        available=part.free,
        random_state=context.settings.seed,
        workers=context.workers,
    )


def _held_out(context: Context, part: _Part, rankers: dict[str, Ranker], default: str) -> HeldOut:
    return hold_out_evaluation(
        part.base,
        part.seed,
        part.weights,
        rankers,
        baselines(context.settings.seed),
        default,
        context.chosen.repeats,
        random_state=context.settings.seed,
        workers=context.workers,
    )


def _curve(context: Context, part: _Part, name: str, ranker: Ranker, n_free: int) -> ReachCurve:
    standing = held_out_standing(
        part.base,
        part.seed,
        {name: ranker},
        part.weights,
        repeats=1,
        available=part.free,
        random_state=context.settings.seed + 1,  # other folds than those that chose the method
        workers=context.workers,
    )[name]
    return reach_curve(_scaled(standing, n_free), random_state=context.settings.seed)


def _size(context: Context, pool: Pool, curve: ReachCurve | None, measurable: bool) -> int:
    chosen = context.chosen
    if chosen.reach is None:
        return size_by_setting(chosen, pool.left.n_free)
    if curve is None:
        why = "its members were inferred" if not measurable else f"it has fewer than {_FIGURES_FROM} members"
        raise ConfigError(
            f"lookalike.reach={chosen.reach}: this seed has no reach curve, because {why}. Give a size or a share."
        )
    size = size_of(curve, reach=chosen.reach)
    if size < chosen.min_audience:
        raise DataError(
            f"lookalike.reach={chosen.reach} means {size:,} members here, fewer than lookalike.min_audience="
            f"{chosen.min_audience:,}. Choose a wider reach or a size."
        )
    return size


def measured_rows(base: Base, seed: Mask, random_state: int, most: tuple[int, int] = COMPARED_ON) -> np.ndarray:
    """Return the rows on which methods are measured: of the seed and of all others samples by a hash, rising.

    Parameters
    ----------
    most
        Members of the seed, and others.
    """
    kept = []
    for rows, most_rows in zip((np.flatnonzero(seed), np.flatnonzero(~seed)), most, strict=True):
        few = len(rows) <= most_rows
        kept.append(rows if few else rows[smallest_hashes(base.ids[rows], most_rows, f"measured:{random_state}")])
    return np.sort(np.concatenate(kept))


def evenly(base: Base, seed: Mask, rows: np.ndarray) -> Mask:
    """Return which of some measured rows are a sample of the whole base: members and others at one rate, shape (n,)."""
    chosen, inside = np.zeros(len(rows), dtype=bool), seed[rows]
    groups = [(np.flatnonzero(inside), int(seed.sum())), (np.flatnonzero(~inside), int((~seed).sum()))]
    rate = min(len(own) / n for own, n in groups if n)
    for own, n in groups:
        chosen[own[smallest_hashes(base.ids[rows[own]], min(len(own), round(rate * n)), "evenly")]] = True
    return chosen


def _scaled(standing: Standing, n_available: int) -> Standing:
    """Return places among a sample of the available customers as places among all of them."""
    if standing.n_available == n_available:
        return standing
    above = np.round(standing.above * (n_available / standing.n_available)).astype(np.int64)
    return replace(standing, above=above, n_available=n_available)


def _candidates(context: Context, base: Base, seed: Mask, eligible: Mask, size: int) -> tuple[Mask, dict[str, Any]]:
    """Return who is ranked: everybody, or of a large base those whom an index finds near the seed.

    The control group is among them, for its members stand where they would have been chosen. A mix may need
    customers from anywhere, and an audience of a good part of the base leaves little to be saved: then all are ranked.
    """
    chosen = context.chosen
    wanted = _CANDIDATES * size
    asked = chosen.index != "auto" or len(base) > chosen.exact_up_to
    if chosen.keep or not asked or wanted > eligible.sum() / 2:
        return np.ones(len(base), dtype=bool), {}
    index = build_index(
        base.vectors,
        base.ids,
        chosen.exact_up_to,
        chosen.min_recall,
        context.settings.seed,
        kind=chosen.index,
        memory_limit_gb=context.settings.engine.memory_limit_gb,
        snapshot=context.snapshot.name,
    )
    found = candidates(index, base.vectors[seed], base.ids[seed], wanted, base.ids[~eligible & ~seed])
    facts = {"kind": index.kind, "recall": float(getattr(index, "recall_", 1.0)), "customers": len(base)}
    return np.isin(base.ids, found.ids), facts


def _scores(context: Context, design: Design, base: Base, near: Mask, ranker: Ranker) -> Floats:
    """Return the scores of the candidates; all other customers stand below them."""
    scores = np.empty(len(base))
    scores[near] = scores_of(context, ranker, design, base) if near.all() else ranker.score(base.rows(near))
    scores[~near] = scores[near].min() - 1.0
    return scores


def _similarity(base: Base, seed: Mask, free: Mask, scores: Floats, k: int) -> Floats:
    """Return the similarity of the available customers to the seed, the best-ranked first."""
    rows = np.flatnonzero(free)
    rows = rows[np.lexsort((base.ids[rows], -scores[rows]))]
    return nearest_seeds(base.vectors[rows], base.ids[rows], base.vectors[seed], base.ids[seed], k)


def _with_similarity(curve: ReachCurve, similarity: Floats) -> ReachCurve:
    """Return a curve that tells of each size the mean similarity of its members, given that of each, the best first."""
    sizes = curve.table["size"].to_numpy()
    return replace(curve, table=curve.table.assign(similarity=np.cumsum(similarity)[sizes - 1] / sizes))
