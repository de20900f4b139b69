"""Predictions for customers by a model that has not seen them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import clone

from pipeline.model.blocks import Floats, Ints, LabelError, Matrix, class_scores

NEVER = 2**62  # customers: more than there are


def fold_numbers(y_index: Ints, n_folds: int, seed: int) -> Ints:
    """Return the fold of each row, 0 … n_folds - 1, dealt class by class in random order.

    The same stratification as scikit-learn's `StratifiedKFold`, but a class with fewer rows than folds
    neither warns nor reduces the number of folds for all the others: its rows go to different folds, so
    that only a class with a single row is ever missing from a training side.

    Parameters
    ----------
    y_index
        Class index of each row, shape (n,).
    n_folds
        Number of folds; reduced to n if there are fewer rows.
    seed
        Seed of the shuffling.

    Examples
    --------
    >>> np.bincount(fold_numbers(np.array([0] * 6 + [1] * 3), 3, seed=0)).tolist()
    [3, 3, 3]
    """
    n_folds = min(n_folds, len(y_index))
    if n_folds < 2:
        raise LabelError(f"cross-fitting needs at least two folds and two rows; found n_samples={len(y_index)}")
    shuffled = np.random.default_rng(seed).permutation(len(y_index))
    by_class = shuffled[np.argsort(y_index[shuffled], kind="stable")]
    folds = np.empty(len(y_index), dtype=np.int64)
    folds[by_class] = np.arange(len(y_index)) % n_folds
    return folds


def decided_for(estimator: Any, n_customers: int) -> Any:
    """Return a clone whose parameters `large_from`, its parts' too, no longer depend on how many customers it is given.

    A model that is fitted on all customers and those that are fitted on all but a fold must be of one kind, also where
    only all of them are many: else weights, calibration and certificates would be those of another model.

    Examples
    --------
    >>> from pipeline.model.boosting import DenseBoosting
    >>> [decided_for(DenseBoosting(large_from=900), n).large_from for n in (900, 899)] == [0, NEVER]
    True
    """
    own = {name: value for name, value in estimator.get_params().items() if name.rpartition("__")[2] == "large_from"}
    return clone(estimator).set_params(**{name: 0 if n_customers >= value else NEVER for name, value in own.items()})


def out_of_fold(
    estimator: Any,
    X: Matrix,
    y_index: Ints,
    folds: Ints,
    output: Literal["probabilities", "scores"] = "probabilities",
) -> Floats:
    """Return, for each row, the output of a clone of `estimator` that was fitted on the other folds.

    Parameters
    ----------
    estimator
        Classifier; it is cloned, never fitted itself.
    X
        Feature matrix, shape (n, n_features).
    y_index
        Class index of each row, 0 … n_classes - 1.
    folds
        Fold of each row.
    output
        "probabilities", or "scores": see `class_scores`.

    Returns
    -------
    Array of shape (n, n_classes). A class that is missing from a training side gets probability 0, or the
    score -log(n + 1).
    """
    n_classes = int(y_index.max()) + 1
    result = np.empty((len(y_index), n_classes))
    for fold in np.unique(folds):
        test = np.flatnonzero(folds == fold)
        train = np.flatnonzero(folds != fold)
        classes = np.unique(y_index[train])
        if len(classes) == 1:
            part = np.full((len(test), 1), 1.0 if output == "probabilities" else np.log(len(train) + 1))
        else:
            model = clone(estimator).fit(X[train], y_index[train])
            X_test = X[test]
            part = (
                model.predict_proba(X_test)
                if output == "probabilities"
                else class_scores(model.decision_function(X_test))
            )
        missing = 0.0 if output == "probabilities" else -np.log(len(train) + 1)
        result[test] = align_columns(part, classes, n_classes, missing)
    return result


def align_columns(part: Floats, classes: Ints, n_classes: int, missing: float = 0.0) -> Floats:
    """Return `part`, whose columns are `classes`, with one column for each of `n_classes` classes.

    Examples
    --------
    >>> align_columns(np.array([[0.25, 0.75]]), np.array([0, 2]), 3)
    array([[0.25, 0.  , 0.75]])
    """
    full = np.full((len(part), n_classes), missing)
    full[:, classes] = part
    return full
