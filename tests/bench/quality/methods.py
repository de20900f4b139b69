"""What is compared: a recipe of `conf/model`, the features it may read, and whose features they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pipeline.errors import ConfigError, did_you_mean
from tests.bench.settings import composed


@dataclass(frozen=True)
class Method:
    """A way to learn an attribute.

    Every method is given the same labels and folds, and is calibrated and certified by the same
    `CertifiedClassifier`, so that log-loss and coverage compare the models and not their calibration.

    Attributes
    ----------
    model
        File of `conf/model`; further ones are compared by adding a line below.
    columns
        "all" features; "aggregates": neither tokens nor behaviour vectors nor the attribute's own past; or "past": that
        alone, so that only future attributes can be learnt.
    features
        Who makes the features: this package, or featuretools by deep feature synthesis from the same events.
    """

    name: str
    title: str
    model: str
    columns: Literal["all", "aggregates", "past"] = "all"
    features: Literal["pipeline", "featuretools"] = "pipeline"


METHODS = {
    method.name: method
    for method in (
        Method("prior", "class shares", "prior"),
        Method("persistence", "logistic on its own past", "persistence", columns="past"),
        Method("logistic", "logistic on TF-IDF", "logistic"),
        Method("lightgbm", "LightGBM on aggregates", "lightgbm", columns="aggregates"),
        Method("featuretools", "featuretools + LightGBM", "lightgbm", features="featuretools"),
        Method("ours", "blended", "blended"),
    )
}


def chosen(names: list[str] | None) -> list[Method]:
    """Return the methods of these names, in the order of the list above; None: all.

    Raises
    ------
    ConfigError
        If one does not exist.
    """
    return [METHODS[name] for name in listed(names, METHODS, "--methods")]


def listed(names: list[str] | None, known: Any, option: str) -> list[str]:
    """Return the known names among `names`, in the order of `known`; None: all of them.

    Raises
    ------
    ConfigError
        If a name is not known.
    """
    for name in names or ():
        if name not in known:
            raise ConfigError(f"{option}: '{name}' does not exist {did_you_mean(name, known)}")
    return [name for name in known if names is None or name in names]


def recipe(model: str) -> dict[str, Any]:
    """Return a model's configuration."""
    found: dict[str, Any] = composed(f"model={model}")["model"]
    return found
