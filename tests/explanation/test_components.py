"""What a component contributes goes to the tokens it is made of, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.explanation.components import to_tokens
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.weighting import BM25
from pipeline.model.blended import BlendedClassifier
from pipeline.model.boosting import DenseBoosting
from pipeline.model.linear import SparseLogistic
from pipeline.model.log_count_ratio import LogCountRatio
from pipeline.model.token_boosting import TokenBoosting
from pipeline.model.vector_ridge import VectorRidge


def by_hand(pushes: np.ndarray, matrix: FeatureMatrix) -> np.ndarray:
    """Return the same, customer by customer and component by component, in plain loops."""
    n_dense, d = matrix.n_dense, len(matrix.loadings)
    found = pushes.copy()
    for row, weights in enumerate(matrix.X[:, n_dense:].toarray()):
        for c, loading in enumerate(matrix.loadings):
            pulls = weights * loading
            towards = np.maximum(pulls * (1 if pulls.sum() >= 0 else -1), 0)
            if towards.sum() > 0:
                found[row, n_dense - d + c] = 0.0
                found[row, n_dense:] += pushes[row, n_dense - d + c] * towards / towards.sum()
    return found


def test_equals_the_definition_in_plain_loops(customers):
    matrix = customers(n=600)  # more than are worked on at a time
    pushes = np.random.default_rng(1).normal(size=matrix.X.shape) * (matrix.X.toarray() != 0)
    found = to_tokens(sp.csr_array(pushes), matrix).toarray()
    np.testing.assert_allclose(found, by_hand(pushes, matrix), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), pushes.sum(axis=1), atol=1e-10)


def test_a_component_of_one_token_is_that_token_whatever_its_sign():
    loadings = np.array([[0.0, -2.0]])
    X = sp.csr_matrix([[-1.0, 0.5, 0.5], [0.0, 0.7, 0.0]])
    matrix = FeatureMatrix(
        np.array(["a", "b"]), X, np.array(["vector__000", "l__f=x", "l__f=y"]), 1, X[:, :1].toarray(), None, loadings
    )
    found = to_tokens(np.array([[3.0, 0.0, 0.0], [0.4, 0.0, 0.0]]), matrix).toarray()
    # The second customer has no token of the component, so the component keeps what it contributes.
    np.testing.assert_array_equal(found, [[0.0, 0.0, 3.0], [0.4, 0.0, 0.0]])


def test_without_loadings_nothing_is_handed_on(customers):
    matrix = replace(customers(), loadings=None)
    pushes = sp.csr_array(matrix.X)
    assert abs(to_tokens(pushes, matrix) - pushes).sum() == 0


@pytest.mark.parametrize("hidden", [slice(-1, None), slice(2, 3), slice(2, 5)], ids=["token", "component", "vector"])
def test_hiding_a_token_or_the_vector_drops_its_loadings(customers, hidden):
    matrix = customers()
    columns = np.ones(len(matrix.names), dtype=bool)
    assert matrix.select(columns).loadings is matrix.loadings
    columns[0] = False  # an aggregate is no part of the vector
    assert matrix.select(columns).loadings is matrix.loadings
    columns[hidden] = False
    assert matrix.select(columns).loadings is None


def test_counts_are_weighed_before_a_component_is_handed_to_them():
    counts = np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    weights = BM25().fit(counts)
    loadings = np.array([[1.0, 1.0]])
    vector = weights.transform(counts).toarray() @ loadings.T
    X = sp.csr_matrix(np.hstack([vector, counts]))
    names = np.array(["vector__000", "l__f=x", "l__f=y"])
    matrix = FeatureMatrix(np.array(["a", "b", "c"]), X, names, 1, vector, None, loadings, weights)
    pushes = sp.csr_array(np.hstack([vector, np.zeros((3, 2))]))
    expected = np.hstack([np.zeros((3, 1)), weights.transform(counts).toarray()])
    np.testing.assert_allclose(to_tokens(pushes, matrix).toarray(), expected, atol=1e-12)


@pytest.mark.parametrize(
    "members",
    [
        {"linear": SparseLogistic(), "presence": LogCountRatio(), "trees": TokenBoosting(least_tokens=4)},
        {"trees": DenseBoosting(), "vectors": VectorRidge()},
    ],
)
def test_contributions_and_a_constant_are_the_score_of_a_blend_before_and_after(customers, members):
    matrix = customers()
    X, n_dense = matrix.X, matrix.n_dense
    noise = np.random.default_rng(2).normal(size=X.shape[0])  # or probabilities come near 0 and 1, and are cut off
    y = (X[:, n_dense].toarray().ravel() + np.log1p(X[:, 0].toarray().ravel()) / 3 + noise > 1.3).astype(int)
    model = BlendedClassifier(members, n_dense=n_dense, n_vector=matrix.n_vector, folds=3).fit(X, y)
    assert (model.weights_ > 0.05).all()  # each member has its part in what follows
    pushes = model.contributions(X, 1)
    for part in (pushes, to_tokens(pushes, matrix)):
        rest = model.decision_function(X) - np.asarray(part.sum(axis=1)).ravel()
        assert np.ptp(rest) <= 1e-9 * np.ptp(model.decision_function(X))
    assert abs(to_tokens(pushes, matrix)[1:, 2:n_dense]).sum() == 0  # all but the customer without tokens


@pytest.mark.parametrize(
    ("members", "least"),
    [
        ({"trees": DenseBoosting(), "vectors": VectorRidge()}, 0.999),  # a softmax: exact
        ({"linear": SparseLogistic(), "presence": LogCountRatio()}, 0.9),  # one against the rest: approximately
    ],
)
def test_beyond_two_values_contributions_tell_the_differences_between_scores(customers, members, least):
    matrix = customers()
    amount = matrix.X[:, matrix.n_dense].toarray().ravel() + np.log1p(matrix.X[:, 0].toarray().ravel()) / 3
    model = BlendedClassifier(members, n_dense=matrix.n_dense, n_vector=matrix.n_vector, folds=3)
    model.fit(matrix.X, np.digitize(amount, np.quantile(amount, [0.33, 0.67])))
    sums = np.column_stack([np.asarray(model.contributions(matrix.X, c).sum(axis=1)).ravel() for c in range(3)])
    scores = model.decision_function(matrix.X)
    for one, other in ((0, 1), (1, 2)):
        told, true = sums[:, one] - sums[:, other], scores[:, one] - scores[:, other]
        assert np.corrcoef(told, true)[0, 1] > least
