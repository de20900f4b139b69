"""The customers an examination computes with: the seed, a sample of the base, what is read of them, and folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lookalike.folds import draw_folds, smallest_hashes
from pipeline.lookalike.population import Base, Floats, Mask
from pipeline.lookalike.vectors import unit_vectors

MAX_FOLDS = 10
_WIDTH = 8.0  # standard deviations after which a dense value says no more


@dataclass(frozen=True)
class Sample:
    """Members of the seed and of the rest of the base, in the order of their ids.

    Attributes
    ----------
    rows
        Positions in the base, (n,).
    seed
        True for members of the seed, (n,).
    Z
        What a linear classifier reads, (n, p): standardised dense columns, then the behaviour vectors scaled to the
        length sqrt(d), which gives their entries about unit variance.
    fold
        Fold of each customer, (n,): seed and base are dealt out separately, so each fold holds its share of both.
    """

    rows: NDArray[np.int64]
    seed: Mask
    Z: Floats
    fold: NDArray[np.int64]


def draw_sample(base: Base, seed: Mask, base_sample: int, max_seed: int, random_state: int) -> Sample:
    """Return at most `max_seed` members and `base_sample` others, chosen and dealt to folds by hashes of their ids."""
    salt = f"doctor:{random_state}"
    ids = base.ids.astype(np.str_)
    members = np.flatnonzero(seed)
    kept = members[smallest_hashes(ids[members], max_seed, f"{salt}:seeds")]
    used = np.sort(np.concatenate([kept, np.flatnonzero(~seed)]))
    n_folds = min(MAX_FOLDS, len(kept), len(used) - len(kept))
    chosen, folds = draw_folds(ids[used], seed[used], base_sample, n_folds, salt)
    rows = used[chosen]
    dense = base.X[rows, : base.n_dense].toarray()
    spread = dense.std(axis=0)
    standard = np.clip((dense - dense.mean(axis=0)) / np.where(spread > 0, spread, 1.0), -_WIDTH, _WIDTH)
    unit = unit_vectors(base.vectors[rows], "vectors").astype(np.float64)
    return Sample(rows, seed[rows], np.hstack([standard, unit * np.sqrt(unit.shape[1])]), folds.fold_of_trained)
