"""Nearest-neighbour search over behaviour vectors: one contract, an exact and an approximate index.

Similarity is the cosine: inner products of vectors scaled to length one, in [-1, 1]. Rows are kept in
the order of their ids, so an index, its file and its answers do not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import faiss as _typed_faiss
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.index_file import read_index, write_index
from pipeline.lookalike.vectors import Floats, Ids, checked_ids, unit_vectors

# FAISS ships types of its C++ constructors, not of the Python ones that replace them when it is loaded.
faiss: Any = _typed_faiss

# FAISS sums in another order for one query than for a block, which moves the seventh decimal. Scores are
# rounded before they are compared, so that equal vectors tie instead of taking turns.
SCORE_DECIMALS = 6
_BLOCK_CELLS = 4_000_000  # results held at once while searching: 50 MB


@runtime_checkable
class VectorIndex(Protocol):
    """What every index does; `tests/lookalike/test_index.py` is the contract in full."""

    def fit(self, vectors: Floats, ids: Ids) -> Self:
        """Forget what was there and hold `vectors` (n, d), known as `ids` (n,)."""

    def search(self, queries: Floats, k: int, exclude: Collection[str] | None = None) -> tuple[Ids, Floats]:
        """Return ids and cosine similarities, both (m, k), of the `k` nearest of each query, best first."""

    def save(self, path: Path | str) -> None:
        """Write the index to one file, whole or not at all."""

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read an index that `save` wrote."""


class _FaissIndex:
    """What the two indexes share: checks, total order of answers, and the file."""

    kind: str

    def fit(self, vectors: Floats, ids: Ids) -> Self:
        """Forget what was there and hold `vectors` (n, d), known as `ids` (n,).

        Vectors need not have length one. A zero vector (a customer without behaviour) is allowed: its
        similarity to everything is 0.

        Raises
        ------
        DataError
            No vectors, values that are not finite, ids that repeat or do not fit the vectors.
        """
        unit = unit_vectors(vectors, "vectors")
        names = checked_ids(ids, len(unit))
        order = np.argsort(names, kind="stable")
        self.ids_, unit = names[order], unit[order]
        with _one_thread():
            self._index = self._build(unit)
        self._after_build(unit)
        return self

    def search(self, queries: Floats, k: int, exclude: Collection[str] | None = None) -> tuple[Ids, Floats]:
        """Return ids and cosine similarities, both (m, k), of the `k` nearest of each query, best first.

        Parameters
        ----------
        queries
            (m, d), same width as the vectors. A zero query is similar to nothing: all its scores are 0.
        k
            1 to the number of vectors that are not excluded.
        exclude
            Ids never to return. Ids that the index does not hold are ignored.

        Returns
        -------
        ids, scores
            Scores are rounded to 6 decimals and fall along each row; equal scores stand in the order of
            their ids.

        Raises
        ------
        DataError
            Queries of another width or not finite; `k` out of range.
        ModelError
            The index has not been fitted.
        """
        self._check_fitted()
        unit = unit_vectors(queries, "queries", allow_empty=True)
        if unit.shape[1] != self._index.d:
            raise DataError(
                f"look-alike search: queries have {unit.shape[1]} columns, the index holds vectors of "
                f"{self._index.d}. Use queries and vectors of the same snapshot."
            )
        allowed = np.ones(len(self.ids_), dtype=bool)
        if exclude is not None and len(exclude):
            allowed = ~np.isin(self.ids_, np.asarray(list(exclude), dtype=np.str_))
        available = int(allowed.sum())
        if not 1 <= k <= available:
            raise DataError(
                f"look-alike search: k={k}, but {available} of {len(self.ids_)} vectors may be returned "
                f"({len(self.ids_) - available} excluded). k must be from 1 to {available}."
            )
        with _one_thread():
            positions, scores = self._nearest(unit, k, allowed)
        return self.ids_[positions], scores

    def save(self, path: Path | str) -> None:
        """Write the index to one file (an `.npz` archive with checksums), whole or not at all."""
        self._check_fitted()
        write_index(Path(path), {"kind": self.kind, **self._settings()}, self.ids_, self._index)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read an index that `save` wrote.

        Raises
        ------
        ModelError
            The file is missing, damaged, or holds an index of another kind.
        """
        header, ids, index = read_index(Path(path))
        if header["kind"] != cls.kind:
            raise ModelError(
                f"{path}: holds an index of kind '{header['kind']}', expected '{cls.kind}'. `load_index` reads either."
            )
        loaded = cls._from_settings(header)
        loaded.ids_, loaded._index = ids, index
        return loaded

    def _nearest(self, unit: Floats, k: int, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Floats]:
        """Positions and scores (m, k) in the total order (score down, position up)."""
        positions = np.empty((len(unit), k), dtype=np.int64)
        scores = np.zeros((len(unit), k), dtype=np.float32)
        silent = ~unit.any(axis=1)
        positions[silent] = np.flatnonzero(allowed)[:k]
        available, todo = int(allowed.sum()), np.flatnonzero(~silent)
        fetch, everywhere = min(available, k + 16), False
        while len(todo):
            undecided = []
            for rows in np.array_split(todo, max(1, -(-len(todo) * fetch // _BLOCK_CELLS))):
                found, similarity = self._search_faiss(unit[rows], fetch, allowed, everywhere)
                missing = found < 0  # FAISS gives position -1 and a huge negative score
                similarity = np.clip(np.round(np.where(missing, -1, similarity), SCORE_DECIMALS), -1, 1)
                similarity += np.float32(0.0)  # -0.0 becomes 0.0
                # A row may have come back short of answers, or with a tie that runs past what was fetched.
                short = missing.any(axis=1)
                tied = similarity[:, -1] == similarity[:, k - 1]
                order = np.lexsort((found, -similarity), axis=1)[:, :k]
                positions[rows] = np.take_along_axis(found, order, axis=1)
                scores[rows] = np.take_along_axis(similarity, order, axis=1)
                undecided.append(rows[short | (tied & (fetch < available))])
            todo = np.concatenate(undecided)
            fetch, everywhere = min(available, fetch * 4), True
        return positions, scores

    def _search_faiss(
        self, unit: Floats, fetch: int, allowed: NDArray[np.bool_], everywhere: bool
    ) -> tuple[NDArray[np.int64], Floats]:
        selector = None
        if not allowed.all():
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        scores, positions = self._index.search(unit, fetch, params=self._parameters(selector, fetch, everywhere))
        return positions, scores

    def _check_fitted(self) -> None:
        if not hasattr(self, "_index"):
            raise ModelError(f"{type(self).__name__} holds no vectors yet: call fit or load first.")

    def _build(self, unit: Floats) -> Any:
        raise NotImplementedError

    def _after_build(self, unit: Floats) -> None:
        """Judge the finished index; the exact one needs no judging."""

    def _parameters(self, selector: Any, fetch: int, everywhere: bool) -> Any:
        raise NotImplementedError

    def _settings(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any]) -> Self:
        return cls()


class ExactIndex(_FaissIndex):
    """Compares each query with every vector: the right answer, at a cost of n * d per query.

    Examples
    --------
    >>> import numpy as np
    >>> index = ExactIndex().fit(np.array([[1, 0], [0, 1], [3, 3]], dtype=np.float32), np.array(list("abc")))
    >>> ids, scores = index.search(np.array([[2, 0]], dtype=np.float32), k=2)
    >>> ids.tolist(), scores.round(3).tolist()
    ([['a', 'c']], [[1.0, 0.7070000171661377]])
    """

    kind = "exact"

    def _build(self, unit: Floats) -> Any:
        index = faiss.IndexFlatIP(unit.shape[1])
        index.add(unit)
        return index

    def _parameters(self, selector: Any, fetch: int, everywhere: bool) -> Any:
        return faiss.SearchParameters(sel=selector)


class ApproximateIndex(_FaissIndex):
    """Compares each query only with the vectors of the nearest cells of a k-means partition (IVF).

    An inverted file is built in seconds where a graph index takes many minutes on one core, is
    reproducible, and has one dial: `probes`, the number of cells looked into. Fitting turns the dial up
    until the measured recall is reached.

    Parameters
    ----------
    min_recall
        In [0, 1]. Fitting fails below it.
    probes
        Cells to look into. None: the smallest power of two that reaches `min_recall`, up to half of all
        cells (beyond which the exact index is as fast).
    recall_at
        k of the recall that is measured.
    sample
        Number of vectors that are used as queries when recall is measured.
    seed
        Of the k-means start and of the sample.

    Attributes
    ----------
    recall_ : float
        Share of the `recall_at` answers that are as near as the exact k-th neighbour, mean over the
        sample. An answer equally near counts (Aumüller, Bernhardsson & Faithfull 2020, ANN-Benchmarks,
        Information Systems 87, section 3.6), so that duplicates are not held against the index.
    probes_ : int
        Cells looked into per query.
    """

    kind = "approximate"

    def __init__(
        self,
        min_recall: float = 0.95,
        probes: int | None = None,
        recall_at: int = 10,
        sample: int = 500,
        seed: int = 0,
    ) -> None:
        self.min_recall = min_recall
        self.probes = probes
        self.recall_at = recall_at
        self.sample = sample
        self.seed = seed

    def _build(self, unit: Floats) -> Any:
        cells = max(1, round(np.sqrt(len(unit))))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(unit.shape[1]), unit.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = self.seed + 1  # FAISS reads 0 as any other, but -1 as "from the clock"
        index.cp.spherical = True
        index.cp.niter = 10
        index.cp.min_points_per_centroid = 1  # otherwise FAISS prints a warning past Python's reach
        index.train(unit)
        index.add(unit)
        return index

    def _after_build(self, unit: Floats) -> None:
        rows = np.random.default_rng(self.seed).permutation(len(unit))[: self.sample]
        k = min(self.recall_at, len(unit))
        exact = ExactIndex().fit(unit, self.ids_)
        kth = exact.search(unit[rows], k)[1][:, -1:]
        most = max(1, self._index.nlist // 2)
        steps = [2**power for power in range(most.bit_length()) if 2**power < most]
        for probes in [self.probes] if self.probes else [*steps, most]:
            self.probes_ = probes
            self.recall_ = float((self.search(unit[rows], k)[1] >= kth - 2e-6).mean())
            if self.recall_ >= self.min_recall:
                return
        measured, tried = self.recall_, self.probes_
        del self._index
        raise ModelError(
            f"approximate index of {len(unit)} vectors: recall@{k} is {measured:.3f} with {tried} cells "
            f"looked into, required is {self.min_recall:.3f}. Use the exact index (raise exact_up_to) or "
            "lower min_recall."
        )

    def _parameters(self, selector: Any, fetch: int, everywhere: bool) -> Any:
        # Recall was measured for few answers: looking for many, look into cells that hold four times as many.
        cells = self._index.nlist
        probes = cells if everywhere else max(self.probes_, 4 * fetch * cells // len(self.ids_))
        return faiss.SearchParametersIVF(sel=selector, nprobe=min(cells, probes))

    def _settings(self) -> dict[str, Any]:
        return {
            "min_recall": self.min_recall,
            "probes": self.probes,
            "recall_at": self.recall_at,
            "sample": self.sample,
            "seed": self.seed,
            "probes_": self.probes_,
            "recall_": self.recall_,
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any]) -> Self:
        names = ("min_recall", "probes", "recall_at", "sample", "seed")
        index = cls(**{name: settings[name] for name in names})
        index.probes_, index.recall_ = settings["probes_"], settings["recall_"]
        return index


def build_index(
    vectors: Floats, ids: Ids, exact_up_to: int = 200_000, min_recall: float = 0.95, seed: int = 0
) -> ExactIndex | ApproximateIndex:
    """Return a fitted index: exact up to `exact_up_to` vectors, approximate above.

    Raises
    ------
    DataError
        See `ExactIndex.fit`.
    ModelError
        The approximate index misses `min_recall`.
    """
    if len(vectors) <= exact_up_to:
        return ExactIndex().fit(vectors, ids)
    return ApproximateIndex(min_recall=min_recall, seed=seed).fit(vectors, ids)


def load_index(path: Path | str) -> ExactIndex | ApproximateIndex:
    """Return the index that `save` wrote to `path`, of whichever kind; ModelError as `ExactIndex.load`."""
    header, _, _ = read_index(Path(path))
    return ApproximateIndex.load(path) if header["kind"] == "approximate" else ExactIndex.load(path)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep FAISS on one thread: k-means sums in a fixed order, and buckets run side by side anyway."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
