import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.features.weighting import BM25

COUNTS = np.array([[3.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])


@parametrize_with_checks([BM25()])
def test_follows_scikit_learn(estimator, check):
    check(estimator)


def test_weights_are_those_of_a_hand_calculation():
    # Tokens per customer 4, 2, 0, on average 2; met by 1, 1 and 2 of three customers.
    idf = np.log([4 / 2, 4 / 2, 4 / 3]) + 1
    long, short = 1.2 * (0.25 + 0.75 * 2), 1.2 * (0.25 + 0.75 * 1)
    first = np.array([3 * 2.2 / (3 + long), 0, 2.2 / (1 + long)]) * idf
    second = np.array([0, 2.2 / (1 + short), 2.2 / (1 + short)]) * idf
    expected = [first / np.linalg.norm(first), second / np.linalg.norm(second), np.zeros(3)]
    np.testing.assert_allclose(BM25().fit(COUNTS).transform(COUNTS).toarray(), expected)


def test_others_are_weighed_by_what_was_learnt_and_the_counts_are_left_as_they_are():
    given = sparse.csr_matrix(COUNTS)
    model = BM25().fit(given)
    alone = model.transform(given[:1]).toarray()
    np.testing.assert_allclose(alone, model.transform(given).toarray()[:1])
    np.testing.assert_array_equal(given.toarray(), COUNTS)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="Negative values in data passed to BM25"):
        BM25().fit(-COUNTS)
