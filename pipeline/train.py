"""The training stage: labels, one predictor per attribute, runs in MLflow, champions in the registry."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import joblib
import yaml
from joblib import delayed

from pipeline import console
from pipeline.cards.facts import training_facts
from pipeline.catalogue import certify_catalogue
from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.snapshot import snapshot_folder
from pipeline.judging_set import JudgingSet
from pipeline.learning_set import collect_labels, prepare
from pipeline.outputs import fingerprint, is_current, read_manifest, whole, write_file
from pipeline.parallel import side_by_side
from pipeline.predictor import Task, Trained, train_attribute
from pipeline.predictor_pictures import draw_precision
from pipeline.program import code_fingerprint
from pipeline.promises import promise_kept
from pipeline.records import git_commit, log_summary, yaml_safe
from pipeline.registration import Registration, register_encoder, register_predictors
from pipeline.settings import Settings, as_plain
from pipeline.silence import tell_who_answers
from pipeline.summary import DESCRIPTION, catalogue_metrics, changes, description, last_like, recipe, training_name
from pipeline.timeline import as_of_name, resolve_as_of, snapshot_instants
from pipeline.tracking import WHOLE, Registered, Tracker
from pipeline.training_table import show_training


@dataclass(frozen=True)
class _Context:
    """One training; `training` is its fingerprint, `partial` where its files are written before they appear whole."""

    settings: Settings
    engine: DuckDBEngine
    tracker: Tracker
    outputs: Path
    as_of_us: int
    workers: int
    training: str
    partial: Path

    @property
    def pictures(self) -> Path:
        """Where each attribute has a folder of pictures."""
        return self.partial / "pictures"


def train(settings: Settings, outputs: Path, tracker: Tracker, workers: int) -> dict[str, Any]:
    """Train, judge, track and register a predictor for each attribute; return the manifest.

    Nothing is done where a finished training of the same inputs stands. A training that was cut off goes
    on: finished attributes are kept, its MLflow runs are taken up again, no version is registered twice.

    Raises
    ------
    ConfigError, DataError, LeakageError
        If an attribute is declared wrongly; too few labels are no error but reported.
    """
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    first_us = min(facts["first_us"] for facts in events["logs"].values())
    stamps = {
        at: read_manifest(snapshot_folder(outputs, at))["fingerprint"]
        for at in snapshot_instants(settings.attributes, as_of_us, first_us)
    }
    plain = as_plain(settings)
    used = {key: plain[key] for key in ("attributes", "model", "evaluation", "features", "seed")}
    profiles = read_manifest(outputs / "profiles")["fingerprint"]
    expected = fingerprint(
        stamps, profiles, used, tracker.uri, code_fingerprint(__name__, "pipeline.model", "pipeline.engine")
    )
    folder = outputs / "training"
    if is_current(folder, expected):
        found = read_manifest(folder)
        if all(tracker.knows(fact["version"]) for fact in found["attributes"].values()):
            console.say("train: nothing has changed since the last training")
            return found
        console.warn(f"train: the models of the last training are not in {tracker.uri}: training again")
    if not settings.attributes:
        console.warn(
            f"train: the source '{settings.data.name}' has no attributes, so there is nothing to learn: describe "
            f"them in conf/attributes/{settings.data.name}.yaml"
        )
    facts: dict[str, Any] = {"as_of_us": as_of_us, "data_fingerprint": events["fingerprint"], "attributes": {}}
    # One thread: sums of doubles then have one order, and labels at a bound do not flip.
    with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
        known, facts["ineligible"] = collect_labels(engine, settings, outputs, as_of_us, first_us)
        with whole(folder, expected, facts) as partial:
            encoder, tasks = prepare(engine, settings, outputs, known, as_of_us, partial)
            tasks = tell_who_answers(settings, tasks, workers, partial / "matrices")
            context = _Context(settings, engine, tracker, outputs, as_of_us, workers, expected, partial)
            _run(context, encoder, tasks, facts)
            for needless in ("matrices", "predictors"):  # the registry holds the models
                shutil.rmtree(partial / needless, ignore_errors=True)
    show_training(facts)
    return facts


def _run(context: _Context, encoder: BehaviourEncoder, tasks: list[Task], facts: dict[str, Any]) -> None:
    """Train the tasks side by side; then track, register and decide on champions, one after another."""
    started = time.monotonic()
    settings, tracker = context.settings, context.tracker
    params = recipe(settings)
    last = last_like(tracker.trainings(), settings.model.name, context.training)
    differs = changes(params, last.params) if last else {}
    shown = training_name(settings, differs, datetime.now())
    tags = _tags(settings, facts["data_fingerprint"], context.as_of_us)
    key = f"train {settings.model.name} {context.training[:6]}"
    with tracker.run(key, context.training, {**tags, **WHOLE}, shown=shown) as parent:
        config = yaml.safe_dump(yaml_safe(as_plain(settings)), sort_keys=False)
        tracker.log(parent, params, texts={"config.yaml": config})
        results, facts["catalogue_level"] = _certify(context, _fit(context, tasks))
        registered = register_encoder(tracker, encoder, context.as_of_us, parent, context.training)
        facts["encoder"] = registered.label
        shared = _registration(context, parent, tags, registered, tasks, results)
        facts["attributes"] = register_predictors(shared, results)
        tracker.log(parent, metrics=catalogue_metrics(results, facts["attributes"], time.monotonic() - started))
        facts["promise"] = promise_kept(facts["attributes"])
        tracker.log(parent, metrics={f"values_{name}": float(n) for name, n in facts["promise"].items()})
        pictures = context.pictures / "_training"
        log_summary(tracker, parent, results, facts["ineligible"], settings.model.min_precision, pictures)
        tracker.tag(parent, {DESCRIPTION: description(facts["attributes"], facts["ineligible"], last, differs)})


def _tags(settings: Settings, data_fingerprint: str, as_of_us: int) -> dict[str, str]:
    """Return what every run of a training is tagged with."""
    return {
        "stage": "train",
        "source": settings.data.name,
        "model": settings.model.name,
        "data_fingerprint": data_fingerprint,
        "git_commit": git_commit(),
        "mlflow.source.name": "pipeline",
        "as_of": as_of_name(as_of_us),
    }


def _fit(context: _Context, tasks: list[Task]) -> list[Trained]:
    """Return all results in the order of the tasks; those that an earlier, cut-off run finished are kept."""
    waiting = [task for task in tasks if not _result_file(context.partial, task.attribute).exists()]
    waiting.sort(key=lambda task: len(task.labels.y) * max(1, len(task.labels.values) - 1), reverse=True)
    jobs = [delayed(_train_and_save)(task, context.settings, context.partial) for task in waiting]
    with console.progress("train", len(tasks)) as step:
        for task in tasks:
            if task not in waiting:
                step(f"{task.attribute} (kept)")
        for name in side_by_side(jobs, context.workers, in_order=False):
            step(name)
    return [joblib.load(_result_file(context.partial, task.attribute)) for task in tasks]


def _train_and_save(task: Task, settings: Settings, partial: Path) -> str:
    pictures = partial / "pictures" / task.attribute
    trained = train_attribute(task, settings.model, settings.evaluation, settings.seed, pictures)
    write_file(_result_file(partial, task.attribute), lambda path: joblib.dump(trained, path))
    return task.attribute


def _result_file(partial: Path, attribute: str) -> Path:
    return partial / "predictors" / f"{attribute}.joblib"


def _certify(context: _Context, results: list[Trained]) -> tuple[list[Trained], float]:
    """Return the results certified with all of the catalogue, and the catalogue's level; see `certify_catalogue`."""
    model, evaluation = context.settings.model, context.settings.evaluation
    results, level = certify_catalogue(results, model, evaluation, context.settings.seed)
    if model.certified_for == "catalogue":  # only now are the thresholds known
        for trained in results:
            folder = context.pictures / trained.attribute
            draw_precision(trained.predictor, trained.values, trained.attribute, folder)
    return results, level


def _registration(
    context: _Context,
    parent: str,
    tags: dict[str, str],
    encoder: Registered,
    tasks: list[Task],
    results: list[Trained],
) -> Registration:
    settings, outputs, as_of_us = context.settings, context.outputs, context.as_of_us
    manifests = (read_manifest(outputs / "events"), read_manifest(outputs / "profiles"))
    judged = {one.attribute: one.out_of_fold[CUSTOMER].to_numpy(dtype=object) for one in results}
    return Registration(
        settings=settings,
        tracker=context.tracker,
        training=context.training,
        as_of_us=as_of_us,
        parent=parent,
        tags=tags,
        encoder=encoder,
        judging=JudgingSet(context.engine, settings, outputs, judged, as_of_us),
        told=training_facts(settings, *manifests, tasks, as_of_us, tags["git_commit"]),
        pictures=context.pictures,
    )
