"""Test customers of one attribute and what a recipe said of them: kept as a table, read back to compare runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import metrics
from pipeline.columns import CUSTOMER
from pipeline.metrics import Floats, Ints

LOG_LOSS = "log_loss"
METRICS = ("auc", LOG_LOSS, "brier", "accuracy")
HIGHER_IS_BETTER = ("auc", "accuracy")


@dataclass(frozen=True)
class Judged:
    """Predictions of one attribute for customers whom no step of the recipe had seen.

    Attributes
    ----------
    customers, y
        Test customers and the positions of their true values, shape (n,).
    proba
        Probabilities, shape (n_repeats, n, n_values).
    stated
        Position of the stated value or -1, shape (n_repeats, n).
    folds
        Fold in which each one was a test customer, shape (n_repeats, n).
    """

    customers: NDArray[np.object_]
    y: Ints
    proba: Floats
    stated: Ints
    folds: Ints

    def table(self) -> pd.DataFrame:
        """Return one row per customer: id, y, mean log-loss, and by repeat fold, stated value and probabilities."""
        losses = [metrics.log_loss_rows(self.y, part) for part in self.proba]
        columns = {CUSTOMER: self.customers, "y": self.y, LOG_LOSS: np.mean(losses, axis=0)}
        for repeat, part in enumerate(self.proba):
            columns |= {f"fold_{repeat}": self.folds[repeat], f"stated_{repeat}": self.stated[repeat]}
            columns |= {f"proba_{repeat}_{value}": part[:, value] for value in range(part.shape[1])}
        return pd.DataFrame(columns)

    def first(self, n_repeats: int) -> Judged:
        """Return the first repeats alone."""
        return Judged(self.customers, self.y, self.proba[:n_repeats], self.stated[:n_repeats], self.folds[:n_repeats])

    def score(self, metric: str, weights: Floats | None = None) -> Floats:
        """Return a metric, the mean over repeats: one number, or one per row of `weights`."""
        return np.asarray(metrics.mean_defined([self._of_repeat(r, metric, weights) for r in range(len(self.proba))]))

    def fold_figures(self, metric: str) -> Floats:
        """Return a metric within each fold of each repeat, where it is defined, shape (at most repeats * folds,)."""
        figures = []
        for repeat, of_repeat in enumerate(self.folds):
            for fold in np.unique(of_repeat):
                inside = (of_repeat == fold).astype(np.float64)
                figures.append(float(self._of_repeat(repeat, metric, inside)))
        found = np.array(figures)
        return found[~np.isnan(found)]

    def coverage(self) -> tuple[float, float]:
        """Return the share of customers for whom a value is stated, and one besides the most common value."""
        most = np.bincount(self.y).argmax()
        said = self.stated >= 0
        return float(said.mean()), float((said & (self.stated != most)).mean())

    def _of_repeat(self, repeat: int, metric: str, weights: Floats | None) -> Floats:
        proba = self.proba[repeat]
        if metric == "auc":
            return np.asarray(metrics.auc(self.y, proba, weights, self.folds[repeat]))
        return np.asarray(getattr(metrics, metric)(self.y, proba, weights))


def judged_of(table: pd.DataFrame) -> Judged | None:
    """Return what `Judged.table` wrote, sorted by id, or None where a run of an earlier version kept losses alone.

    Examples
    --------
    >>> customers, proba = np.array(["a"], object), np.array([[[0.5, 0.5]]])
    >>> one = Judged(customers, np.array([1]), proba, np.array([[-1]]), np.array([[2]]))
    >>> judged_of(one.table()).folds.tolist()
    [[2]]
    """
    n_repeats = sum(str(column).startswith("fold_") for column in table.columns)
    if n_repeats == 0:
        return None
    table = table.sort_values(CUSTOMER, ignore_index=True)
    n_values = sum(str(column).startswith("proba_0_") for column in table.columns)
    proba = [table[[f"proba_{repeat}_{value}" for value in range(n_values)]] for repeat in range(n_repeats)]
    return Judged(
        table[CUSTOMER].astype(object).to_numpy(),
        table["y"].to_numpy(np.int64),
        np.array([part.to_numpy(np.float64) for part in proba]),
        np.array([table[f"stated_{repeat}"].to_numpy(np.int64) for repeat in range(n_repeats)]),
        np.array([table[f"fold_{repeat}"].to_numpy(np.int64) for repeat in range(n_repeats)]),
    )
