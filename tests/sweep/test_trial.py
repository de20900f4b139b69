"""A trial knows nothing of the customers that are set aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse as sp

from pipeline.features.matrix import FeatureMatrix
from pipeline.judged import LOG_LOSS
from pipeline.labels.known import Labels
from pipeline.predictor import Task
from pipeline.settings import Evaluation, Model
from pipeline.split import folds
from pipeline.sweep.trial import Trial, objective_of, without_set_aside
from pipeline.sweep.verdict import judge_set_aside

N, DAY = 300, 86_400_000_000
MODEL = Model("trees", {"_target_": "sklearn.tree.DecisionTreeClassifier", "max_depth": 3}, folds=3)
EVALUATION = Evaluation(folds=5, repeats=2)
CUSTOMERS = np.array(sorted(f"c{number}" for number in range(N)), dtype=object)
SET_ASIDE = folds(CUSTOMERS, 5, "test customers, repeat 0") == 0


def answers(seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(N) < 0.4).astype(np.int64)


def task(folder: Path, earlier_y: np.ndarray, y: np.ndarray) -> Task:
    """Return a future attribute: fitted on `earlier_y`, judged on `y`, one day later."""
    paths = []
    for number, at_us in enumerate((0, DAY)):
        dense = np.random.default_rng(number).random((N, 4))
        names = np.array([f"log__f{column}__sum__all" for column in range(4)])
        paths.append(folder / f"{number}.joblib")
        joblib.dump(FeatureMatrix(CUSTOMERS, sp.csr_matrix(dense), names, 4, dense[:, :2], at_us), paths[-1])
    labels = Labels("likes", "binary", ("no", "yes"), CUSTOMERS, y, DAY)
    earlier = Labels("likes", "binary", ("no", "yes"), CUSTOMERS, earlier_y, 0)
    columns = {str(path): np.ones(4, dtype=bool) for path in paths}
    return Task("likes", labels, earlier, paths[1], paths[0], paths[1], columns, None)


@pytest.mark.parametrize("which", ["earlier", "later", "both"])
def test_the_objective_does_not_change_with_the_answers_of_set_aside_customers(tmp_path: Path, which: str) -> None:
    earlier, later = answers(1), answers(2)
    before = objective_of(task(tmp_path, earlier, later), MODEL, EVALUATION, 0)
    if which != "later":
        earlier = np.where(SET_ASIDE, 1 - earlier, earlier)
    if which != "earlier":
        later = np.where(SET_ASIDE, 1 - later, later)
    assert objective_of(task(tmp_path, earlier, later), MODEL, EVALUATION, 0) == before


def test_the_objective_changes_with_the_answers_of_the_others(tmp_path: Path) -> None:
    earlier, later = answers(1), answers(2)
    before = objective_of(task(tmp_path, earlier, later), MODEL, EVALUATION, 0)
    other = later.copy()
    other[np.flatnonzero(~SET_ASIDE)[0]] ^= 1
    assert objective_of(task(tmp_path, earlier, other), MODEL, EVALUATION, 0) != before


def test_the_verdict_is_on_the_set_aside_customers_by_a_fit_on_the_others(tmp_path: Path) -> None:
    earlier, later = answers(1), answers(2)
    found = judge_set_aside(task(tmp_path, earlier, later), MODEL, EVALUATION, 0)
    assert found.customers.tolist() == CUSTOMERS[SET_ASIDE].tolist()
    assert found.y.tolist() == later[SET_ASIDE].tolist()
    flipped = task(tmp_path, np.where(SET_ASIDE, 1 - earlier, earlier), np.where(SET_ASIDE, 1 - later, later))
    again = judge_set_aside(flipped, MODEL, EVALUATION, 0)
    np.testing.assert_array_equal(again.proba, found.proba)
    assert again.score(LOG_LOSS) != found.score(LOG_LOSS)


def test_a_task_without_the_set_aside_knows_none_of_them(tmp_path: Path) -> None:
    seen = without_set_aside(task(tmp_path, answers(1), answers(2)), 5)
    for labels in (seen.labels, seen.earlier):
        assert set(labels.customers) == set(CUSTOMERS[~SET_ASIDE])


def test_the_objective_is_the_mean_over_attributes() -> None:
    trial = Trial(0, {}, {}, {"a": 0.25, "b": 0.75}, 1.0)
    assert trial.objective == 0.5
    assert replace(trial, log_loss={"a": 0.25}).objective == 0.25
