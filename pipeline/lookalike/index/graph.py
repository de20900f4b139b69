"""The graph index."""

from __future__ import annotations

from typing import Any

from pipeline.lookalike.index.approximate import ApproximateIndex
from pipeline.lookalike.index.engine import faiss, one_thread
from pipeline.lookalike.index.faiss_index import stored_vectors
from pipeline.lookalike.vectors import Floats, Rows, UnitRows

EDGES = 16  # per vector and level, twice as many on the ground level
_CANDIDATES = 80  # kept while a vector's edges are chosen
_FEW = 0.1  # share of vectors below which they are compared one by one


class GraphIndex(ApproximateIndex):
    """Walks from vector to nearer vector (HNSW: Malkov & Yashunin 2020, IEEE TPAMI 42).

    Its effort is the number of candidates kept on the walk, no fewer than the answers wanted. It is built on
    one thread: with several, the edges, and so the answers, depended on which was faster.

    A graph cannot delete. Erased vectors stay on the way, but in no answer, and saving builds the graph anew
    from those that are left, and judges it again: erasing costs nothing at once, and one building for all.
    Where most customers are excluded, and where a walk came back with too few, vectors are compared one by one.
    """

    kind = "graph"
    unit = "candidates"

    def _construct(self, unit: UnitRows) -> Any:
        index = faiss.IndexHNSWFlat(unit.width, EDGES, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _CANDIDATES
        index.hnsw.rng = faiss.RandomGenerator(self.seed + 1)
        with one_thread():
            for _, rows in unit.blocks():
                index.add(rows)
        return index

    def _without(self, kept: Rows) -> Any:
        left = UnitRows(stored_vectors(self._flat(self._index), self._index.ntotal), kept)
        return self._built(left)

    def _search_faiss(
        self, index: Any, unit: Floats, fetch: int, selector: Any, available: int, everywhere: bool
    ) -> tuple[Floats, Rows]:
        share = available / index.ntotal
        # Recall was measured for `recall_at` answers: more of them take as many candidates each.
        effort = int(max(self.effort_, fetch * max(1.0, self.effort_ / (self.recall_at + 1))) / share)
        if everywhere or share < _FEW or effort > _FEW * index.ntotal:
            parameters = faiss.SearchParameters(sel=selector)
            scores, found = self._flat(index).search(unit, fetch, params=parameters)
        else:
            parameters = faiss.SearchParametersHNSW(sel=selector, efSearch=effort)
            scores, found = index.search(unit, fetch, params=parameters)
        return scores, found

    def _efforts(self, index: Any) -> tuple[int, int]:
        return 16, max(16, min(4096, index.ntotal // 4))

    @staticmethod
    def _flat(index: Any) -> Any:
        return faiss.downcast_index(index.storage)
