"""The training stage: labels, one predictor per attribute, runs in MLflow, champions in the registry."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import joblib
import scipy.sparse as sp
import yaml
from joblib import delayed

from pipeline import console
from pipeline.cards.facts import Training, training_facts
from pipeline.catalogue import certify_catalogue
from pipeline.columns import CUSTOMER
from pipeline.engine import DuckDBEngine
from pipeline.features.encoder import BehaviourEncoder
from pipeline.features.snapshot import snapshot_folder
from pipeline.judging_set import JudgingSet
from pipeline.learning_set import collect_labels, prepare
from pipeline.outputs import code_fingerprint, fingerprint, is_current, read_manifest, whole, write_file
from pipeline.parallel import side_by_side
from pipeline.predictor import Task, Trained, draw_precision, train_attribute
from pipeline.promotion import Decision, decide, old_losses, question, superseded
from pipeline.records import (
    attribute_facts,
    git_commit,
    log_attribute,
    log_card,
    log_summary,
    promise_kept,
    register_attribute,
    yaml_safe,
)
from pipeline.settings import Settings, as_plain
from pipeline.silence import tell_who_answers
from pipeline.summary import DESCRIPTION, catalogue_metrics, changes, description, last_like, recipe, training_name
from pipeline.timeline import as_of_name, instants, resolve_as_of, snapshot_instants
from pipeline.tracking import CHALLENGER, CHAMPION, WHOLE, Registered, Tracker

ENCODER = "behaviour_encoder"


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
    expected = fingerprint(stamps, profiles, used, tracker.uri, code_fingerprint())
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
            _run(settings, outputs, tracker, engine, workers, expected, encoder, tasks, partial, facts)
            for needless in ("matrices", "predictors"):  # the registry holds the models
                shutil.rmtree(partial / needless, ignore_errors=True)
    _report(facts)
    return facts


def _run(
    settings: Settings,
    outputs: Path,
    tracker: Tracker,
    engine: DuckDBEngine,
    workers: int,
    training: str,
    encoder: BehaviourEncoder,
    tasks: list[Task],
    partial: Path,
    facts: dict[str, Any],
) -> None:
    """Train the tasks side by side; then track, register and decide on champions, one after another."""
    tags = {
        "stage": "train",
        "source": settings.data.name,
        "model": settings.model.name,
        "data_fingerprint": facts["data_fingerprint"],
        "git_commit": git_commit(),
        "mlflow.source.name": "pipeline",
        "as_of": as_of_name(facts["as_of_us"]),
    }
    started, params = time.monotonic(), recipe(settings)
    last = last_like(tracker.trainings(), settings.model.name, training)
    differs = changes(params, last.params) if last else {}
    shown = training_name(settings, differs, datetime.now())
    key = f"train {settings.model.name} {training[:6]}"
    with tracker.run(key, training, {**tags, **WHOLE}, shown=shown) as parent:
        tracker.log(
            parent, params, texts={"config.yaml": yaml.safe_dump(yaml_safe(as_plain(settings)), sort_keys=False)}
        )
        results = _fit(settings, tasks, workers, partial)
        results, facts["catalogue_level"] = certify_catalogue(
            results, settings.model, settings.evaluation, settings.seed
        )
        if settings.model.certified_for == "catalogue":  # only now are the thresholds known
            for trained in results:
                folder = partial / "pictures" / trained.attribute
                draw_precision(trained.predictor, trained.values, trained.attribute, folder)
        registered = _register_encoder(tracker, training, encoder, parent, facts)
        manifests = (read_manifest(outputs / "events"), read_manifest(outputs / "profiles"))
        told = training_facts(settings, *manifests, tasks, facts["as_of_us"], tags["git_commit"])
        judged = {one.attribute: one.out_of_fold[CUSTOMER].to_numpy(dtype=object) for one in results}
        judging = JudgingSet(engine, settings, outputs, judged, facts["as_of_us"])
        with console.progress("register", len(results)) as step:
            for trained in results:
                own = {**tags, "attribute": trained.attribute, "kind": trained.kind}
                key = f"{training}-{trained.attribute}"
                finished = tracker.finished(key, trained.attribute) is not None
                with tracker.run(trained.attribute, key, own, parent) as run_id:
                    facts["attributes"][trained.attribute] = _track(
                        settings,
                        tracker,
                        judging,
                        run_id,
                        training,
                        trained,
                        registered,
                        partial,
                        facts["as_of_us"],
                        finished,
                        told,
                    )
                step(trained.attribute)
        tracker.log(parent, metrics=catalogue_metrics(results, facts["attributes"], time.monotonic() - started))
        facts["promise"] = promise_kept(facts["attributes"])
        tracker.log(parent, metrics={f"values_{name}": float(n) for name, n in facts["promise"].items()})
        pictures = partial / "pictures" / "_training"
        log_summary(tracker, parent, results, facts["ineligible"], settings.model.min_precision, pictures)
        tracker.tag(parent, {DESCRIPTION: description(facts["attributes"], facts["ineligible"], last, differs)})


def _fit(settings: Settings, tasks: list[Task], workers: int, partial: Path) -> list[Trained]:
    """Return all results in the order of the tasks; those that an earlier, cut-off run finished are kept."""
    waiting = [task for task in tasks if not _result_file(partial, task.attribute).exists()]
    waiting.sort(key=lambda task: len(task.labels.y) * max(1, len(task.labels.values) - 1), reverse=True)
    jobs = [delayed(_train_and_save)(task, settings, partial) for task in waiting]
    with console.progress("train", len(tasks)) as step:
        for task in tasks:
            if task not in waiting:
                step(f"{task.attribute} (kept)")
        for name in side_by_side(jobs, workers, in_order=False):
            step(name)
    return [joblib.load(_result_file(partial, task.attribute)) for task in tasks]


def _track(
    settings: Settings,
    tracker: Tracker,
    judging: JudgingSet,
    run_id: str,
    training: str,
    trained: Trained,
    encoder: Registered,
    partial: Path,
    as_of_us: int,
    finished: bool,
    told: Training,
) -> dict[str, Any]:
    """Write one attribute's run, register its predictor and decide on its role."""
    name = trained.attribute
    attribute = settings.attributes[name]
    labels_us = instants(attribute, as_of_us).labels_us
    log_attribute(tracker, run_id, trained, settings.model, settings.evaluation, partial / "pictures" / name)
    key = f"{training}-{name}"
    before = tracker.champion(name)
    asked = question(attribute, settings.model)
    version = register_attribute(tracker, run_id, trained, attribute, asked, encoder, labels_us, key)
    finished = finished and "decision" in version.facts  # registering marks the run as finished for a moment
    replaced = superseded(before, trained, asked) if before is not None else None
    if "decision" in version.facts:  # this training was run before, or was cut off after it decided
        decision = Decision(**version.facts["decision"])
        if finished:
            decision = replace(decision, role=CHAMPION if before and before.version == version.version else CHALLENGER)
    elif before is None:
        decision = Decision(CHAMPION, "the first version")
    elif replaced is not None:
        decision = Decision(CHAMPION, replaced)
    else:
        old, why = old_losses(tracker, before, trained, labels_us, lambda encoder: judging.features(name, encoder))
        decision = decide(trained.losses, old, why, settings.seed)
    tracker.note(version, "decision", asdict(decision))
    log_card(tracker, run_id, version, trained, told, labels_us, partial / "pictures" / name)
    if not finished:
        tracker.promote(version, decision.role)
    tracker.tag(run_id, {"role": decision.role, "role_reason": decision.reason})
    return attribute_facts(trained, version, decision)


def _train_and_save(task: Task, settings: Settings, partial: Path) -> str:
    pictures = partial / "pictures" / task.attribute
    trained = train_attribute(task, settings.model, settings.evaluation, settings.seed, pictures)
    write_file(_result_file(partial, task.attribute), lambda path: joblib.dump(trained, path))
    return task.attribute


def _result_file(partial: Path, attribute: str) -> Path:
    return partial / "predictors" / f"{attribute}.joblib"


def _register_encoder(
    tracker: Tracker, training: str, encoder: BehaviourEncoder, parent: str, facts: dict[str, Any]
) -> Registered:
    example = sp.csr_matrix((2, len(encoder.vocabulary)))
    told = {"fingerprint": encoder.fingerprint_, "tokens": len(encoder.vocabulary), "as_of_us": facts["as_of_us"]}
    version = tracker.register(
        ENCODER, encoder, example, encoder.transform(example), "transform", parent, training, told
    )
    tracker.promote(version, CHAMPION)
    facts["encoder"] = version.label
    return version


def _report(facts: dict[str, Any]) -> None:
    rows = []
    for name, fact in facts["attributes"].items():
        area, low, high = fact["auc"]
        stated = [
            f"{value} {item['coverage']:.0%} ({item['precision']:.0%} right, {item['share']:.0%} are)"
            if item["coverage"]
            else f"{value} (not measured)"
            for value, item in fact["values"].items()
            if item["threshold"] is not None
        ]
        rows.append(
            [
                name,
                f"{fact['n']:,}",
                f"{area:.3f} [{low:.3f}, {high:.3f}]",
                ", ".join(stated) or "withheld",
                fact["role"],
            ]
        )
    console.table(
        "Predictors, judged on test customers",
        ["attribute", "customers", "AUC [95 %]", "certified: stated for (right, base rate)", "role"],
        rows,
        "AUC of the prior is 0.500. A value is stated only where its precision is certified; shares are of all test "
        "customers.",
    )
    kept = facts["promise"]
    console.say(
        f"Of {kept['tested']} values {kept['certified']} are certified, {kept['majority']} of them their attribute's "
        f"most common one; {kept['kept']} of the {kept['measured']} that were stated to test customers "
        f"({kept['undeployed']} of which the deployed model does not state) were right as often as promised. A value "
        "besides the most common one is certified, and stated for at least a fifth of those who have it, for "
        f"{kept['useful']} of {len(facts['attributes'])} attributes."
    )
    console.say(
        f"Certified each by itself: {kept['pass_value']} values; with all of its attribute: {kept['pass_attribute']}; "
        f"with all of the catalogue: {kept['pass_catalogue']}. On test customers, of {kept['attributes_stated']} "
        f"attributes with a stated value {kept['attributes_kept']} kept the required precision with every value "
        f"({kept['attributes_kept'] / max(1, kept['attributes_stated']):.0%}); for {kept['attributes_broken']} an "
        "exact test says at 5 % that they miss it. This judges the recipe, which was run without them."
    )
