"""The behaviour encoder keeps the laws of estimators and weighs as the textbook says."""

from __future__ import annotations

import math
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.features.encoder import BehaviourEncoder

COUNTS = sp.csr_matrix(np.array([[1.0, 0, 2, 0], [0, 1, 1, 0], [3, 0, 1, 0], [0, 0, 0, 0], [0, 5, 0, 0]]))
WORDS = np.array(["a", "b", "c", "d"])


@parametrize_with_checks([BehaviourEncoder(dimensions=2)])
def test_the_laws_of_estimators(estimator, check) -> None:
    check(estimator)


def random_counts(seed: int, n: int = 80, tokens: int = 30) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    return sp.csr_matrix(rng.poisson(0.3 + 2 * (rng.random((n, 1)) < 0.5) * (np.arange(tokens) < 10)).astype(float))


def test_weights_equal_a_hand_calculation() -> None:
    encoder = BehaviourEncoder(WORDS, dimensions=2).fit(COUNTS)
    # Of five customers two met a, two b, three c and nobody d: idf = ln((1 + 5) / (1 + df)) + 1.
    idf = {"a": math.log(6 / 3) + 1, "b": math.log(6 / 3) + 1, "c": math.log(6 / 4) + 1}

    def saturated(count: int, n_tokens: int) -> float:
        """BM25 with k = 1.2 and b = 0.75; the customers met 3 + 2 + 4 + 0 + 5 tokens, 2.8 on average."""
        return count * 2.2 / (count + 1.2 * (0.25 + 0.75 * n_tokens / 2.8))

    first = np.array([saturated(1, 3) * idf["a"], 0, saturated(2, 3) * idf["c"], 0])
    third = np.array([saturated(3, 4) * idf["a"], 0, saturated(1, 4) * idf["c"], 0])
    found = encoder.weigh(COUNTS).toarray()
    np.testing.assert_allclose(found[0], first / np.linalg.norm(first), rtol=1e-12)
    np.testing.assert_allclose(found[2], third / np.linalg.norm(third), rtol=1e-12)
    np.testing.assert_array_equal(found[3], 0)
    np.testing.assert_array_equal(found[4], [0, 1, 0, 0])


def test_vectors_are_the_projection_on_the_leading_singular_vectors() -> None:
    counts = random_counts(0)
    encoder = BehaviourEncoder(dimensions=3).fit(counts)
    weighted = encoder.weigh(counts).toarray()
    _, values, rows = np.linalg.svd(weighted, full_matrices=False)
    exact = weighted @ rows[:3].T
    found = encoder.transform(counts)
    assert found.shape == (80, 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0)[0], values[0], rtol=1e-6)
    np.testing.assert_allclose(np.abs(found[:, 0]), np.abs(exact[:, 0]), atol=1e-3)
    np.testing.assert_array_equal(found, encoder.project(encoder.weigh(counts)))


def test_one_customer_gets_the_vector_that_it_gets_among_all() -> None:
    counts = random_counts(1)
    encoder = BehaviourEncoder(dimensions=8).fit(counts)
    single = np.vstack([encoder.transform(counts[row]) for row in range(counts.shape[0])])
    np.testing.assert_array_equal(single, encoder.transform(counts))


def test_no_behaviour_is_a_row_of_zeros() -> None:
    encoder = BehaviourEncoder(dimensions=2).fit(COUNTS)
    np.testing.assert_array_equal(encoder.transform(sp.csr_matrix((2, 4))), 0)


def test_saved_and_loaded_it_gives_the_same_vectors(tmp_path: Path) -> None:
    encoder = BehaviourEncoder(WORDS, dimensions=2).fit(COUNTS)
    joblib.dump(encoder, tmp_path / "encoder.joblib")
    loaded = joblib.load(tmp_path / "encoder.joblib")
    np.testing.assert_array_equal(loaded.transform(COUNTS), encoder.transform(COUNTS))
    assert loaded.fingerprint_ == encoder.fingerprint_
    assert loaded.vocabulary.tolist() == WORDS.tolist()


def test_the_same_seed_gives_the_same_bits_and_a_second_fit_forgets_the_first() -> None:
    counts = random_counts(2)
    one, other = BehaviourEncoder(dimensions=5, random_state=3), BehaviourEncoder(dimensions=5, random_state=3)
    one.fit(random_counts(9, tokens=12))
    np.testing.assert_array_equal(one.fit(counts).transform(counts), other.fit(counts).transform(counts))
    assert one.fingerprint_ == other.fingerprint_


def test_the_fingerprint_changes_with_vocabulary_weights_and_components() -> None:
    def of(words: object, counts: sp.csr_matrix, dimensions: int = 2) -> str:
        return BehaviourEncoder(words, dimensions).fit(counts).fingerprint_

    renamed = np.array(["a", "b", "c", "e"])
    first = of(WORDS, COUNTS)
    assert first == of(list(WORDS), COUNTS)
    assert len({first, of(renamed, COUNTS), of(None, COUNTS), of(WORDS, COUNTS[:4]), of(WORDS, COUNTS, 3)}) == 5


@pytest.mark.parametrize(("asked", "kept"), [(64, 3), (3, 3), (2, 2)])
def test_no_more_dimensions_are_kept_than_tokens_and_customers_allow(asked: int, kept: int) -> None:
    encoder = BehaviourEncoder(dimensions=asked).fit(COUNTS)
    assert encoder.dimensions_ == kept
    assert encoder.transform(COUNTS).shape == (5, kept)
    assert BehaviourEncoder(dimensions=asked).fit(COUNTS[:2]).dimensions_ == 1


def test_a_copy_keeps_the_vocabulary_and_an_unfitted_one_refuses() -> None:
    copy = clone(BehaviourEncoder(WORDS))
    assert copy.vocabulary.tolist() == WORDS.tolist()
    for use in (copy.weigh, copy.transform, copy.project):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            use(COUNTS)


def test_another_number_of_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="X has 3 features, but BehaviourEncoder is expecting 4 features"):
        BehaviourEncoder(dimensions=2).fit(COUNTS).transform(COUNTS[:, :3])
