"""Which customers and values a picture of probabilities shows, and what it says about the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from pipeline.metrics import Floats, Ints
from pipeline.plots import style
from pipeline.plots.text import plain


def usable(y: Ints, proba: Floats, values: Sequence[str]) -> tuple[Ints, Floats, list[str]]:
    """Return `y` and `proba` (n, n_values) of those who have probabilities, and what is odd about them."""
    y = np.asarray(y, dtype=np.int64).ravel()
    proba = np.asarray(proba, dtype=np.float64).reshape(len(y), len(values))
    known = np.isfinite(proba).all(axis=1) & (len(values) > 0)
    n_lost, present = int((~known).sum()), np.unique(y[known])
    note = [f"{n_lost:,} customers without probabilities left out"] if n_lost else []
    if len(present) == 1 and len(values) > 1:
        note.append(f"all customers have one value: {plain(values[present[0]], 24)}")
    return y[known], proba[known], note


def most_frequent(y: Ints, n_values: int, limit: int) -> list[int]:
    """Return the positions of the `limit` most frequent values, in the order of the values.

    Examples
    --------
    >>> most_frequent(np.array([0, 2, 2, 1, 2, 1]), n_values=3, limit=2)
    [1, 2]
    """
    if not n_values:
        return []
    return sorted(int(v) for v in np.argsort(-np.bincount(y, minlength=n_values), kind="stable")[:limit])


def say_if_empty(ax: Axes, y: Ints) -> None:
    """Say so on axes that have no customers to show."""
    if not len(y):
        style.centred(ax, "no customers")
