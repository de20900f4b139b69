"""The exact index against a plain matrix product."""

from __future__ import annotations

import numpy as np

from pipeline.lookalike.index import ExactIndex


def test_exact_answers_are_those_of_a_plain_matrix_product():
    rng = np.random.default_rng(1)
    data, queries = (rng.normal(size=(n, 16)).astype(np.float32) for n in (500, 40))
    ids = np.array([f"r{i:03d}" for i in range(500)])
    cosine = (queries / np.linalg.norm(queries, axis=1)[:, None]) @ (data / np.linalg.norm(data, axis=1)[:, None]).T
    found, scores = ExactIndex().fit(data, ids).search(queries, k=11)
    np.testing.assert_array_equal(found, ids[np.argsort(-cosine, axis=1)[:, :11]])
    np.testing.assert_allclose(scores, -np.sort(-cosine, axis=1)[:, :11], atol=2e-6)
