"""Pictures of one attribute's predictor, for its run in MLflow and its model card."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.explanation.carriers import Carried
from pipeline.model.certified import CertifiedClassifier
from pipeline.out_of_fold import OutOfFold
from pipeline.plots import carriers, confusion, precision_coverage, reliability


def draw_predictor(
    attribute: str,
    values: tuple[str, ...],
    predictor: CertifiedClassifier,
    found: OutOfFold,
    carried: Carried,
    folder: Path,
) -> None:
    """Draw how good probabilities are, what is stated how precisely, what is confused, and what carries the answers."""
    folder.mkdir(parents=True, exist_ok=True)
    reliability(found.y, found.proba[0], values, attribute, folder / "reliability.png")
    draw_precision(predictor, values, attribute, folder)
    confusion(found.y, found.proba[0], values, attribute, folder / "confusion.png")
    carriers(carried, values, attribute, folder / "carried_by.png")


def draw_precision(predictor: CertifiedClassifier, values: tuple[str, ...], attribute: str, folder: Path) -> None:
    """Draw precision against coverage on the customers that certified the thresholds of the deployed predictor."""
    like = predictor.clean_like_
    thresholds, clean = np.full(len(values), np.inf), np.zeros((int(like.sum()), len(values)))
    thresholds[predictor.classes_], clean[:, predictor.classes_] = predictor.thresholds_, predictor.clean_proba_[like]
    certified_by = predictor.classes_[predictor.clean_y_[like]]
    title, path = f"{attribute}, certification", folder / "precision_coverage.png"
    precision_coverage(certified_by, clean, values, thresholds, predictor.min_precision, title, path)
