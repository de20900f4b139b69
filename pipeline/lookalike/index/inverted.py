"""The inverted file: vectors as they are, or eight bits for each of their columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.lookalike.index.approximate import ApproximateIndex
from pipeline.lookalike.index.engine import faiss, one_thread, threads_for
from pipeline.lookalike.index.faiss_index import stored_vectors
from pipeline.lookalike.vectors import Floats, Rows, UnitRows

_PER_CELL = 40  # vectors of a cell, at least
# Vectors of a cell that k-means reads, and how often. From 64, ten times, it took 2.5 times as long, for a recall
# that was higher by 0.0015.
_LEARNT_FROM, _ITERATIONS = 40, 6


class InvertedIndex(ApproximateIndex):
    """Compares each query only with the vectors of the nearest cells of a k-means partition (IVF-Flat).

    Built in seconds where a graph takes minutes, reproducible, and able to forget. Its effort is the number
    of cells looked into, up to half of them (beyond which the exact index is as fast). See `ApproximateIndex`
    for parameters and attributes, Sivic & Zisserman 2003 (Video Google, ICCV) for the method.
    """

    kind = "inverted"
    unit = "cells"

    def _construct(self, unit: UnitRows) -> Any:
        cells = n_cells(len(unit))
        index = self._empty(faiss.IndexFlatIP(unit.width), unit.width, cells)
        index.cp.seed = self.seed + 1  # FAISS reads 0 as any other, but -1 as "from the clock"
        index.cp.spherical = True
        index.cp.niter = _ITERATIONS
        index.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning past Python's reach
        if len(unit) == 0:
            return index
        sample = np.random.default_rng(self.seed).permutation(len(unit))[: _LEARNT_FROM * cells]
        with one_thread():
            index.train(unit[np.sort(sample)])
        for _, rows in unit.blocks():
            with threads_for(float(len(rows)) * cells * unit.width):
                index.add(rows)
        return index

    def _empty(self, quantizer: Any, width: int, cells: int) -> Any:
        return faiss.IndexIVFFlat(quantizer, width, cells, faiss.METRIC_INNER_PRODUCT)

    def _without(self, kept: Rows) -> Any:
        """Take the others out of the lists where they lie: cells, and so recall, stay what they were.

        A cell that is left empty loses its centre, which may have been the one vector it held.
        """
        index, lists = self._index, self._index.invlists
        centres = stored_vectors(faiss.downcast_index(index.quantizer), index.nlist)
        numbers = np.full(index.ntotal, -1, dtype=np.int64)
        numbers[kept] = np.arange(len(kept))
        for cell in range(index.nlist):
            size = lists.list_size(cell)
            if size == 0:
                continue
            ids = faiss.rev_swig_ptr(lists.get_ids(cell), size)
            codes = faiss.rev_swig_ptr(lists.get_codes(cell), size * lists.code_size).reshape(size, -1)
            stays = np.flatnonzero(numbers[ids] >= 0)
            ids[: len(stays)], codes[: len(stays)] = numbers[ids[stays]], codes[stays]
            lists.resize(cell, len(stays))
            if len(stays) == 0:
                centres[cell] = 0
        index.ntotal = len(kept)
        return index

    def _search_faiss(
        self, index: Any, unit: Floats, fetch: int, selector: Any, available: int, everywhere: bool
    ) -> tuple[Floats, Rows]:
        # Recall was measured for few answers and nothing excluded: looking for many, or among few, look into
        # cells that hold four times as many as wanted.
        cells = index.nlist
        probes = cells if everywhere else max(self.effort_, 4 * fetch * cells // available)
        parameters = faiss.SearchParametersIVF(sel=selector, nprobe=min(cells, probes))
        scores, found = index.search(unit, fetch, params=parameters)
        return scores, found

    def _efforts(self, index: Any) -> tuple[int, int]:
        return 1, max(1, index.nlist // 2)


class QuantisedIndex(InvertedIndex):
    """An inverted file that keeps eight bits for each column of a vector: a quarter of the memory.

    What is kept is the difference to the centre of the cell, on a scale per column (IVF-SQ8). Similarities
    are those of the rounded vectors: of 64 random columns they were off by less than 0.005. Recall counts answers by
    their true similarity. Codes of product quantisation with re-ranking (IVF-PQ 32 x 4 bits, the best four in
    one re-ranked from eight bits) were smaller still in what they scan, but reached recall@100 of 0.75 where
    this reaches 0.98, of a million vectors of 64 columns, and together took more room.
    """

    kind = "quantised"

    def _empty(self, quantizer: Any, width: int, cells: int) -> Any:
        eight_bits = faiss.ScalarQuantizer.QT_8bit
        return faiss.IndexIVFScalarQuantizer(quantizer, width, cells, eight_bits, faiss.METRIC_INNER_PRODUCT, True)

    def _advice(self) -> str:
        return "Use the inverted or the exact index if memory allows (raise memory_limit_gb), or lower min_recall."


def n_cells(n_vectors: int) -> int:
    """Return how many cells so many vectors are cut into: four times the square root, if cells stay large enough.

    >>> n_cells(100), n_cells(10_000), n_cells(1_000_000)
    (2, 250, 4000)
    """
    return max(1, min(round(4 * np.sqrt(n_vectors)), n_vectors // _PER_CELL))
