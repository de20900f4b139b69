"""What a training leaves in MLflow: a nested run and a registered version per attribute, a summary above them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.cards import render
from pipeline.cards.facts import Training, make_card
from pipeline.plots import catalogue as draw_catalogue
from pipeline.predictor import Trained
from pipeline.promises import PASSES
from pipeline.promotion import Decision
from pipeline.settings import Attribute, Evaluation, Model, as_plain
from pipeline.tracking import Registered, Tracker, metric_name


def log_attribute(
    tracker: Tracker, run_id: str, trained: Trained, model: Model, evaluation: Evaluation, pictures: Path
) -> None:
    """Write parameters, metrics, tables and pictures of one attribute to its run."""
    params = {
        **flat(as_plain(model)),
        "min_precision": trained.predictor.min_precision,
        "certification": trained.predictor.certification_,
        "certifying_customers": int(trained.predictor.clean_like_.sum()),
        "catalogue_level": trained.predictor.levels_[0].catalogue,
        "calibration_chosen": trained.predictor.calibration_,
        "kind": trained.kind,
        "values": list(trained.values),
        "counts": trained.counts,
        "labels": sum(trained.counts.values()),
        "labelled_customers": trained.n_labelled,
        "n_features": len(trained.names),
        "test_folds": evaluation.folds,
        "test_repeats": trained.n_repeats,
    }
    tables = {
        "estimates": pd.DataFrame([asdict(estimate) for estimate in trained.estimates]),
        "certificates": certificates(trained),
        "calibrations": pd.DataFrame([asdict(tried) for tried in trained.predictor.calibrations_]),
        "top_features": _top(trained),
        "carried_by": trained.carried.table(),
    }
    tracker.log(run_id, params=params, metrics=metric_names(trained), tables=tables, folder=pictures)
    tracker.log_large(run_id, "out_of_fold", trained.out_of_fold)


def register_attribute(
    tracker: Tracker,
    run_id: str,
    trained: Trained,
    attribute: Attribute,
    asked: str,
    encoder: Registered,
    labels_us: int,
    key: str,
) -> Registered:
    """Register one predictor with what scoring must know about it."""
    total = sum(trained.counts.values())
    facts = {
        "attribute": trained.attribute,
        "kind": trained.kind,
        "values": list(trained.values),
        "prior": [n / total for n in trained.counts.values()],
        "question": asked,
        "contract": trained.contract,
        "aggregates": trained.aggregates,
        "n_features": len(trained.names),
        "encoder": [encoder.name, encoder.version],
        "hide": list(attribute.hide),
        "labels_us": labels_us,
        "horizon_days": attribute.future.horizon_days if attribute.future else 0,
        "certificates": certificates(trained).set_index("value")[["threshold", *PASSES]].to_dict("index"),
    }
    example = np.zeros((2, len(trained.names)))
    answer = trained.predictor.predict_proba(example)
    return tracker.register(trained.attribute, trained.predictor, example, answer, "predict_proba", run_id, key, facts)


def log_card(
    tracker: Tracker,
    run_id: str,
    version: Registered,
    trained: Trained,
    training: Training,
    labels_us: int,
    pictures: Path,
) -> None:
    """Write the model card to the attribute's run, and in short beside the registered version."""
    card = make_card(trained, training, labels_us, pictures)
    tracker.log(run_id, texts={"model_card.html": render.html(card)})
    tracker.describe(version, render.markdown(card))


def attribute_facts(trained: Trained, version: Registered, decision: Decision) -> dict[str, Any]:
    """Return what the manifest and the printed table say of one attribute."""
    area = trained.estimate("auc")
    stated = {}
    table = certificates(trained).set_index("value")
    for position, certificate in _by_position(trained):
        value = trained.values[position]
        stated[value] = {
            "n_stated": trained.estimate("precision", value).n,
            **{name: bool(table.loc[value, name]) for name in PASSES},
            "threshold": certificate.threshold,
            "reason": certificate.reason,
            "share": trained.counts[value] / max(1, sum(trained.counts.values())),
            **{metric: trained.estimate(metric, value).estimate for metric in ("coverage", "recall", "precision")},
        }
        if trained.found.silent_weight is not None:  # then the promise is about other customers
            silent = trained.estimate("precision_silent", value)
            stated[value]["promised"] = {"precision": silent.estimate, "n_stated": silent.n}
    return {
        "version": version.label,
        "min_precision": trained.predictor.min_precision,
        "role": decision.role,
        "role_reason": decision.reason,
        "kind": trained.kind,
        "n": area.n,
        "auc": [area.estimate, area.low, area.high],
        "counts": trained.counts,
        "labelled_customers": trained.n_labelled,
        "calibration": trained.predictor.calibration_,
        "ece": trained.estimate("ece").estimate,
        "values": stated,
    }


def log_summary(
    tracker: Tracker,
    run_id: str,
    results: list[Trained],
    ineligible: dict[str, str],
    min_precision: float,
    folder: Path,
) -> None:
    """Write the table attribute x metric and its picture to the training's run."""
    rows = []
    for trained in results:
        row: dict[str, Any] = {"attribute": trained.attribute, "kind": trained.kind}
        row["labels"] = sum(trained.counts.values())
        for e in trained.estimates:
            if not e.value:
                row |= {e.metric: e.estimate, f"{e.metric}_low": e.low, f"{e.metric}_high": e.high}
                row[f"{e.metric}_prior"] = e.prior
        rows.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    draw_catalogue([_catalogue_row(trained) for trained in results], folder / "catalogue.png", min_precision)
    areas = [trained.estimate("auc").estimate for trained in results]
    tracker.log(
        run_id,
        metrics={
            "attributes": len(results),
            "ineligible": len(ineligible),
            "mean_auc": float(np.mean(areas)) if areas else float("nan"),
            "values_certified": sum(c.certified for trained in results for _, c in _by_position(trained)),
        },
        tables={"attributes": pd.DataFrame(rows)},
        texts={"ineligible.json": json.dumps(ineligible, indent=1, ensure_ascii=False)},
        folder=folder,
    )


def certificates(trained: Trained) -> pd.DataFrame:
    """Return one row per value: from which probability on it is stated, on what evidence, and what it would pass."""
    predictor, rows = trained.predictor, []
    for i, (position, certificate) in enumerate(_by_position(trained)):
        p_value = predictor.evidence_[i].p_value
        passed = {f"pass_{scope}": passes for scope, passes in predictor.levels_[i].passed(p_value).items()}
        rows.append({"value": trained.values[position], **asdict(certificate), "p_value": p_value, **passed})
    return pd.DataFrame(rows)


def metric_names(trained: Trained) -> dict[str, float]:
    """Return MLflow metrics: `auc`, `auc_low`, `auc_high`, `auc_prior`, `auc_n`, …, and by value `recall/yes`, …."""
    named: dict[str, float] = {}
    for e in trained.estimates:
        key = f"{e.metric}/{metric_name(e.value)}" if e.value else e.metric
        named |= {key: e.estimate, f"{key}_low": e.low, f"{key}_high": e.high}
        named |= {f"{key}_prior": e.prior, f"{key}_n": e.n}
    return named


def git_commit() -> str:
    """Return the commit of the program's checkout, or *unknown*."""
    here = Path(__file__).parent
    try:
        asked = ["git", "rev-parse", "--show-toplevel", "HEAD"]
        found = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=here)
    except OSError:  # git is not installed
        return "unknown"
    lines = found.stdout.split("\n")
    # An installed package may lie in somebody else's repository.
    return lines[1] if len(lines) > 1 and Path(lines[0]) == here.parent else "unknown"


def yaml_safe(value: Any) -> Any:
    """Return nested settings without tuples, for YAML."""
    if isinstance(value, dict):
        return {str(key): yaml_safe(item) for key, item in value.items()}
    return [yaml_safe(item) for item in value] if isinstance(value, list | tuple) else value


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their full names.

    >>> flat({"model": {"folds": 5}})
    {'model.folds': 5}
    """
    found: dict[str, Any] = {}
    for key, value in nested.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def _by_position(trained: Trained) -> list[tuple[int, Any]]:
    predictor = trained.predictor
    return [(int(p), c) for p, c in zip(predictor.classes_, predictor.certificates_, strict=True)]


def _catalogue_row(trained: Trained) -> dict[str, Any]:
    area = trained.estimate("auc")
    certified = {position for position, certificate in _by_position(trained) if certificate.certified}
    total = sum(trained.counts.values())
    values = [
        {
            "value": value,
            "certified": position in certified,
            "coverage": trained.estimate("coverage", value).estimate,
            "recall": trained.estimate("recall", value).estimate,
            "prior": trained.counts[value] / total,
        }
        for position, value in enumerate(trained.values)
    ]
    interval = {"auc": area.estimate, "auc_low": area.low, "auc_high": area.high}
    return {"attribute": trained.attribute, "n": area.n, "values": values, **interval}


def _top(trained: Trained, n: int = 50) -> pd.DataFrame:
    importance = trained.carried.importance
    best = np.argsort(-importance, kind="stable")[:n]
    return pd.DataFrame({"feature": trained.names[best], "mean_absolute_contribution": importance[best]})
