"""One trial of a sweep: the cross-validated log-loss of some settings, without the set-aside customers.

Set aside is fold 0 of the evaluation's first cross-validation, by the portable hash of the id: the same customers for
every trial, sweep and machine. No trial sees their labels, neither in fitting nor in its objective; `verdict` judges
on them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib import delayed

from pipeline import console
from pipeline.engine import DuckDBEngine
from pipeline.errors import ConfigError, DataError, ModelError, did_you_mean
from pipeline.features.snapshot import snapshot_folder
from pipeline.judged import LOG_LOSS
from pipeline.labels.known import Labels
from pipeline.outputs import fingerprint, load_object, read_manifest, write_file, write_json
from pipeline.parallel import side_by_side
from pipeline.predictor import Task, fold_salt, judge
from pipeline.program import code_fingerprint
from pipeline.settings import Evaluation, Model, Settings, as_plain
from pipeline.split import folds
from pipeline.summary import changes, recipe
from pipeline.timeline import resolve_as_of, snapshot_instants
from pipeline.tracking import Tracker
from pipeline.train import collect_labels, prepare


@dataclass(frozen=True)
class Trial:
    """What was tried and what came of it.

    Attributes
    ----------
    number
        0 for the first one, which is the default.
    params
        Settings of the model by their full names.
    log_loss
        By attribute: the mean over customers who are not set aside, each predicted by a recipe that had not seen it.
    """

    number: int
    model: dict[str, Any]
    params: dict[str, str]
    log_loss: dict[str, float]
    seconds: float

    @property
    def objective(self) -> float:
        """Return the mean log-loss over attributes: what is searched for the least of."""
        return float(np.mean(list(self.log_loss.values())))


def try_settings(settings: Settings, outputs: Path, tracker: Tracker, workers: int) -> float:
    """Return the objective of one trial; record it, also in MLflow, nested in the sweep's run.

    A trial that was made before is not made again, so that a sweep that was cut off goes on.

    Raises
    ------
    ConfigError
        If an attribute is unknown or the estimator does not know a setting.
    ModelError
        If the estimator refuses a value.
    """
    folder, tasks = sweep_tasks(settings, outputs)
    before = trials(folder)
    params = {key: value for key, value in recipe(settings).items() if key.startswith("model.")}
    known = next((trial for trial in before if trial.params == params), None)
    if known is not None:
        console.say(f"sweep: trial {known.number} was made before, log-loss {known.objective:.4f}")
        return known.objective
    started = time.monotonic()
    losses = _losses(tasks, settings, workers, params)
    trial = Trial(len(before), as_plain(settings.model), params, losses, time.monotonic() - started)
    told = described(trial.params, before[0].params if before else params)
    _track(settings, tracker, folder.name, trial, told)
    write_json(folder / "trials" / f"{trial.number:04d}.json", asdict(trial))
    console.say(f"sweep: trial {trial.number}: log-loss {trial.objective:.4f} in {trial.seconds:.0f} s, {told}")
    return trial.objective


def sweep_tasks(settings: Settings, outputs: Path) -> tuple[Path, list[Task]]:
    """Return the sweep's folder and the tasks of its attributes with all labels, prepared once."""
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    first_us = min(facts["first_us"] for facts in events["logs"].values())
    chosen = _chosen(settings)
    stamps = {
        at: read_manifest(snapshot_folder(outputs, at))["fingerprint"]
        for at in snapshot_instants(chosen.attributes, as_of_us, first_us)
    }
    plain = as_plain(chosen)
    used = {key: plain[key] for key in ("sweep", "attributes", "evaluation", "features", "seed")}
    profiles = read_manifest(outputs / "profiles")["fingerprint"]
    read = settings.model.min_labels_per_value, settings.model.max_customers
    known_as = fingerprint(
        stamps, profiles, used, *read, code_fingerprint(__name__, "pipeline.model", "pipeline.engine")
    )
    folder = outputs / "sweeps" / f"{settings.sweep.name}-{known_as[:12]}"
    file = folder / "tasks.joblib"
    if not file.exists():
        with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
            known, ineligible = collect_labels(engine, chosen, outputs, as_of_us, first_us)
            if not known:
                raise DataError(f"sweep: none of its attributes can be learnt: {'; '.join(ineligible.values())}")
            _, tasks = prepare(engine, chosen, outputs, known, as_of_us, folder)
        write_file(file, lambda path: joblib.dump(tasks, path))
    found: list[Task] = load_object(file)
    return folder, found


def trials(folder: Path) -> list[Trial]:
    """Return the trials that a sweep has made so far, in their order."""
    return [Trial(**json.loads(path.read_text("utf-8"))) for path in sorted((folder / "trials").glob("*.json"))]


def without_set_aside(task: Task, n_folds: int) -> Task:
    """Return a task that knows nothing of the set-aside customers."""
    return replace(task, labels=_others(task.labels, n_folds), earlier=_others(task.earlier, n_folds))


def objective_of(task: Task, model: Model, evaluation: Evaluation, seed: int) -> float:
    """Return the cross-validated log-loss of one attribute on the customers who are not set aside.

    Future attributes are fitted one horizon earlier than they are judged. One of `evaluation.folds` folds is set aside,
    the others are the folds of the first cross-validation; further repeats cut the same customers in other ways.
    """
    seen = without_set_aside(task, evaluation.folds)
    repeats = evaluation.repeats if len(task.labels.y) < evaluation.repeat_below else 1
    found = judge(seen, model, evaluation.folds, repeats, False, seed)
    return float(found.judged().score(LOG_LOSS))


def described(params: Mapping[str, str], default: Mapping[str, str]) -> str:
    """Return what a trial differs in from the default, as it is typed on the command line."""
    differs = changes(params, default)
    return " ".join(f"{key}={_rounded(now)}" for key, (now, _) in differs.items()) or "the default"


def sweep_run(settings: Settings, tracker: Tracker, known_as: str) -> Any:
    """Return the context of the sweep's own run in MLflow."""
    tags = {"stage": "sweep", "level": "sweep", "source": settings.data.name, "model": settings.model.name}
    tags |= {"mlflow.source.name": "pipeline"}
    return tracker.run("sweep", known_as, tags, shown=f"sweep {settings.sweep.name}, {settings.data.name}")


def _chosen(settings: Settings) -> Settings:
    """Return the settings with the sweep's attributes alone."""
    names = settings.sweep.attributes or tuple(settings.attributes)
    for name in names:
        if name not in settings.attributes:
            raise ConfigError(f"sweep.attributes: '{name}' is unknown {did_you_mean(name, settings.attributes)}")
    if not names:
        raise ConfigError(f"sweep: the source '{settings.data.name}' has no attributes to search by")
    return replace(settings, attributes={name: settings.attributes[name] for name in names})


def _others(labels: Labels, n_folds: int) -> Labels:
    return labels.of(labels.customers[folds(labels.customers, n_folds, fold_salt(0)) != 0])


def _losses(tasks: list[Task], settings: Settings, workers: int, params: Mapping[str, str]) -> dict[str, float]:
    jobs = [delayed(objective_of)(task, settings.model, settings.evaluation, settings.seed) for task in tasks]
    try:
        found = list(side_by_side(jobs, workers))
    except (ValueError, TypeError) as error:
        told = ", ".join(f"{key}={value}" for key, value in params.items() if key.startswith("model.estimator."))
        raise ModelError(f"sweep: the estimator refuses a value of this trial: {error} (tried: {told})") from None
    return {task.attribute: loss for task, loss in zip(tasks, found, strict=True)}


def _track(settings: Settings, tracker: Tracker, known_as: str, trial: Trial, told: str) -> None:
    key = fingerprint(known_as, trial.params)
    tags = {"stage": "sweep", "level": "trial", "source": settings.data.name, "model": settings.model.name}
    with sweep_run(settings, tracker, known_as) as parent:
        shown = f"trial {trial.number} {told}"[:200]
        with tracker.run("trial", key, tags, parent, shown) as run_id:
            of_each = {f"{LOG_LOSS}/{name}": loss for name, loss in trial.log_loss.items()}
            tracker.log(run_id, trial.params, {"objective": trial.objective, "seconds": trial.seconds, **of_each})


def _rounded(text: str) -> str:
    """Return a number with four digits, anything else as it is."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text
