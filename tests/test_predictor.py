"""No step of the recipe sees a test customer, and no feature sees a label's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from pipeline import metrics, predictor
from pipeline.errors import DataError, LeakageError
from pipeline.features.matrix import FeatureMatrix
from pipeline.labels.known import Labels
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.propensity import REACH, Answering
from pipeline.predictor import Task, judge, train_attribute
from pipeline.settings import Evaluation, Model
from pipeline.split import folds

N, DAY = 300, 86_400_000_000


def matrix(as_of_us: int, seed: int, first_column: np.ndarray | None = None) -> FeatureMatrix:
    rng = np.random.default_rng(seed)
    X = rng.random((N, 5))
    if first_column is not None:
        X[:, 0] = first_column
    customers = np.array(sorted(f"c{number}" for number in range(N)), dtype=object)
    names = np.array([f"log__f{number}__sum__all" for number in range(5)])
    return FeatureMatrix(customers, sp.csr_matrix(X), names, 5, X[:, :2], as_of_us)


def task(folder: Path, earlier: FeatureMatrix, later: FeatureMatrix, since: int | None, y: np.ndarray) -> Task:
    files = {"earlier": earlier, "later": later}
    for name, one in files.items():
        joblib.dump(one, folder / f"{name}.joblib")
    paths = {name: folder / f"{name}.joblib" for name in files}
    labels = Labels("likes", "binary", ("no", "yes"), later.customers, y, since)
    before = Labels("likes", "binary", ("no", "yes"), earlier.customers, y, since and since - DAY)
    everything = {str(path): np.ones(5, dtype=bool) for path in paths.values()}
    return Task("likes", labels, before, paths["later"], paths["earlier"], paths["later"], everything, None)


MODEL = Model("memory", {"_target_": "sklearn.dummy.DummyClassifier"}, folds=3, min_labels_per_value=5)


@pytest.fixture
def using(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseEstimator], None]:
    """Let another estimator take the place of the configured one."""

    def use(estimator: BaseEstimator) -> None:
        monkeypatch.setattr(predictor, "build_predictor", lambda *_: CertifiedClassifier(estimator, folds=3))

    return use


def random_answers() -> np.ndarray:
    return (np.random.default_rng(3).random(N) < 0.4).astype(np.int64)


def test_a_model_that_remembers_everybody_learns_nothing_from_random_labels(tmp_path: Path, using) -> None:
    using(KNeighborsClassifier(n_neighbors=1))
    one = matrix(0, 1)
    found = judge(task(tmp_path, one, one, None, random_answers()), MODEL, 5, 2, False, 0)
    for repeat in range(2):
        assert 0.40 < metrics.auc(found.y, found.proba[repeat], folds=found.folds[repeat]) < 0.60


class Spy(ClassifierMixin, BaseEstimator):
    """Notes the first column of what it is fitted on: there stands the customer's number."""

    seen: ClassVar[list[set[int]]] = []

    def fit(self, X, y):
        Spy.seen.append(set(np.asarray(X[:, 0].todense()).ravel().astype(int)))
        self.prior_ = DummyClassifier().fit(X, y)
        self.classes_ = self.prior_.classes_
        return self

    def predict_proba(self, X):
        return self.prior_.predict_proba(X)


def test_no_fit_sees_a_test_customer_at_either_instant(tmp_path: Path, using) -> None:
    using(Spy())
    number = np.arange(N, dtype=float)
    earlier, later = matrix(0, 1, number), matrix(DAY, 2, number)
    Spy.seen.clear()
    found = judge(task(tmp_path, earlier, later, DAY, random_answers()), MODEL, 5, 1, False, 0)
    fits_per_fold = len(Spy.seen) // 5
    assert fits_per_fold == 4  # three of the cross-fitting, one on all
    for fold in range(5):
        test = set(np.flatnonzero(found.folds[0] == fold))
        assert test == set(np.flatnonzero(folds(later.customers, 5, "test customers, repeat 0") == fold))
        for seen in Spy.seen[fold * fits_per_fold : (fold + 1) * fits_per_fold]:
            assert seen.isdisjoint(test)


def test_with_many_labels_the_deployed_model_has_not_seen_the_test_customers(tmp_path: Path, using) -> None:
    using(Spy())
    one = matrix(0, 1, np.arange(N, dtype=float))
    Spy.seen.clear()
    trained = train_attribute(
        task(tmp_path, one, one, None, random_answers()),
        MODEL,
        Evaluation(single_split_from=N, resamples=100),
        0,
        tmp_path / "pictures",
    )
    test = set(np.flatnonzero(folds(one.customers, 5, "test customers, repeat 0") == 0))
    assert trained.estimate("auc").n == len(test)
    assert all(seen.isdisjoint(test) for seen in Spy.seen)


@pytest.mark.parametrize(("earlier_us", "later_us"), [(1, DAY), (0, DAY + 1)])
def test_features_that_look_beyond_the_beginning_of_the_label_are_refused(
    tmp_path: Path, earlier_us: int, later_us: int
) -> None:
    leaking = task(tmp_path, matrix(earlier_us, 1), matrix(later_us, 2), DAY, random_answers())
    with pytest.raises(LeakageError, match=r"attributes\.likes: its label is made from events since"):
        judge(leaking, MODEL, 5, 1, False, 0)


def test_labels_of_strangers_are_refused(tmp_path: Path) -> None:
    one = matrix(0, 1)
    known = task(tmp_path, one, one, None, random_answers())
    strangers = Labels("likes", "binary", ("no", "yes"), np.array(["x", "y"], dtype=object), np.array([0, 1]))
    object.__setattr__(known, "earlier", strangers)
    with pytest.raises(DataError, match="none of its 2 labelled customers has an event"):
        judge(known, MODEL, 5, 1, False, 0)


def test_test_customers_unlike_the_training_customers_get_no_statement(tmp_path: Path) -> None:
    earlier, later = matrix(0, 1), matrix(DAY, 2)
    X = later.X.toarray()
    X[:9] *= 1e6
    later = replace(later, X=sp.csr_matrix(X))
    everybody_says_yes = np.r_[np.zeros(6, np.int64), np.ones(N - 6, np.int64)]
    found = judge(task(tmp_path, earlier, later, DAY, everybody_says_yes), MODEL, 5, 1, False, 0)
    assert found.unlike[0, :9].all()
    assert found.unlike[0, 9:].mean() < 0.05
    assert (found.stated[0] == np.where(found.unlike[0], -1, 1)).all()
    assert found.sets[0, :9].all()  # nothing is ruled out for them
    assert [ran.fold for ran in found.rounds] == [0, 1, 2, 3, 4]


class Weighed(CertifiedClassifier):
    """Notes the weights that it is given."""

    seen: ClassVar[list[np.ndarray]] = []

    def fit(self, X, y, certify_weight=None, **told):
        Weighed.seen.append(certify_weight)
        return super().fit(X, y, certify_weight, **told)


def test_test_customers_out_of_reach_get_no_statement_and_weights_follow_the_rows(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(predictor, "build_predictor", lambda *_: Weighed(DummyClassifier(), folds=3))
    one = matrix(0, 1)
    y = np.r_[np.zeros(6, np.int64), np.ones(N - 6, np.int64)]
    labels = Labels("likes", "binary", ("no", "yes"), one.customers[30:], y[30:] * (np.arange(N - 30) % 9 > 0))
    propensity = np.where(np.arange(N) < 60, REACH / 2, 0.1 + 0.8 * np.arange(N) / N)
    asked = replace(task(tmp_path, one, one, None, y), labels=labels, earlier=labels, answering=tmp_path / "answering")
    joblib.dump(Answering(propensity, None), asked.answering)
    Weighed.seen.clear()
    found = judge(asked, MODEL, 5, 1, False, 0)
    weight = Answering(propensity, None).silent_weight[30:]
    np.testing.assert_array_equal(found.silent_weight, weight)
    assert found.unlike[0, :30].all()
    assert not found.unlike[0, 30:].any()
    assert (found.stated[0, :30] == -1).all()
    for fold, seen in enumerate(Weighed.seen):
        np.testing.assert_array_equal(seen, weight[found.folds[0] != fold])
