"""Plain cross-validation: the estimator alone, without calibration and certification, on the folds of `judge`."""

from __future__ import annotations

import numpy as np

from pipeline.model.build import build_predictor
from pipeline.predictor import OutOfFold, Task, load_features
from pipeline.settings import Model
from pipeline.split import folds


def cross_validate(task: Task, model: Model, n_folds: int, repeats: int, seed: int) -> OutOfFold:
    """Return out-of-fold probabilities as the estimator gives them; nothing is stated, no set holds a value."""
    matrix = load_features(task, task.features)
    labels = task.labels.of(matrix.customers)
    rows = np.searchsorted(matrix.customers, labels.customers)
    shape = (repeats, len(rows), len(labels.values))
    proba, prior = np.zeros(shape), np.zeros(shape)
    fold_of = np.array([folds(labels.customers, n_folds, f"test customers, repeat {r}") for r in range(repeats)])
    for repeat in range(repeats):
        for fold in range(n_folds):
            test = fold_of[repeat] == fold
            y = labels.y[~test]
            sizes = (matrix.n_dense, seed, matrix.n_vector, matrix.n_past)
            estimator = build_predictor(model, task.min_precision, *sizes).estimator
            estimator.fit(matrix.X[rows[~test]], y)
            proba[repeat][np.ix_(test, estimator.classes_)] = estimator.predict_proba(matrix.X[rows[test]])
            prior[repeat, test] = np.bincount(y, minlength=shape[2]) / len(y)
    stated = np.full(shape[:2], -1, dtype=np.int64)
    return OutOfFold(
        labels.customers,
        labels.y,
        proba,
        prior,
        stated,
        fold_of,
        sets=np.zeros(shape, dtype=bool),
        unlike=np.zeros(shape[:2], dtype=bool),
        rounds=(),
        n_events=matrix.n_events[rows],
    )
