"""Behaviour vectors as the search wants them: finite, of length one, one per customer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError

Floats = NDArray[np.float32]
Ids = NDArray[np.str_]


def unit_vectors(vectors: Floats, what: str, allow_empty: bool = False) -> Floats:
    """Return the rows scaled to length one, float32 (n, d); a zero row stays zero.

    Raises
    ------
    DataError
        Not a table of finite numbers, or empty.
    """
    table = np.asarray(vectors)
    if table.ndim != 2 or table.shape[1] == 0 or (len(table) == 0 and not allow_empty):
        raise DataError(f"look-alike {what}: shape is {table.shape}; needed are rows of at least one column, (n, d).")
    table = table.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise DataError(
            f"look-alike {what}: {len(bad)} of {len(table)} rows hold NaN or infinite values "
            f"(first: row {bad[0]}). Every value must be finite; no behaviour is a row of zeros."
        )
    # Divided by the largest entry first: the square of a very small or large one leaves the float range.
    largest = np.abs(table).max(axis=1, keepdims=True, initial=0.0)
    table = np.divide(table, largest, out=np.zeros_like(table), where=largest > 0)
    length = np.linalg.norm(table, axis=1, keepdims=True)
    table = np.divide(table, length, out=np.zeros_like(table), where=length > 0)
    return np.ascontiguousarray(table, dtype=np.float32)


def checked_ids(ids: Ids, expected: int) -> Ids:
    """Return the ids as text, (expected,); DataError if they are more or fewer, or repeat."""
    names = np.asarray(ids).astype(np.str_)
    if names.shape != (expected,):
        raise DataError(f"look-alike vectors: {expected} rows, but ids of shape {names.shape}.")
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < expected:
        raise DataError(
            f"look-alike vectors: {int((counts > 1).sum())} ids occur more than once "
            f"(e.g. '{unique[counts > 1][0]}'). One row per customer."
        )
    return names
