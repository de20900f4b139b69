"""Behaviour vectors as the search wants them: finite, of length one, one per customer, in the order of the ids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError

Floats = NDArray[np.float32]
Ids = NDArray[np.str_]
Rows = NDArray[np.int64]

_CHECKED = 262_144  # rows looked at together: 64 MB at 64 columns
_SCALED = 8_192  # rows scaled together: their doubles stay in the cache


class UnitRows:
    """Vectors of length one, made from the given table as they are asked for.

    The table may be a memory map that is larger than the memory: nothing here holds more than what is asked.

    Parameters
    ----------
    vectors
        (n, d), any float type. A zero row stays zero.
    order
        Positions in `vectors`, (m,): row i of this object is `vectors[order[i]]`.
    """

    def __init__(self, vectors: Floats, order: Rows) -> None:
        self._vectors = vectors
        self._order = order
        self.width = int(vectors.shape[1])
        self._in_place = len(order) == len(vectors) and bool((np.diff(order) == 1).all())

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, rows: slice | Rows) -> Floats:
        """Return some rows scaled to length one, float32."""
        return _scaled(self._vectors[rows if self._in_place else self._order[rows]])

    def of(self, rows: Rows) -> UnitRows:
        """Return the same kind of object over some of the rows."""
        return UnitRows(self._vectors, self._order[rows])

    def blocks(self, size: int = 65_536) -> Iterator[tuple[int, Floats]]:
        """Yield start and scaled rows of all blocks of at most `size`."""
        for start in range(0, len(self), size):
            yield start, self[start : start + size]


def unit_vectors(vectors: Floats, what: str, allow_empty: bool = False) -> Floats:
    """Return the rows scaled to length one, float32 (n, d); a zero row stays zero.

    Raises
    ------
    DataError
        Not a table of finite numbers, or empty.
    """
    return _scaled(checked_vectors(vectors, what, allow_empty))


def checked_vectors(vectors: Floats, what: str, allow_empty: bool = False) -> Floats:
    """Return the vectors (n, d) as they are; DataError if they are no table of finite numbers, or empty."""
    table = np.asanyarray(vectors)  # a memory map stays one
    if table.ndim != 2 or table.shape[1] == 0 or (len(table) == 0 and not allow_empty):
        raise DataError(f"look-alike {what}: shape is {table.shape}; needed are rows of at least one column, (n, d).")
    bad = [
        start + np.flatnonzero(~np.isfinite(table[start : start + _CHECKED]).all(axis=1))
        for start in range(0, len(table), _CHECKED)
    ]
    wrong = np.concatenate(bad) if bad else np.empty(0, dtype=np.int64)
    if len(wrong):
        raise DataError(
            f"look-alike {what}: {len(wrong)} of {len(table)} rows hold NaN or infinite values "
            f"(first: row {wrong[0]}). Every value must be finite; no behaviour is a row of zeros."
        )
    return table


def sorted_ids(ids: Ids, expected: int) -> tuple[Ids, Rows]:
    """Return the ids as text in their order, (expected,), and the positions where each stood.

    Raises
    ------
    DataError
        They are more or fewer than expected, or repeat.
    """
    names = np.asarray(ids).astype(np.str_)
    if names.shape != (expected,):
        raise DataError(f"look-alike vectors: {expected} rows, but ids of shape {names.shape}.")
    order = np.arange(expected)
    if (names[:-1] > names[1:]).any():
        order = np.argsort(names, kind="stable")
        names = names[order]
    repeated = np.unique(names[1:][names[1:] == names[:-1]])
    if len(repeated):
        raise DataError(
            f"look-alike vectors: {len(repeated)} ids occur more than once (e.g. '{repeated[0]}'). "
            "One row per customer."
        )
    return names, order


def _scaled(table: Floats) -> Floats:
    result = np.empty(table.shape, dtype=np.float32)
    for start in range(0, len(table), _SCALED):
        rows = np.asarray(table[start : start + _SCALED], dtype=np.float64)
        # Divided by the largest entry first: the square of a very small or large one leaves the float range.
        largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
        rows = rows / np.where(largest > 0, largest, 1.0)
        length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
        result[start : start + _SCALED] = rows / np.where(length > 0, length, 1.0)
    result += np.float32(0.0)  # -0.0 becomes 0.0: vectors that are equal have equal bytes
    return result
