"""The exact index."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.lookalike.index.engine import faiss
from pipeline.lookalike.index.faiss_index import FaissIndex, flat_index, stored_vectors
from pipeline.lookalike.vectors import Floats, Rows, UnitRows


class ExactIndex(FaissIndex):
    """Compares each query with every vector: the right answer, at a cost of n * d per query.

    Examples
    --------
    >>> import numpy as np
    >>> index = ExactIndex().fit(np.array([[1, 0], [0, 1], [3, 3]], dtype=np.float32), np.array(list("abc")))
    >>> ids, scores = index.search(np.array([[2, 0]], dtype=np.float32), k=2)
    >>> ids.tolist(), scores.round(3).tolist()
    ([['a', 'c']], [[1.0, 0.7070000171661377]])
    >>> index.erase(["a", "unknown"])
    1
    """

    kind = "exact"

    def _built(self, unit: UnitRows) -> Any:
        return flat_index(unit)

    def _without(self, kept: Rows) -> Any:
        return flat_of(stored_vectors(self._index, self._index.ntotal), kept)

    def _search_faiss(
        self, index: Any, unit: Floats, fetch: int, selector: Any, available: int, everywhere: bool
    ) -> tuple[Floats, Rows]:
        scores, found = index.search(unit, fetch, params=faiss.SearchParameters(sel=selector))
        return scores, found


def flat_of(stored: Floats, kept: Rows) -> Any:
    """Return a flat FAISS index of some stored vectors, bit by bit as they are."""
    index = faiss.IndexFlatIP(stored.shape[1])
    for block in np.array_split(kept, max(1, len(kept) // 65_536)):
        index.add(stored[block])
    return index
