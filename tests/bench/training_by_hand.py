"""As many LightGBM fits as `stages=[train]` makes, in a plain loop: `python -m tests.bench.training_by_hand <told> …`.

Labels and one matrix for each instant of labels (aggregates and behaviour vectors, dense) are read into memory. Then
each attribute runs a cross-validation: on each training side five fits give out-of-fold probabilities and a sixth
predicts the test customers, and at last six more are on everybody, with the program's number of folds and repeats and
its parameters of LightGBM. Left out: an attribute's own past, columns that it must not see, features at the earlier
instant (out of time), who answers, calibration, certificates, novelty, intervals, pictures, MLflow.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from lightgbm import LGBMClassifier

from pipeline.engine import DuckDBEngine
from pipeline.features.behaviour import read_encoder
from pipeline.features.matrix import read_matrix
from pipeline.features.snapshot import snapshot_folder
from pipeline.learning_set import collect_labels
from pipeline.model.boosting import DenseBoosting
from pipeline.model.crossfit import fold_numbers
from pipeline.outputs import read_manifest
from pipeline.settings import Evaluation, Model, Settings
from pipeline.timeline import instants, resolve_as_of
from tests.bench.settings import settings_of


def loop(settings: Settings, outputs: Path) -> dict[str, int]:
    """Train all attributes that can be learnt; return how many there were and the number of fits."""
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    first_us = min(facts["first_us"] for facts in events["logs"].values())
    matrices: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    fits = 0
    with DuckDBEngine(1, settings.engine.memory_limit_gb) as engine:
        known, _ = collect_labels(engine, settings, outputs, as_of_us, first_us)
        for name, found in known.items():
            at_us = instants(settings.attributes[name], as_of_us).labels_us
            if at_us not in matrices:
                read = read_matrix(engine, snapshot_folder(outputs, at_us), read_encoder(outputs))
                dense = read.X[:, : read.n_dense].toarray().astype(np.float32)
                matrices[at_us] = read.customers, np.hstack([dense, read.vectors.astype(np.float32)])
            customers, X = matrices[at_us]
            rows = np.searchsorted(customers, found.labels.customers)
            fits += _attribute(X[rows], found.labels.y, settings.model, settings.evaluation)
    return {"attributes": len(known), "fits": fits}


def _attribute(X: np.ndarray, y: np.ndarray, model: Model, evaluation: Evaluation) -> int:
    """Cross-validate, then fit on everybody; return the number of fits."""
    single = len(y) >= evaluation.single_split_from
    repeats = evaluation.repeats if not single and len(y) < evaluation.repeat_below else 1
    fits = 0
    for repeat in range(repeats):
        fold = fold_numbers(y, evaluation.folds, repeat)
        for number in range(1 if single else evaluation.folds):
            fits += _predictor(X[fold != number], y[fold != number], model, X[fold == number])
    untouched = fold_numbers(y, evaluation.folds, 0) == 0 if single else np.zeros(len(y), dtype=bool)
    return fits + _predictor(X[~untouched], y[~untouched], model, None)


def _predictor(X: np.ndarray, y: np.ndarray, model: Model, test: np.ndarray | None) -> int:
    """Fit once for each fold and once on all rows, and predict what each has not seen; return the number of fits."""
    fold = fold_numbers(y, model.folds, 0)
    for number in range(model.folds):
        _trees(X[fold != number], y[fold != number]).predict_proba(X[fold == number])
    whole = _trees(X, y)
    if test is not None:
        whole.predict_proba(test)
    return model.folds + 1


def _trees(X: np.ndarray, y: np.ndarray) -> LGBMClassifier:
    """Return trees of the program's own parameters; those for few customers, however many there are."""
    own = DenseBoosting()
    names = ("n_estimators", "num_leaves", "min_child_samples", "learning_rate", "reg_lambda", "subsample", "max_bin")
    fixed = {"subsample_freq": 1, "deterministic": True, "force_col_wise": True, "n_jobs": 1, "verbose": -1}
    chosen = {name: getattr(own, name) for name in names}
    return LGBMClassifier(**chosen, colsample_bytree=own.feature_fraction, **fixed).fit(X, y)


def main(told: str, overrides: list[str]) -> None:
    """Run the loop by the same overrides as the program and write what it did."""
    settings = settings_of(*overrides)
    Path(told).write_text(json.dumps(loop(settings, Path(settings.outputs) / settings.data.name)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
