"""Of large bases and seeds a sample is measured: the same customers however they stand, with their own weights."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pipeline.lookalike.population import Base, joined
from pipeline.lookalike.ranked import COMPARED_ON, REACH_ON, _Part, measured_rows

N = 14_000


def base(order: np.ndarray) -> Base:
    one = np.ones((N, 1), dtype=np.float32)
    return Base(np.array([f"c{place:05d}" for place in order]), sp.csr_matrix(one), one, np.array(["x"]))


def test_a_sample_of_the_seed_and_of_the_others_by_the_id_alone() -> None:
    rising = base(np.arange(N))
    turned = base(np.arange(N)[::-1])
    seed = np.arange(N) % 5 == 0  # 2,800
    rows = measured_rows(rising, seed, 0)
    assert (seed[rows].sum(), (~seed[rows]).sum()) == COMPARED_ON
    other = measured_rows(turned, seed[::-1], 0)
    assert set(rising.ids[rows]) == set(turned.ids[other])
    assert len(measured_rows(rising, seed, 0, REACH_ON)) == N  # small enough to be measured whole
    assert set(rising.ids[measured_rows(rising, seed, 1)]) != set(rising.ids[rows])


def test_members_keep_their_own_weights() -> None:
    whole, seed = base(np.arange(N)), np.arange(N) % 5 == 0
    weights = np.flatnonzero(seed).astype(np.float64)
    rows = measured_rows(whole, seed, 0)
    part = _Part.of(whole, seed, weights, ~seed, rows)
    assert part.weights is not None
    assert part.weights.tolist() == rows[part.seed].tolist()


def test_parts_of_a_base_are_one_sorted_base() -> None:
    whole = base(np.arange(N))
    odd = np.arange(N) % 2 == 1
    again = joined([whole.rows(odd), whole.rows(~odd)])
    assert again.ids.tolist() == whole.ids.tolist()
    assert (again.X != whole.X).nnz == 0
