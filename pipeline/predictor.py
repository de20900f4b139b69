"""One attribute's predictor: judged on test customers, then fitted on all whose value is known."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from pipeline.columns import CUSTOMER
from pipeline.errors import DataError
from pipeline.evaluation import Estimate, Kind, evaluate
from pipeline.explanation.carriers import Carried, carried_by
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.snapshot import require_before
from pipeline.judged import LOG_LOSS
from pipeline.labels.known import Labels
from pipeline.labels.past import OwnPast
from pipeline.model.blocks import Matrix
from pipeline.model.build import build_predictor
from pipeline.model.certification import stated_values
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.propensity import REACH, Answering
from pipeline.model.sets import sets_of
from pipeline.out_of_fold import OutOfFold, Round
from pipeline.predictor_pictures import draw_predictor
from pipeline.settings import Evaluation, Model
from pipeline.split import folds

__all__ = [
    "OutOfFold",
    "Round",
    "Task",
    "Trained",
    "estimate",
    "fold_salt",
    "judge",
    "load_features",
    "load_visible",
    "train_attribute",
]

_EXPLAINED = 200  # customers on whom it is looked at what carries an attribute


@dataclass(frozen=True)
class Task:
    """What is needed to learn one attribute, small enough to be sent to a worker.

    Attributes
    ----------
    labels
        The known values: test customers' answers, and what the deployed predictor is fitted on.
    earlier
        What the judged predictors are fitted on: the same labels where they are declared; those of one
        horizon earlier where they lie in the future, so that they are judged out of time.
    features, earlier_features, later_features
        Files of feature matrices: of `labels` for the deployed predictor; of `earlier` and of `labels` for
        judging (their behaviour encoder was fitted no later than `earlier`).
    columns
        Which features may be used, shape (n_features,), by matrix file.
    answering
        File of the `Answering` of the customers of `features`, all of them, for whom the certificates must hold that
        did not tell their value; None: customers with labels are taken to be like all others.
    past
        File of the attribute's `OwnPast` of the same customers, by matrix file; none where it has no past.
    """

    attribute: str
    labels: Labels
    earlier: Labels
    features: Path
    earlier_features: Path
    later_features: Path
    columns: dict[str, np.ndarray]
    min_precision: float | None
    answering: Path | None = None
    past: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A predictor, how it was judged, and what carries it.

    `counts` are of the customers it was made with; `n_labelled` have a label, more where these are a sample.
    """

    attribute: str
    kind: Kind
    values: tuple[str, ...]
    predictor: CertifiedClassifier
    contract: str
    aggregates: str
    names: np.ndarray
    counts: dict[str, int]
    n_labelled: int
    n_repeats: int
    found: OutOfFold
    estimates: list[Estimate]
    carried: Carried

    @property
    def losses(self) -> pd.DataFrame:
        """Return each test customer's value and log-loss, the mean over repeats."""
        return self.out_of_fold[[CUSTOMER, "y", LOG_LOSS]]

    @property
    def out_of_fold(self) -> pd.DataFrame:
        """Return what is kept of the test customers' predictions to compare runs: see `Judged.table`."""
        return self.found.judged().table()

    def estimate(self, metric: str, value: str = "") -> Estimate:
        """Return one of the estimates by name."""
        return next(e for e in self.estimates if e.metric == metric and e.value == value)


def train_attribute(task: Task, model: Model, evaluation: Evaluation, seed: int, pictures: Path) -> Trained:
    """Judge the recipe on test customers, fit the predictor to deploy, and draw its pictures.

    With fewer labels than `evaluation.single_split_from` every customer is a test customer of one fold of a
    repeated cross-validation, and the deployed predictor is fitted on all of them afterwards. With more,
    fold 0 is the test set, and the deployed predictor has not seen it either.
    """
    single = len(task.labels.y) >= evaluation.single_split_from
    # Decided once, by all labels: the test customers that are set aside must not change the way of certification.
    model = replace(model, holdout_from=100 if len(task.labels.y) >= model.holdout_from else sys.maxsize)
    repeats = evaluation.repeats if len(task.labels.y) < evaluation.repeat_below else 1
    found = judge(task, model, evaluation.folds, 1 if single else repeats, single, seed)
    estimates = estimate(found, task.labels.kind, task.labels.values, evaluation, seed)
    matrix = load_features(task, task.features)
    rows, y = _rows(matrix, task.labels)
    if single:
        untouched = folds(matrix.customers[rows], evaluation.folds, fold_salt(0)) == 0
        rows, y = rows[~untouched], y[~untouched]
    predictor = build_predictor(model, task.min_precision, matrix.n_dense, seed, matrix.n_vector, matrix.n_past)
    answering = _answering(task)
    told = {} if answering is None else {"answering": answering.model, "least_propensity": REACH}
    predictor.fit(matrix.X[rows], y, _certify_weight(answering, rows), **told)
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), _EXPLAINED)).astype(int)]
    carried = carried_by(predictor, matrix.rows(sample), task.labels.values, seed)
    draw_predictor(task.attribute, task.labels.values, predictor, found, carried, pictures)
    return Trained(
        attribute=task.attribute,
        kind=task.labels.kind,
        values=task.labels.values,
        predictor=predictor,
        contract=matrix.contract,
        aggregates=matrix.aggregates,
        names=matrix.names,
        counts=task.labels.counts(),
        n_labelled=task.labels.sampled_from or len(task.labels.y),
        n_repeats=len(found.proba),
        found=found,
        estimates=estimates,
        carried=carried,
    )


def estimate(
    found: OutOfFold, kind: Kind, values: tuple[str, ...], evaluation: Evaluation, seed: int
) -> list[Estimate]:
    """Return all metrics of predictions for test customers."""
    return evaluate(
        found.y,
        found.proba,
        found.stated,
        found.prior,
        kind,
        values,
        evaluation.resamples,
        seed,
        found.folds,
        found.sets if len(values) > 2 else None,
        found.silent_weight,
    )


def judge(task: Task, model: Model, n_folds: int, repeats: int, single: bool, seed: int) -> OutOfFold:
    """Return predictions for test customers; each fold runs the whole recipe without its test customers."""
    n_values, ordinal = len(task.labels.values), task.labels.kind == "ordinal"
    n_events = joblib.load(task.later_features, mmap_mode="r").n_events  # of hidden logs, too
    fit_on = load_features(task, task.earlier_features)
    test_on = load_features(task, task.later_features)
    fit_rows, fit_y = _rows(fit_on, task.earlier)
    test_rows, test_y = _rows(test_on, task.labels)
    answering = _answering(task)  # declared: the customers of all three matrices are the same, in the same order
    reached = np.ones(len(test_rows), dtype=bool) if answering is None else answering.reached[test_rows]
    customers = test_on.customers[test_rows]
    fold_of_test = np.array([folds(customers, n_folds, fold_salt(repeat)) for repeat in range(repeats)])
    proba = np.zeros((repeats, len(test_rows), n_values))
    prior, stated = np.zeros_like(proba), np.full(proba.shape[:2], -1, dtype=np.int64)
    sets, unlike = np.zeros(proba.shape, dtype=bool), np.zeros(stated.shape, dtype=bool)
    rounds = []
    for repeat in range(repeats):
        fold_of_fit = folds(fit_on.customers[fit_rows], n_folds, fold_salt(repeat))
        for fold in range(1 if single else n_folds):
            train, test = fold_of_fit != fold, fold_of_test[repeat] == fold
            if not test.any():
                continue
            sizes = (fit_on.n_dense, seed, fit_on.n_vector, fit_on.n_past)
            predictor = build_predictor(model, task.min_precision, *sizes)
            weight = _certify_weight(answering, fit_rows[train])
            predictor.fit(fit_on.X[fit_rows[train]], fit_y[train], weight)
            said = _say(predictor, test_on.X[test_rows[test]], reached[test], n_values, ordinal)
            proba[repeat, test], stated[repeat, test] = said.proba, said.stated
            sets[repeat, test], unlike[repeat, test] = said.sets, said.unlike
            prior[repeat, test] = np.bincount(fit_y[train], minlength=n_values) / train.sum()
            rounds.append(Round(repeat, fold, predictor.classes_, tuple(predictor.evidence_)))
    found = OutOfFold(
        customers=customers,
        y=test_y,
        proba=proba,
        prior=prior,
        stated=stated,
        folds=fold_of_test,
        sets=sets,
        unlike=unlike,
        rounds=tuple(rounds),
        n_events=n_events[test_rows],
        silent_weight=_certify_weight(answering, test_rows),
    )
    return found.of(fold_of_test[0] == 0) if single else found


@dataclass(frozen=True)
class _Said:
    """What a predictor says of customers; fields as in `OutOfFold`, of one repeat."""

    proba: np.ndarray
    stated: np.ndarray
    sets: np.ndarray
    unlike: np.ndarray


def _say(predictor: CertifiedClassifier, X: Matrix, reached: np.ndarray, n_values: int, ordinal: bool) -> _Said:
    """Return what a predictor says of customers, and nothing certain of those out of reach or unlike any it knows."""
    known = predictor.predict_proba(X)
    proba = np.zeros((len(known), n_values))
    proba[:, predictor.classes_] = known
    positions = stated_values(known, predictor.thresholds_)
    unlike = predictor.unlike(X) | ~reached
    stated = np.where((positions >= 0) & ~unlike, predictor.classes_[positions], -1)
    sets = sets_of(proba, predictor.set_cut_, ordinal) | unlike[:, None]
    return _Said(proba, stated, sets, unlike)


def fold_salt(repeat: int) -> str:
    """Return what a customer's test fold depends on besides its id, by repeat of the cross-validation."""
    return f"test customers, repeat {repeat}"


def load_features(task: Task, path: Path) -> FeatureMatrix:
    """Return one of a task's matrices: the columns that the attribute may use, and its own past before them."""
    matrix = load_visible(path, task.columns[str(path)])
    if str(path) not in task.past:
        return matrix
    past: OwnPast = joblib.load(task.past[str(path)])
    return matrix.with_past(past.names, past.block)


def load_visible(path: Path, columns: np.ndarray) -> FeatureMatrix:
    """Return the matrix of a file without the columns that an attribute must not use."""
    matrix: FeatureMatrix = joblib.load(path, mmap_mode="r")
    return matrix if columns.all() else matrix.select(columns)


def _answering(task: Task) -> Answering | None:
    found: Answering | None = None if task.answering is None else joblib.load(task.answering)
    return found


def _certify_weight(answering: Answering | None, rows: np.ndarray) -> np.ndarray | None:
    return None if answering is None else answering.silent_weight[rows]


def _rows(matrix: FeatureMatrix, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix rows of the labelled customers who have features, and their labels."""
    position = {customer: row for row, customer in enumerate(matrix.customers)}
    rows = np.array([position.get(customer, -1) for customer in labels.customers], dtype=np.int64)
    known = rows >= 0
    if labels.since_us is not None:
        known_us = sys.maxsize if matrix.as_of_us is None else matrix.as_of_us
        require_before({"as_of_us": known_us}, labels.since_us, f"attributes.{labels.attribute}")
    if not known.any():
        raise DataError(f"attributes.{labels.attribute}: none of its {len(rows):,} labelled customers has an event")
    return rows[known], labels.y[known]
