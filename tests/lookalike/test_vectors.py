"""Vectors of length one, in another order, from memory or from disk."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.lookalike.vectors import UnitRows, sorted_ids, unit_vectors

ROWS = np.array([[3, 4], [0, 0], [0, -2], [1e-30, 0], [3e38, 3e38]], dtype=np.float32)
UNIT = np.array([[0.6, 0.8], [0, 0], [0, -1], [1, 0], [np.sqrt(0.5), np.sqrt(0.5)]])


def test_rows_have_length_one_whatever_their_size_and_zero_stays_zero():
    found = unit_vectors(ROWS, "vectors")
    np.testing.assert_allclose(found, UNIT, atol=1e-7)
    assert found.dtype == np.float32
    assert not np.signbit(found[unit_vectors(ROWS, "vectors") == 0]).any()


def test_rows_come_in_the_order_asked_for_and_in_blocks(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    for table in (ROWS, np.load(tmp_path / "rows.npy", mmap_mode="r")):
        rows = UnitRows(table, np.array([4, 0, 2, 1, 3]))
        np.testing.assert_allclose(rows[:], UNIT[[4, 0, 2, 1, 3]], atol=1e-7)
        np.testing.assert_allclose(rows[np.array([2, 0])], UNIT[[2, 4]], atol=1e-7)
        np.testing.assert_allclose(rows.of(np.array([1, 4]))[:], UNIT[[0, 3]], atol=1e-7)
        blocks = list(rows.blocks(2))
        assert [start for start, _ in blocks] == [0, 2, 4]
        np.testing.assert_array_equal(np.vstack([block for _, block in blocks]), rows[:])


def test_ids_come_in_order_with_the_places_where_they_stood():
    names, order = sorted_ids(np.array([30, 4, 200]), 3)
    assert names.tolist() == ["200", "30", "4"]
    assert order.tolist() == [2, 0, 1]
    assert sorted_ids(np.array(["a", "b"]), 2)[1].tolist() == [0, 1]
    with pytest.raises(DataError, match=r"2 ids occur more than once \(e.g. 'a'\)"):
        sorted_ids(np.array(["b", "a", "b", "a", "b"]), 5)
