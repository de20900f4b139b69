"""What MLflow's list of trainings shows of each: a name, parameters, comparable metrics, a description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from pipeline.predictor import Trained
from pipeline.records import flat
from pipeline.settings import Settings, as_plain
from pipeline.tracking import CHAMPION, TRAINING, Run

DESCRIPTION = "mlflow.note.content"  # tag that the UI shows as the run's description, in Markdown
_MEANS = ("auc", "log_loss", "brier", "ece", "coverage")  # what MLflow's charts begin with is logged first
_LONGEST = 3  # settings that are named in a run's name


def recipe(settings: Settings) -> dict[str, str]:
    """Return what decides a training's quality, by the keys of the command line, as MLflow keeps parameters."""
    plain = as_plain(settings)
    chosen = {key: plain[key] for key in ("model", "evaluation", "features")} | {"seed": settings.seed}
    if settings.data.sample is not None:
        chosen["data.sample"] = settings.data.sample
    return {key: str(value) for key, value in flat(chosen).items()}


def last_like(trainings: Iterable[Run], model: str, training: str) -> Run | None:
    """Return the first of `trainings`, the newest first, that has the same recipe and is not this training."""
    return next((r for r in trainings if r.tags.get("model") == model and r.tags.get(TRAINING) != training), None)


def changes(params: Mapping[str, str], before: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the settings that differ, as (now, before); a setting that one of them does not name is *not set*.

    >>> changes({"model.folds": "5", "seed": "1"}, {"model.folds": "5", "seed": "0"})
    {'seed': ('1', '0')}
    """
    keys = [key for key in dict.fromkeys([*params, *before]) if params.get(key) != before.get(key)]
    return {key: (params.get(key, "not set"), before.get(key, "not set")) for key in keys}


def training_name(settings: Settings, differs: Mapping[str, tuple[str, str]], now: datetime) -> str:
    """Return a name that tells recipe, what differs from the last training of the same recipe, time and source.

    What differs comes early, for the UI shows the beginning of a name.

    >>> from pipeline.settings import Data, Log, Model
    >>> data = Data("shop", {"log": Log(path="x", id="id", time="time")})
    >>> settings = Settings(data, Model("logistic", {}))
    >>> training_name(settings, {"model.estimator.C": ("4.0", "2.0")}, datetime(2024, 5, 6, 7, 8))
    'logistic C=4.0, 2024-05-06 07:08:00, shop'
    """
    said = [f"{_short(key)}={now_is}" for key, (now_is, _) in differs.items()]
    told = ", ".join(said) if len(said) <= _LONGEST else f"{len(said)} settings differ"
    return f"{f'{settings.model.name} {told}'.strip()[:150]}, {now:%Y-%m-%d %H:%M:%S}, {settings.data.name}"


def catalogue_metrics(results: Sequence[Trained], facts: Mapping[str, Any], seconds: float) -> dict[str, float]:
    """Return what trainings of one catalogue can be charted by: means, counts, and each attribute's AUC.

    `auc/<attribute>` stands on the training's own run as well, so that MLflow's parallel coordinates and its
    comparison of runs show attributes side by side.
    """
    found = {}
    for metric in _MEANS:
        figures = [trained.estimate(metric).estimate for trained in results]
        found[f"mean_{metric}"] = float(np.mean(figures)) if figures else float("nan")
    found["seconds"] = seconds
    found |= {f"auc/{trained.attribute}": trained.estimate("auc").estimate for trained in results}
    found["champions"] = sum(fact["role"] == CHAMPION for fact in facts.values())
    return found


def description(
    facts: Mapping[str, Any], ineligible: Mapping[str, str], last: Run | None, differs: Mapping[str, tuple[str, str]]
) -> str:
    """Return a training's description: what differs from the last one, and a table of its attributes, in Markdown.

    Parameters
    ----------
    facts
        `records.attribute_facts` by attribute.
    last
        The last training of the same recipe, from which it differs.
    """
    lines = []
    if last is not None:
        lines.append(f"Compared with *{last.name}*: " + ("" if differs else "the same settings."))
        lines += [f"* `{key}`: {now} (was {before})" for key, (now, before) in differs.items()]
    lines += ["", "| attribute | customers | AUC [95 %] | certified values, stated for | role |"]
    lines += ["| --- | ---: | --- | --- | --- |"]
    for name, fact in facts.items():
        area, low, high = fact["auc"]
        stated = [
            f"{value} {item['coverage']:.0%}" for value, item in fact["values"].items() if item["threshold"] is not None
        ]
        told = ", ".join(stated).replace("|", "\\|") or "withheld"
        lines.append(f"| {name} | {fact['n']:,} | {area:.3f} [{low:.3f}, {high:.3f}] | {told} | {fact['role']} |")
    lines += [f"\nNot learnt: *{name}*: {reason}" for name, reason in ineligible.items()]
    return "\n".join(lines).strip()


def _short(key: str) -> str:
    """Return the last part of a key, with the one before it where that names a member.

    >>> _short("model.estimator.members.linear.C"), _short("evaluation.repeats")
    ('linear.C', 'repeats')
    """
    parts = key.split(".")
    return ".".join(parts[-2:]) if len(parts) > 3 and parts[-2] != "estimator" else parts[-1]
