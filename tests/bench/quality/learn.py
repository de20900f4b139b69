"""Out-of-fold predictions of one method for all attributes of a task, in a process of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy.sparse as sp
from joblib import delayed

from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError
from pipeline.features.matrix import FeatureMatrix
from pipeline.features.naming import VECTOR, visible
from pipeline.labels.known import Labels
from pipeline.parallel import side_by_side
from pipeline.predictor import OutOfFold, Task, judge
from pipeline.settings import Model, Settings
from tests.bench.quality.ablation import member_classes, remembered
from tests.bench.quality.plain import cross_validate
from tests.bench.quality.prepare import LABELS, MATRIX, past_file

SYNTHESISED = "featuretools.parquet"


def learn(job: dict[str, Any]) -> dict[str, dict[str, OutOfFold]]:
    """Return predictions for customers whom the model had not seen, by variant of the recipe and attribute."""
    folder, config = Path(job["folder"]), job["config"]
    settings = parse_settings(config)
    # Always cross-fitted: a hold-out of its own would fit each fold on a quarter fewer customers.
    models = {
        name: replace(parse_settings({**config, "model": model}).model, holdout_from=sys.maxsize)
        for name, model in job["variants"].items()
    }
    labels: dict[str, Labels] = joblib.load(folder / LABELS)
    path = folder / MATRIX
    if job["features"] == "featuretools":
        path = folder / "featuretools.joblib"
        joblib.dump(synthesised(folder / SYNTHESISED, joblib.load(folder / MATRIX)), path)
    names = joblib.load(path, mmap_mode="r").names
    waiting = sorted(job["attributes"], key=lambda name: -len(labels[name].y) * (len(labels[name].values) - 1))
    tasks = [described(labels[name], settings, path, names, job["columns"], job["features"]) for name in waiting]
    jobs = [
        delayed(_one)(task, models, job["folds"], job["repeats"], settings.seed, job["certified"]) for task in tasks
    ]
    found = dict(zip(waiting, side_by_side(jobs, job["workers"]), strict=True))
    return {variant: {name: found[name][variant] for name in job["attributes"]} for variant in models}


def described(labels: Labels, settings: Settings, path: Path, names: np.ndarray, columns: str, features: str) -> Task:
    """Return an attribute's task: fitted and tested in the same snapshot, on the columns that the method may read.

    Raises
    ------
    ConfigError
        If the attribute hides fields, which cannot be found again in the names of synthesised features.
    """
    attribute = settings.attributes[labels.attribute]
    where = f"attributes.{labels.attribute}.hide"
    if features == "featuretools":
        if attribute.hide:
            raise ConfigError(f"{where}: synthesised features of hidden fields cannot be told from the others")
        usable = np.ones(len(names), dtype=bool)
        return Task(labels.attribute, labels, labels, path, path, path, {str(path): usable}, attribute.min_precision)
    usable = visible(names, attribute.hide, settings.data, where)
    if columns == "past":
        usable[:] = False
    if columns == "aggregates":
        usable &= np.array(["=" not in name and not name.startswith(f"{VECTOR}__") for name in names.tolist()])
    task = Task(labels.attribute, labels, labels, path, path, path, {str(path): usable}, attribute.min_precision)
    past = past_file(path.parent, labels.attribute)
    return replace(task, past={str(path): past}) if columns in ("all", "past") and past.exists() else task


def synthesised(file: Path, like: FeatureMatrix) -> FeatureMatrix:
    """Return featuretools' features of the same customers, all dense."""
    frame = pd.read_parquet(file).loc[like.customers]
    names = np.array(frame.columns.tolist())
    X = sp.csr_matrix(frame.to_numpy(dtype=np.float64))
    return FeatureMatrix(like.customers, X, names, len(names), np.empty((len(frame), 0)), like.as_of_us)


def _one(
    task: Task, models: dict[str, Model], n_folds: int, repeats: int, seed: int, certified: bool
) -> dict[str, OutOfFold]:
    shared = member_classes(next(iter(models.values())).estimator) if len(models) > 1 else []
    found = {}
    with remembered(shared):
        for name, model in models.items():
            if certified:
                found[name] = judge(task, model, n_folds, repeats, single=False, seed=seed)
            else:
                found[name] = cross_validate(task, model, n_folds, repeats, seed)
    return found


def main() -> None:
    """Learn what the file of the first argument describes, and write the predictions to its `out`."""
    job = json.loads(Path(sys.argv[1]).read_text())
    joblib.dump(learn(job), job["out"])


if __name__ == "__main__":
    main()
