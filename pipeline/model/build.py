"""Make the certified classifier that the configuration describes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator

from pipeline.errors import ConfigError, did_you_mean
from pipeline.model.certified import CertifiedClassifier
from pipeline.settings import Model


def build_estimator(target: dict[str, Any]) -> BaseEstimator:
    """Return the estimator that `_target_` names, made with the other entries as parameters.

    An entry that has a `_target_` of its own is made first, also within a mapping of names.

    Raises
    ------
    ConfigError
        If the name cannot be imported or a parameter does not exist.
    """
    name = target.get("_target_")
    if not name:
        raise ConfigError("model.estimator._target_: this key is required: the full name of a classifier's class")
    parameters = {key: _made(value) for key, value in target.items() if key != "_target_"}
    module_name, _, class_name = str(name).rpartition(".")
    try:
        module = import_module(module_name)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"model.estimator._target_: '{name}' cannot be imported: {error}") from None
    if not hasattr(module, class_name):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise ConfigError(
            f"model.estimator._target_: no '{class_name}' in {module_name} {did_you_mean(class_name, public)}"
        )
    made = getattr(module, class_name)
    known = made._get_param_names() if hasattr(made, "_get_param_names") else list(parameters)
    for key in parameters:
        if key not in known:
            raise ConfigError(f"model.estimator.{key}: unknown parameter of {class_name} {did_you_mean(key, known)}")
    estimator: BaseEstimator = made(**parameters)
    return estimator


def _made(value: Any) -> Any:
    """Return a parameter, with what it describes made first: an estimator, or several by name."""
    if not isinstance(value, dict):
        return value
    return build_estimator(value) if "_target_" in value else {name: _made(part) for name, part in value.items()}


def build_predictor(
    model: Model, min_precision: float | None, n_dense: int, seed: int, n_vector: int = 0, n_past: int = 0
) -> CertifiedClassifier:
    """Return an unfitted predictor of one attribute.

    Parameters
    ----------
    min_precision
        The attribute's own requirement, or None for the model's.
    n_dense
        Number of leading dense columns of its feature matrix.
    n_vector
        How many of these, the last ones, are the behaviour vector.
    n_past
        How many, the first ones, are the attribute's own past.
    """
    estimator = build_estimator(model.estimator)
    columns = {"n_dense": n_dense, "n_vector": n_vector, "n_past": n_past}
    own = estimator.get_params(deep=False)
    estimator.set_params(**{key: number for key, number in columns.items() if key in own})
    seeds = [name for name in estimator.get_params() if name.rpartition("__")[2] == "random_state"]
    estimator.set_params(**dict.fromkeys(seeds, seed))
    return CertifiedClassifier(
        estimator,
        folds=model.folds,
        calibration=model.calibration,
        min_precision=min_precision or model.min_precision,
        confidence=model.confidence,
        holdout_from=model.holdout_from,
        random_state=seed,
        set_coverage=model.set_coverage,
        certified_for=model.certified_for,
        novelty_level=model.novelty_level,
        n_dense=n_dense,
        n_past=n_past,
    )
