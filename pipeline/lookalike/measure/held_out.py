"""Where members of a seed stand among the other customers when they are held out of what is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from joblib import delayed

from pipeline.errors import DataError
from pipeline.lookalike.methods.blended import Blended
from pipeline.lookalike.methods.classifiers import SeedClassifiers
from pipeline.lookalike.methods.clusters import Clusters
from pipeline.lookalike.methods.contract import MIN_SEED, Ranker, checked_seed
from pipeline.lookalike.population import Base, Floats, Mask
from pipeline.lookalike.seed.matching import best_first
from pipeline.parallel import side_by_side

Ints = np.ndarray


@dataclass(frozen=True)
class Standing:
    """How many available customers stand above each member of the seed in a ranking that did not know it.

    `above` has shape (n_repeats, n_seed), in the order of the base, and values from 0 (before all) to `n_available`.
    """

    above: Ints
    n_available: int

    @property
    def share(self) -> Floats:
        """Share of the available customers above each member, (n_repeats, n_seed)."""
        return np.asarray(self.above / self.n_available)


def held_out_standing(
    base: Base,
    seed: Mask,
    rankers: Mapping[str, Ranker],
    weights: Floats | None = None,
    n_folds: int = 10,
    repeats: int = 2,
    available: Mask | None = None,
    random_state: int = 0,
    workers: int = 1,
) -> dict[str, Standing]:
    """Return each ranking's standing of the members: repeated cross-fitting on the seed.

    In each repeat the seed is dealt into folds. A fold's members are hidden, so that they are customers like any other
    while the rankings learn the rest of the seed, and their places among the available customers are noted.

    Parameters
    ----------
    base, seed, weights
        As in `contract.Ranker.fit`.
    rankers
        Unfitted, by name; they are copied.
    n_folds
        From 2; lowered so that at least 10 members are left to learn from.
    repeats
        Number of dealings, from 1.
    available
        Customers an audience may hold, (n,); members of the seed are not available. None: all others.
    random_state
        Of the dealings.
    workers
        Folds under way at once; the result does not depend on it.

    Raises
    ------
    DataError
        Fewer than 12 members in the seed: too few to hide any and learn from 10.
    """
    mask = checked_seed(base, seed)
    members = np.flatnonzero(mask)
    # Folds of n // f members at most one more: at least MIN_SEED must remain when the largest is hidden.
    possible = [f for f in range(2, n_folds + 1) if len(members) - -(-len(members) // f) >= MIN_SEED]
    if not possible or repeats < 1:
        raise DataError(
            f"held-out members: {len(members)} in the seed, {n_folds} folds and {repeats} repeats; at least {MIN_SEED} "
            "members must remain when a fold is hidden, and 1 repeat is needed."
        )
    folds = possible[-1]
    free = np.flatnonzero(~mask if available is None else ~mask & available)
    if not len(free):
        raise DataError("held-out members: no customer is available for an audience.")
    above = {name: np.zeros((repeats, len(members)), dtype=np.int64) for name in rankers}
    by_id = np.argsort(base.ids[members], kind="stable")
    places, jobs = [], []
    for repeat in range(repeats):
        rng = np.random.default_rng([random_state, repeat])
        fold = np.empty(len(members), dtype=np.int64)
        fold[by_id] = rng.permutation(len(members)) % folds
        for f in range(folds):
            rest = None if weights is None else np.asarray(weights)[fold != f]
            places.append((repeat, np.flatnonzero(fold == f)))
            jobs.append(delayed(_fold)(base, mask, members[fold == f], free, rankers, rest))
    for (repeat, hidden), found in zip(places, side_by_side(jobs, workers), strict=True):
        for name, own in found.items():
            above[name][repeat, hidden] = own
    return {name: Standing(own, len(free)) for name, own in above.items()}


def _fold(
    base: Base, seed: Mask, hidden: Ints, free: Ints, rankers: Mapping[str, Ranker], weights: Floats | None
) -> dict[str, Ints]:
    """Return how many available customers stand above each hidden member, by ranking."""
    kept = seed.copy()
    kept[hidden] = False
    part = base.rows(np.concatenate([free, hidden]))
    fitted = fit_together(rankers, base, kept, weights)
    return {name: _above(part, ranker.score(part), len(free)) for name, ranker in fitted.items()}


def fit_together(
    rankers: Mapping[str, Ranker], base: Base, seed: Mask, weights: Floats | None = None
) -> dict[str, Ranker]:
    """Return fitted copies of the rankings; those whose classifiers have the same settings share them."""
    shared: dict[str, SeedClassifiers] = {}
    fitted: dict[str, Ranker] = {}
    for name, ranker in rankers.items():
        copy = deepcopy(ranker)
        if isinstance(copy, Blended | Clusters):
            key = repr(copy.classifier_settings())
            copy.fit(base, seed, weights, shared.get(key))
            if isinstance(copy, Blended):
                shared[key] = copy.classifiers_
        else:
            copy.fit(base, seed, weights)
        fitted[name] = copy
    return fitted


def _above(base: Base, scores: Floats, n_free: int) -> Ints:
    """Return how many of the first `n_free` customers stand above each of the others, (n - n_free,)."""
    place = np.empty(len(scores), dtype=np.int64)
    place[best_first(base.ids, scores)] = np.arange(len(scores))
    return np.searchsorted(np.sort(place[:n_free]), place[n_free:])
