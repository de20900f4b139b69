"""Small neural networks on a few columns: smooth where trees are steps, averaged into one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from pipeline.model.blocks import Floats, Ints

# Chosen on training customers of the synthetic operator (20,000 labels of two attributes): penalties of 3 and 10 were
# 0.002 and 0.012 worse in AUC (of a third one, 0.001 better); 16 or 64 units, or twice the passes, no different.
_UNITS, _PENALTY, _PASSES, _BATCH, _LEARNING_RATE = 32, 1.0, 12, 256, 1e-3
_FAR = 5.0  # standard deviations; what lies beyond is clipped
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Networks:
    """The mean of some networks with one hidden layer each, which is itself one with all their units.

    A column x becomes sign(x) ln(1 + |x|), standardised with the training customers' moments and clipped; NaN becomes
    the mean, and an indicator beside the columns tells where a value is unknown. The networks differ in their seeds
    alone (Hansen, Salamon 1990, doi:10.1109/34.58871), are drawn to small weights and stop after a fixed number of
    passes of Adam (Kingma, Ba 2015, arXiv:1412.6980).

    Attributes
    ----------
    mean, spread : (n_columns + n_doubtful,) moments of the inputs
    doubtful : (n_doubtful,) columns that have an indicator
    inward, threshold : (n_inputs, n_units) and (n_units,) of the hidden layer
    outward, intercept : (n_units, n_scores) and (n_scores,); one score for two classes, the second's log-odds
    """

    mean: Floats
    spread: Floats
    doubtful: Ints
    inward: Floats
    threshold: Floats
    outward: Floats
    intercept: Floats

    @classmethod
    def fit(cls, columns: NDArray[np.float32], y_index: Ints, n_networks: int, random_state: int) -> Networks:
        """Fit to columns (n, n_columns), in which NaN means unknown, and class indices (n,)."""
        unknown = np.isnan(columns)
        doubtful = np.flatnonzero(unknown.any(axis=0) & ~unknown.all(axis=0))
        raw = _squeezed(columns, doubtful)
        known = ~np.isnan(raw)
        n = np.maximum(known.sum(axis=0), 1)
        # In double precision: sums of float32 down the rows err so much that a constant column seems to vary.
        mean = np.where(known, raw, 0.0).sum(axis=0, dtype=np.float64) / n
        spread = np.sqrt((np.where(known, raw - mean, 0.0) ** 2).sum(axis=0) / n)
        varied = spread > _LEAST_SPREAD * (1 + np.abs(mean))
        spread = np.where(varied, spread, np.inf)  # what never varied says nothing later, too
        inputs = _standardised(raw, mean, spread)
        fitted = []
        for number in range(n_networks):
            network = MLPClassifier(
                (_UNITS,),
                alpha=_PENALTY,
                batch_size=min(_BATCH, len(y_index)),
                learning_rate_init=_LEARNING_RATE,
                max_iter=_PASSES,
                random_state=random_state + number,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # stopping before is the point
                fitted.append(network.fit(inputs, y_index))
        return cls(
            mean,
            spread,
            doubtful,
            np.hstack([network.coefs_[0] for network in fitted], dtype=np.float64),
            np.concatenate([network.intercepts_[0] for network in fitted], dtype=np.float64),
            np.vstack([network.coefs_[1] for network in fitted], dtype=np.float64) / n_networks,
            np.mean([network.intercepts_[1] for network in fitted], axis=0, dtype=np.float64),
        )

    def scores(self, columns: NDArray[np.float32]) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        In double precision: a customer's score must not depend on who else is asked.
        """
        hidden = np.maximum(self._inputs(columns) @ self.inward + self.threshold, 0.0)
        scores = np.asarray(hidden @ self.outward + self.intercept, dtype=np.float64)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def contributions(self, columns: NDArray[np.float32], class_index: int) -> Floats:
        """Return what each column adds to the score of a class, shape (n, n_columns); for two classes, to its log-odds.

        DeepLIFT's rescale rule (Shrikumar, Greenside, Kundaje 2017, arXiv:1704.02685) with the mean customer as
        the reference: a unit hands what it differs by on to its inputs, in proportion to what each adds to its
        argument. A row plus the mean customer's score is the score; of more than two classes, less the mean over the
        classes. An indicator's part goes to its column.
        """
        inputs = self._inputs(columns)
        argument = inputs @ self.inward
        differs = np.maximum(argument + self.threshold, 0.0) - np.maximum(self.threshold, 0.0)
        slope = np.divide(differs, argument, out=np.zeros_like(argument), where=np.abs(argument) > 1e-6)
        if self.outward.shape[1] == 1:
            outward = (2 * class_index - 1) * self.outward[:, 0]
        else:
            outward = self.outward[:, class_index] - self.outward.mean(axis=1)
        pushes = np.asarray(inputs * ((slope * outward) @ self.inward.T), dtype=np.float64)
        parts = pushes[:, : columns.shape[1]].copy()
        parts[:, self.doubtful] += pushes[:, columns.shape[1] :]
        return parts

    def _inputs(self, columns: NDArray[np.float32]) -> NDArray[np.float32]:
        return _standardised(_squeezed(columns, self.doubtful), self.mean, self.spread)


def _squeezed(columns: NDArray[np.float32], doubtful: Ints) -> NDArray[np.float32]:
    """Return sign(x) ln(1 + |x|) of the columns, and the indicators beside them."""
    return np.hstack([np.sign(columns) * np.log1p(np.abs(columns)), np.isnan(columns[:, doubtful])], dtype=np.float32)


def _standardised(raw: NDArray[np.float32], mean: Floats, spread: Floats) -> NDArray[np.float32]:
    return np.nan_to_num((raw - mean) / spread).clip(-_FAR, _FAR).astype(np.float32)
