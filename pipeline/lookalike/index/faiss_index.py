"""What all indexes share: checks, the total order of answers, exclusion, erasing, and the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, ModelError
from pipeline.lookalike.index.distinct import Holders, number_vectors
from pipeline.lookalike.index.engine import faiss, threads_for
from pipeline.lookalike.index.file import read_index, write_index
from pipeline.lookalike.vectors import Floats, Ids, Rows, UnitRows, checked_vectors, sorted_ids, unit_vectors

# FAISS sums in another order for one query than for a block, which moves the seventh decimal. Scores are
# rounded before they are compared, so that equal vectors tie instead of taking turns.
SCORE_DECIMALS = 6
_BLOCK_CELLS = 4_000_000  # results held at once while searching: 50 MB


class FaissIndex(ABC):
    """Similarity is the cosine: inner products of vectors scaled to length one, in [-1, 1].

    Rows are kept in the order of their ids, so an index, its file and its answers do not depend on the
    order of the rows. Vectors are read block by block: a memory map may be larger than the memory.

    Attributes
    ----------
    ids_
        Customers held, (n,), in order.
    snapshot_
        Name of the snapshot that the vectors come from, or None.
    """

    kind: str

    def fit(self, vectors: Floats, ids: Ids, snapshot: str | None = None) -> Self:
        """Forget what was there and hold `vectors` (n, d), known as `ids` (n,).

        Vectors need not have length one. A zero vector (a customer without behaviour) is allowed: its
        similarity to everything is 0.

        Raises
        ------
        DataError
            No vectors, values that are not finite, ids that repeat or do not fit the vectors.
        ModelError
            An approximate index misses its recall.
        """
        table = checked_vectors(vectors, "vectors")
        names, order = sorted_ids(ids, len(table))
        unit = UnitRows(table, order)
        numbers, first = number_vectors(unit)
        distinct = unit if len(first) == len(unit) else unit.of(first)
        index = self._built(distinct)
        self.ids_, self.snapshot_ = names, snapshot
        self._hold(index, numbers)
        return self

    def search(self, queries: Floats, k: int, exclude: Collection[str] | None = None) -> tuple[Ids, Floats]:
        """Return ids and cosine similarities, both (m, k), of the `k` nearest of each query, best first.

        Parameters
        ----------
        queries
            (m, d), same width as the vectors. A zero query is similar to nothing: all its scores are 0.
        k
            1 to the number of customers that are not excluded.
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
        rows, scores = self.search_rows(queries, k, exclude)
        return self.ids_[rows], scores

    def search_rows(self, queries: Floats, k: int, exclude: Collection[str] | None = None) -> tuple[Rows, Floats]:
        """Return what `search` does, customers as positions in `ids_`."""
        self._check_fitted()
        unit = unit_vectors(queries, "queries", allow_empty=True)
        if unit.shape[1] != self._index.d:
            raise DataError(
                f"look-alike search: queries have {unit.shape[1]} columns, the index holds vectors of "
                f"{self._index.d}. Use queries and vectors of the same snapshot."
            )
        allowed, holders, available = None, self._holders, len(self.ids_)
        if exclude is not None and len(exclude):
            allowed = ~self._named(exclude)
            available = int(allowed.sum())
            holders = Holders.of(self._numbers, self._index.ntotal, allowed)
        if not 1 <= k <= available:
            raise DataError(
                f"look-alike search: k={k}, but {available} of {len(self.ids_)} vectors may be returned "
                f"({len(self.ids_) - available} excluded). k must be from 1 to {available}."
            )
        return self._nearest(unit, k, allowed, holders)

    def available(self, exclude: Collection[str] = ()) -> int:
        """Return how many customers may be answered when these are excluded."""
        self._check_fitted()
        return len(self.ids_) - int(self._named(exclude).sum())

    def erase(self, ids: Collection[str]) -> int:
        """Forget these customers for good; return how many of them were held. Unknown ids are no error.

        They are gone from all answers, and from `ids_`, at once. Their vectors leave the memory and the
        file with the next `save`: a graph must be built anew for that, which is worth doing once for many.
        """
        self._check_fitted()
        gone = self._named(ids)
        if gone.any():
            self.ids_ = self.ids_[~gone]
            self._hold(self._index, self._numbers[~gone])
        return int(gone.sum())

    def save(self, path: Path | str) -> None:
        """Write the index to one file (a zip archive with checksums), whole or not at all.

        Vectors that belong to no customer any more, because all who had them were erased, are removed first.

        Raises
        ------
        ModelError
            The index is not fitted, or no longer reaches its recall without the erased vectors.
        DataError
            The disk is full or does not let itself be written.
        """
        self._check_fitted()
        self._purge()
        header = {"kind": self.kind, "snapshot": self.snapshot_, **self._settings()}
        write_index(Path(path), header, self.ids_, self._numbers, self._index)

    @classmethod
    def load(cls, path: Path | str, expect: str | None = None) -> Self:
        """Read an index that `save` wrote.

        Raises
        ------
        ModelError
            The file is missing, damaged, holds an index of another kind, or one of another snapshot than
            the one in `expect`.
        """
        header, ids, numbers, index = read_index(Path(path), expect)
        if header["kind"] != cls.kind:
            raise ModelError(
                f"{path}: holds an index of kind '{header['kind']}', expected '{cls.kind}'. `load_index` reads any."
            )
        return cls._restored(header, ids, numbers, index)

    @classmethod
    def _restored(cls, header: dict[str, Any], ids: Ids, numbers: NDArray[np.int32], index: Any) -> Self:
        loaded = cls._from_settings(header)
        loaded.ids_, loaded.snapshot_ = ids, header["snapshot"]
        loaded._hold(index, numbers)
        return loaded

    def _named(self, ids: Collection[str]) -> NDArray[np.bool_]:
        """Tell of each customer, (n,), whether it is among these."""
        named = np.zeros(len(self.ids_), dtype=bool)
        wanted = np.asarray(list(ids), dtype=np.str_)
        place = np.searchsorted(self.ids_, wanted)
        held = place < len(self.ids_)
        held[held] = self.ids_[place[held]] == wanted[held]
        named[place[held]] = True
        return named

    def _hold(self, index: Any, numbers: NDArray[np.int32]) -> None:
        """Take a FAISS index and the number of each customer's vector in it, -1 for the zero vector."""
        self._index, self._numbers = index, numbers
        self._holders = Holders.of(numbers, index.ntotal)

    def _purge(self) -> None:
        alive = self._holders.counts > 0
        if not alive.all():
            renumbered = np.where(self._numbers < 0, -1, (np.cumsum(alive) - 1)[self._numbers]).astype(np.int32)
            self._hold(self._without(np.flatnonzero(alive)), renumbered)

    def _nearest(
        self, unit: Floats, k: int, allowed: NDArray[np.bool_] | None, holders: Holders
    ) -> tuple[Rows, Floats]:
        """Positions and scores (m, k) in the total order (score down, position up)."""
        positions = np.empty((len(unit), k), dtype=np.int64)
        scores = np.zeros((len(unit), k), dtype=np.float32)
        quiet = ~unit.any(axis=1)
        positions[quiet] = (np.arange(k) if allowed is None else np.flatnonzero(allowed)[:k])[None, :]
        vectors = holders.counts > 0
        available, todo = int(vectors.sum()), np.flatnonzero(~quiet)
        fetch, everywhere = min(available, k + 16), available == 0
        while len(todo):
            undecided = []
            for rows in np.array_split(todo, max(1, -(-len(todo) * max(fetch, k) // _BLOCK_CELLS))):
                found, similarity = self._search_vectors(unit[rows], fetch, vectors, everywhere)
                missing = found < 0  # FAISS gives position -1 and a huge negative score
                similarity = np.clip(np.round(np.where(missing, -1, similarity), SCORE_DECIMALS), -1, 1)
                similarity += np.float32(0.0)  # -0.0 becomes 0.0
                positions[rows], scores[rows], short = holders.nearest(found, similarity, k)
                # A row may have come back short of answers, or with a tie that runs past what was fetched.
                short |= missing.any(axis=1)
                tied = similarity[:, -1] >= scores[rows, -1] if 0 < fetch < available else np.zeros(len(rows), bool)
                undecided.append(rows[(short & (not everywhere)) | tied])
            todo = np.concatenate(undecided)
            fetch, everywhere = min(available, fetch * 4), True
        return positions, scores

    def _search_vectors(
        self, unit: Floats, fetch: int, vectors: NDArray[np.bool_], everywhere: bool
    ) -> tuple[Rows, Floats]:
        """Return numbers of vectors (-1: none) and similarities, (m, fetch), among those that may be returned."""
        if fetch == 0:
            return np.empty((len(unit), 0), dtype=np.int64), np.empty((len(unit), 0), dtype=np.float32)
        selector = None
        if not vectors.all():
            bits = np.packbits(vectors, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        available = int(vectors.sum())
        with threads_for(float(len(unit)) * available * unit.shape[1]):
            scores, found = self._search_faiss(self._index, unit, fetch, selector, available, everywhere)
        return found, scores

    def _check_fitted(self) -> None:
        if not hasattr(self, "_index"):
            raise ModelError(f"{type(self).__name__} holds no vectors yet: call fit or load first.")

    @abstractmethod
    def _built(self, unit: UnitRows) -> Any:
        """Return a FAISS index of the vectors, judged where it is approximate."""

    @abstractmethod
    def _without(self, kept: Rows) -> Any:
        """Return a FAISS index of these vectors alone, as it is written; the one at hand may be used up."""

    @abstractmethod
    def _search_faiss(
        self, index: Any, unit: Floats, fetch: int, selector: Any, available: int, everywhere: bool
    ) -> tuple[Floats, Rows]:
        """Return similarities and numbers of vectors, (m, fetch); `everywhere`: look at all vectors."""

    def _settings(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any]) -> Self:
        return cls()


def flat_index(unit: UnitRows) -> Any:
    """Return a FAISS index that holds the vectors as they are; its room is taken once, not by doubling."""
    index = faiss.IndexFlatIP(unit.width)
    if len(unit):
        index.codes.resize(4 * len(unit) * unit.width)
        room = stored_vectors(index, len(unit))
        for start, rows in unit.blocks():
            room[start : start + len(rows)] = rows
        index.ntotal = len(unit)
    return index


def stored_vectors(index: Any, n: int) -> Floats:
    """Return the vectors of a flat FAISS index, (n, d), as they lie in its memory."""
    if n == 0:
        return np.empty((0, index.d), dtype=np.float32)
    own: Floats = faiss.rev_swig_ptr(index.codes.data(), 4 * n * index.d).view(np.float32).reshape(n, index.d)
    return own
