"""Names that stay: a cluster keeps the name that most of its members had in the data set before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.segment.behaviour.agreement import matched

_SHARED = 0.5  # of the larger of the two


@dataclass(frozen=True)
class Kept:
    """Names of the clusters, which of them are of before, and what became of the customers of both data sets.

    `n` customers are in both, `n_same` of them in a segment of the same name; None where there was none before.
    """

    names: tuple[str, ...]
    kept: tuple[bool, ...]
    n: int | None = None
    n_same: int | None = None


def keep_names(
    names: Sequence[str], ids: NDArray[np.str_], labels: NDArray[np.int64], before: pd.Series | None
) -> Kept:
    """Return the names, those of before where a cluster is the same.

    Parameters
    ----------
    names
        New name of each cluster.
    ids, labels
        Customers and their clusters, (n,), -1 for none.
    before
        Segment of each customer in the data set before, by id.

    Notes
    -----
    Clusters are matched so that most customers stay (`agreement.matched`); a match counts if it holds half of both.
    """
    if before is None or not len(before):
        return Kept(tuple(names), (False,) * len(names))
    old_codes, old_names = pd.factorize(before, sort=True)
    at = pd.Index(ids[labels >= 0]).get_indexer(pd.Index(before.index.astype(str)))
    here = at >= 0
    first, second = old_codes[here].astype(np.int64), labels[labels >= 0][at[here]]
    former = matched(first, second, len(old_names), len(names))
    result: list[str] = list(names)
    kept = [False] * len(names)
    for cluster, old in enumerate(former):
        both = int(((first == old) & (second == cluster)).sum())
        larger = max(int((first == old).sum()), int((second == cluster).sum()), 1)
        if old >= 0 and both >= _SHARED * larger:
            result[cluster], kept[cluster] = str(old_names[old]), True
    for cluster, name in enumerate(result):
        if not kept[cluster] and name in [other for i, other in enumerate(result) if i != cluster]:
            result[cluster] = f"{name} (new)"
    same = int((np.array(old_names, dtype=object)[first] == np.array(result, dtype=object)[second]).sum())
    return Kept(tuple(result), tuple(kept), int(here.sum()), same)
