"""How predictors are made, judged, compared and searched for (conf/model, evaluation, compare, sweep)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.settings.types import STRICT, Name, OpenShare, Share, Text, Texts, Whole


@dataclass(frozen=True, config=STRICT)
class Model:
    """How each attribute's predictor is made: estimator, calibration, certification."""

    name: str
    estimator: dict[str, Any]
    calibration: Literal["auto", "temperature", "sigmoid", "isotonic", "venn_abers"] = "auto"
    folds: Annotated[Whole, Field(ge=2)] = 5
    min_precision: OpenShare = 0.80
    confidence: OpenShare = 0.90
    min_labels_per_value: Annotated[Whole, Field(ge=2)] = 30
    max_customers: Annotated[Whole, Field(ge=1000)] = 100_000
    holdout_from: Annotated[Whole, Field(ge=100)] = 20_000
    set_coverage: OpenShare = 0.90
    certified_for: Literal["value", "attribute", "catalogue"] = "value"
    certified_among: Literal["silent", "labelled"] = "silent"
    novelty_level: Annotated[Share, Field(lt=1.0)] = 0.01


@dataclass(frozen=True, config=STRICT)
class Evaluation:
    """How predictors are judged on test customers."""

    folds: Annotated[Whole, Field(ge=2)] = 5
    repeats: Annotated[Whole, Field(ge=1)] = 2
    repeat_below: Annotated[Whole, Field(ge=0)] = 1_000
    single_split_from: Annotated[Whole, Field(ge=100)] = 20_000
    resamples: Annotated[Whole, Field(ge=100)] = 1000


@dataclass(frozen=True, config=STRICT)
class Compare:
    """Which trainings are set side by side, by what, and against which."""

    runs: Texts = ()
    last: Annotated[Whole, Field(ge=1)] = 3
    metric: Literal["auc", "log_loss", "brier", "accuracy"] = "auc"
    against: Text = "champion"


@dataclass(frozen=True, config=STRICT)
class Sweep:
    """A search for better settings of the model."""

    name: Name = "default"
    attributes: Texts = ()
