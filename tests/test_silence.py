"""Who answers is learnt once for all attributes that the same customers told, and never for the future."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest

from pipeline.features.matrix import FeatureMatrix
from pipeline.labels.known import Labels
from pipeline.model.propensity import learn_answering
from pipeline.predictor import Task
from pipeline.settings import Attribute, Declared, Future, Model
from pipeline.silence import tell_who_answers
from tests.nonresponse.conftest import N_DENSE, NAMES, plant

WORLD = plant(0)
N = len(WORLD.y)
CUSTOMERS = np.array([f"c{number:03d}" for number in range(N)], dtype=object)
DECLARED = Attribute("binary", declared=Declared("column"))
FUTURE = Attribute("binary", future=Future("shop", 28, at_least=1))


class Chosen:
    """What is read of the settings."""

    seed = 0

    def __init__(self, among: str, **attributes: Attribute) -> None:
        self.attributes = attributes
        self.model = Model("logistic", {}, certified_among=among)


@pytest.fixture
def task(tmp_path: Path):
    file = tmp_path / "matrix.joblib"
    joblib.dump(FeatureMatrix(CUSTOMERS, WORLD.X, NAMES, N_DENSE, np.zeros((N, 2)), 0), file)

    def make(name: str, told: np.ndarray = WORLD.answered, hidden: int | None = None) -> Task:
        labels = Labels(name, "binary", ("no", "yes"), CUSTOMERS[told], WORLD.y[told])
        columns = np.arange(len(NAMES)) != hidden
        return Task(name, labels, labels, file, file, file, {str(file): columns}, None)

    return make


def told(tasks: list[Task], among: str = "silent", **attributes: Attribute) -> list[Task]:
    return tell_who_answers(Chosen(among, **attributes), tasks, 1, tasks[0].features.parent)


def test_attributes_told_by_the_same_customers_share_one_model(task) -> None:
    fewer = WORLD.answered & (np.arange(N) % 2 == 0)
    tasks = [task("a"), task("b"), task("c", fewer), task("d", hidden=3)]
    files = [one.answering for one in told(tasks, a=DECLARED, b=DECLARED, c=DECLARED, d=DECLARED)]
    assert files[0] == files[1]
    assert len(set(files)) == 3
    expected = learn_answering(WORLD.X, fewer, N_DENSE, 0)
    assert np.array_equal(joblib.load(files[2]).propensity, expected.propensity)


def test_hidden_features_are_hidden_from_the_model_of_who_answers(task) -> None:
    found = joblib.load(told([task("a", hidden=3)], a=DECLARED)[0].answering)
    assert found.model.n_features_in_ == len(NAMES) - 1


def test_the_future_and_certificates_among_the_labelled_need_no_such_model(task) -> None:
    one = task("a")
    assert told([one], a=FUTURE) == [replace(one, answering=None)]
    assert told([one], among="labelled", a=DECLARED) == [one]


def test_where_everybody_told_nobody_is_weighed(task) -> None:
    assert told([task("a", np.ones(N, dtype=bool))], a=DECLARED)[0].answering is None
