import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from pipeline.model.blocks import LabelError
from pipeline.model.crossfit import fold_numbers, out_of_fold


class Memory(ClassifierMixin, BaseEstimator):
    """Is certain of class 1 for rows it has seen, of class 0 for others."""

    def fit(self, X, y):
        self.classes_, self.seen_ = np.unique(y), set(X[:, 0])
        return self

    def predict_proba(self, X):
        seen = np.array([x in self.seen_ for x in X[:, 0]], dtype=float)
        return np.column_stack([1 - seen, seen])


def test_every_fold_has_its_share_of_every_class():
    y = np.repeat([0, 1, 2], [50, 20, 5])
    folds = fold_numbers(y, 5, seed=3)
    for c, share in enumerate([10, 4, 1]):
        assert np.bincount(folds[y == c], minlength=5).tolist() == [share] * 5


def test_folds_depend_on_the_seed_alone():
    y = np.repeat([0, 1], 50)
    np.testing.assert_array_equal(fold_numbers(y, 5, 1), fold_numbers(y, 5, 1))
    assert (fold_numbers(y, 5, 1) != fold_numbers(y, 5, 2)).any()


def test_two_rows_of_a_rare_class_never_share_a_fold():
    y = np.array([0] * 30 + [1] * 2)
    assert all(len(set(fold_numbers(y, 5, seed)[y == 1])) == 2 for seed in range(20))


def test_no_row_is_predicted_by_a_model_that_saw_it():
    X, y = np.arange(40.0).reshape(-1, 1), np.arange(40) % 2
    assert (out_of_fold(Memory(), X, y, fold_numbers(y, 4, 0))[:, 1] == 0).all()
    assert (Memory().fit(X, y).predict_proba(X)[:, 1] == 1).all()  # the probe does notice


def test_a_class_that_a_training_side_lacks_gets_probability_zero():
    X, y = np.arange(21.0).reshape(-1, 1), np.array([0, 1] * 10 + [2])
    proba = out_of_fold(LogisticRegression(), X, y, fold_numbers(y, 5, 0))
    assert proba[20, 2] == 0
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_a_training_side_of_one_class_predicts_that_class():
    X, y = np.arange(10.0).reshape(-1, 1), np.array([0] * 9 + [1])
    assert out_of_fold(LogisticRegression(), X, y, fold_numbers(y, 5, 0))[9].tolist() == [1, 0]
    scores = out_of_fold(LogisticRegression(), X, y, fold_numbers(y, 5, 0), "scores")
    assert scores[9, 0] > scores[9, 1]


def test_one_row_cannot_be_cross_fitted():
    with pytest.raises(LabelError, match="at least two folds and two rows; found n_samples=1"):
        fold_numbers(np.array([0]), 5, 0)
