"""Which customers train which classifier, decided by a hash of the id: the same in every bucket and order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.split import folds as hashed_folds
from pipeline.split import hash32


@dataclass(frozen=True)
class Folds:
    """The training customers in the order of their ids, and the fold of every customer there is.

    A training customer is scored by the classifier of its own fold, which has not seen it. So are all
    others, by the fold their hash gives, so that trained and untrained customers are treated alike.
    """

    ids: NDArray[np.str_]  # sorted
    fold_of_trained: NDArray[np.int64]
    n_folds: int
    salt: str

    def of(self, ids: NDArray[np.str_]) -> NDArray[np.int64]:
        """Return the fold (n,) of each id, 0 to n_folds - 1."""
        names = np.asarray(ids).astype(np.str_)
        folds = hashed_folds(names, self.n_folds, f"{self.salt}:fold")
        place = np.minimum(np.searchsorted(self.ids, names), len(self.ids) - 1)
        trained = self.ids[place] == names
        folds[trained] = self.fold_of_trained[place[trained]]
        return folds


def smallest_hashes(ids: NDArray[np.str_], limit: int, salt: str) -> NDArray[np.int64]:
    """Return the positions of `limit` ids (all, if fewer) in the order of their hashes: a random sample."""
    luck = np.array([hash32(f"{salt}:{name}") for name in ids], dtype=np.int64)
    return np.lexsort((ids, luck))[:limit]


def draw_folds(
    ids: NDArray[np.str_], seed_mask: NDArray[np.bool_], base_sample: int, n_folds: int, salt: str
) -> tuple[NDArray[np.int64], Folds]:
    """Return the positions of the training customers, in the order of their ids, and their folds.

    All seed members train; of the base, the `base_sample` with the smallest hashes. Seed and base are
    dealt out to the folds separately, so that each fold holds its share of both.
    """
    chosen, folds = [], []
    for mask, limit in ((seed_mask, len(ids)), (~seed_mask, base_sample)):
        members = np.flatnonzero(mask)
        members = members[smallest_hashes(ids[members], limit, salt)]
        chosen.append(members)
        folds.append(np.arange(len(members)) % n_folds)
    rows, fold = np.concatenate(chosen), np.concatenate(folds)
    order = np.argsort(ids[rows], kind="stable")
    rows, fold = rows[order], fold[order]
    return rows, Folds(ids=ids[rows], fold_of_trained=fold, n_folds=n_folds, salt=salt)
