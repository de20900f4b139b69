"""Predictions for customers whom no step of a recipe had seen: what a predictor is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.judged import Judged
from pipeline.model.certification import Evidence


@dataclass(frozen=True)
class Round:
    """What one run of the recipe had to certify its thresholds with.

    `classes` are the positions of its classes among the attribute's values.
    """

    repeat: int
    fold: int
    classes: np.ndarray
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for customers whom no step of the recipe had seen.

    Attributes
    ----------
    customers, y
        Test customers and the positions of their true values, shape (n,).
    proba, prior
        Probabilities, and class shares on the training side, shape (repeats, n, n_values).
    stated
        Position of the stated value or -1, shape (repeats, n).
    folds
        Fold in which each one was a test customer, shape (repeats, n).
    sets
        Whether a value belongs to the prediction set, shape (repeats, n, n_values); all do for customers unlike the
        training customers, of whom nothing is ruled out.
    unlike
        Who is unlike the training customers, or out of their reach, so that nothing is stated, shape (repeats, n).
    rounds
        One per run of the recipe.
    n_events
        Events in all logs before the labels begin, shape (n,).
    silent_weight
        How many customers without a label each one stands for, up to a factor, shape (n,): see `Answering`; None where
        customers with labels are taken to be like all others.
    """

    customers: np.ndarray
    y: np.ndarray
    proba: np.ndarray
    prior: np.ndarray
    stated: np.ndarray
    folds: np.ndarray
    sets: np.ndarray
    unlike: np.ndarray
    rounds: tuple[Round, ...]
    n_events: np.ndarray
    silent_weight: np.ndarray | None = None

    def of(self, kept: np.ndarray) -> OutOfFold:
        """Return the predictions for some of the customers; `kept` is of shape (n,)."""
        return OutOfFold(
            self.customers[kept],
            self.y[kept],
            self.proba[:, kept],
            self.prior[:, kept],
            self.stated[:, kept],
            self.folds[:, kept],
            self.sets[:, kept],
            self.unlike[:, kept],
            self.rounds,
            self.n_events[kept],
            None if self.silent_weight is None else self.silent_weight[kept],
        )

    def judged(self) -> Judged:
        """Return what is kept of it to compare runs."""
        return Judged(self.customers, self.y, self.proba, self.stated, self.folds)
