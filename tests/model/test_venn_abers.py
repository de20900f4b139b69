import pickle

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from pipeline.model.venn_abers import VennAbers


def drawn(n, seed=0, digits=2):
    """Scores that are the square root of the true probability, and labels."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.random(n), digits)
    return np.column_stack([1 - score, score]), (rng.random(n) < score**2).astype(int)


def test_equals_two_isotonic_regressions_with_the_customer_added():
    proba, y = drawn(300)
    model = VennAbers().fit(proba, y)
    for score in (0.0, 0.13, 0.5, 0.77, 1.0):
        added = [IsotonicRegression().fit([*proba[:, 1], score], [*y, label]).predict([score])[0] for label in (0, 1)]
        expected = added[1] / (1 - added[0] + added[1])
        assert model.transform(np.array([[1 - score, score]]))[0, 1] == pytest.approx(expected)


def test_is_never_certain_where_isotonic_regression_is():
    proba = np.repeat([[0.9, 0.1], [0.1, 0.9]], 20, axis=0)
    y = np.repeat([0, 1], 20)
    # Added to 20 of 20: 20/21 if it has not the class, 1 if it has: 1 / (1 - 20/21 + 1).
    assert VennAbers().fit(proba, y).transform(proba[-1:])[0, 1] == pytest.approx(21 / 22)


def test_new_customers_get_the_true_probability_back_also_beyond_the_number_of_knots():
    proba, y = drawn(20_000, digits=9)
    new, _ = drawn(2000, seed=1, digits=9)
    found = VennAbers().fit(proba, y).transform(new)[:, 1]
    assert np.abs(found - new[:, 1] ** 2).mean() < 0.02
    assert (np.diff(found[np.argsort(new[:, 1])]) >= -1e-12).all()  # the order of customers stays


def test_several_classes_sum_to_one_and_a_saved_one_answers_alike():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), 500)
    y = (np.log(proba) + rng.gumbel(size=proba.shape)).argmax(axis=1)
    model = VennAbers().fit(proba, y)
    found = model.transform(proba)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(proba), found)
    assert len(pickle.dumps(model)) < 10_000
