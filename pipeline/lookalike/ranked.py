"""From a seed to everybody's score: the ranking is chosen, measured on hidden members, and fitted on the whole seed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.lookalike.context import Context
from pipeline.lookalike.folds import smallest_hashes
from pipeline.lookalike.index import build_index
from pipeline.lookalike.measure.choose import Choice, choose_method
from pipeline.lookalike.measure.evaluation import HeldOut, hold_out_evaluation
from pipeline.lookalike.measure.held_out import Standing, held_out_standing
from pipeline.lookalike.measure.reach import ReachCurve, reach_curve
from pipeline.lookalike.methods import DEFAULT, MIN_SEED, Ranker, baselines, methods
from pipeline.lookalike.neighbours import candidates, nearest_seeds
from pipeline.lookalike.population import Base, Floats, Mask

MEASURED_ON = 50_000  # customers outside the seed; of larger bases a sample is ranked when methods are measured
_CANDIDATES = 5  # for each member of the audience, from the index of a large base
_FIGURES_FROM = 2 * MIN_SEED  # members: of fewer, half of them are too few to learn from


@dataclass(frozen=True)
class Ranked:
    """Scores of the base and what they are worth.

    Attributes
    ----------
    scores
        Shape (n,); customers that were not ranked, being no candidates, stand below all others.
    candidates
        Who was ranked, shape (n,).
    curve, held_out
        None where the seed can tell nothing of them.
    index
        Kind, measured recall, and customers of the index.
    """

    choice: Choice
    scores: Floats
    candidates: Mask
    curve: ReachCurve | None
    held_out: HeldOut | None
    index: dict[str, Any]


def rank(
    context: Context,
    base: Base,
    seed: Mask,
    weights: Floats | None,
    free: Mask,
    wanted: int,
    measurable: bool,
    mixed: bool,
) -> Ranked:
    """Return everybody's resemblance to the seed.

    Parameters
    ----------
    free
        Who may become a member, shape (n,).
    wanted
        Members that the audience will have at most, as far as is known.
    measurable
        Whether hidden members can measure the ranking; not if they were inferred from the very features it reads.
    mixed
        Whether the seed was found to be several groups; learning each for itself is tried only then.
    """
    chosen, random_state, workers = context.chosen, context.settings.seed, context.workers
    rankers = methods(k=chosen.nearest, random_state=random_state)
    default = DEFAULT
    if chosen.method != "auto":
        rankers, default = {chosen.method: rankers[chosen.method]}, chosen.method
    elif not mixed:
        del rankers["clusters"]
    rows = _measured(base, seed, random_state)
    part, part_seed, part_free = base.rows(rows), seed[rows], free[rows]
    if measurable:
        choice = choose_method(
            part, part_seed, rankers, default, weights, available=part_free, random_state=random_state, workers=workers
        )
    else:
        choice = Choice(default, "not compared: members of the seed were inferred", int(seed.sum()), pd.DataFrame())
    ranker = deepcopy(rankers[choice.method]).fit(base, seed, weights)
    scores, near, index = _scores(context, base, seed, ranker, free, wanted)
    curve = held_out = None
    if measurable and int(seed.sum()) >= _FIGURES_FROM:
        standing = held_out_standing(
            part,
            part_seed,
            {choice.method: rankers[choice.method]},
            weights,
            repeats=1,
            available=part_free,
            random_state=random_state + 1,  # other folds than those that chose the method
            workers=workers,
        )[choice.method]
        n_free = int(free.sum())
        similarity = _similarity(base, seed, free, scores, chosen.nearest) if len(rows) == len(base) else None
        curve = reach_curve(_scaled(standing, n_free), similarity, random_state=random_state)
        held_out = hold_out_evaluation(
            part,
            part_seed,
            weights,
            rankers,
            baselines(random_state),
            default,
            chosen.repeats,
            random_state=random_state,
            workers=workers,
        )
    return Ranked(choice, scores, near, curve, held_out, index)


def _measured(base: Base, seed: Mask, random_state: int) -> np.ndarray:
    """Return the rows on which methods are measured: the seed and a hashed sample of all others, rising."""
    others = np.flatnonzero(~seed)
    if len(others) <= MEASURED_ON:
        return np.arange(len(base))
    kept = others[smallest_hashes(base.ids[others], MEASURED_ON, f"measured:{random_state}")]
    return np.sort(np.concatenate([np.flatnonzero(seed), kept]))


def _scaled(standing: Standing, n_available: int) -> Standing:
    """Return places among a sample of the available customers as places among all of them."""
    if standing.n_available == n_available:
        return standing
    above = np.round(standing.above * (n_available / standing.n_available)).astype(np.int64)
    return replace(standing, above=above, n_available=n_available)


def _scores(
    context: Context, base: Base, seed: Mask, ranker: Ranker, free: Mask, wanted: int
) -> tuple[Floats, Mask, dict[str, Any]]:
    """Return scores and candidates: everybody, or those whom the index of a large base finds near the seed."""
    chosen = context.chosen
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
    index.save(context.folder / "index.faiss")
    facts = {"kind": index.kind, "recall": float(getattr(index, "recall_", 1.0)), "customers": len(base)}
    near = np.ones(len(base), dtype=bool)
    if len(base) > chosen.exact_up_to:
        found = candidates(
            index,
            base.vectors[seed],
            base.ids[seed],
            min(int(free.sum()), _CANDIDATES * wanted),
            base.ids[~free & ~seed],
        )
        near = np.isin(base.ids, found.ids)
    scores = np.empty(len(base))
    scores[near] = ranker.score(base if near.all() else base.rows(near))
    scores[~near] = scores[near].min() - 1.0
    return scores, near, facts


def _similarity(base: Base, seed: Mask, free: Mask, scores: Floats, k: int) -> Floats:
    """Return the similarity of the available customers to the seed, the best-ranked first."""
    rows = np.flatnonzero(free)
    rows = rows[np.lexsort((base.ids[rows], -scores[rows]))]
    return nearest_seeds(base.vectors[rows], base.ids[rows], base.vectors[seed], base.ids[seed], k)
