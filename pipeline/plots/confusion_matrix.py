"""Which values are taken for which others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from pipeline.metrics import Floats, Ints
from pipeline.plots import style
from pipeline.plots.shown import say_if_empty, usable
from pipeline.plots.text import plain

MAX_COUNTED = 12  # values: beyond, cells have no room for counts
MAX_NUMBERED = 30  # values: beyond, cells have no room for numbers


def confusion(y: Ints, proba: Floats, values: Sequence[str], title: str, path: Path) -> None:
    """Write for each true value how often each value was the most probable one: counts and row shares.

    Parameters
    ----------
    y, proba, values, title, path
        As in `reliability`. The order of `values` is kept.
    """
    y, proba, note = usable(y, proba, values)
    k = len(values)
    counts = confusion_counts(y, proba)
    fig = style.figure(min(9.5, 4.0 + 0.8 * k), f"{title} (n = {len(y):,})", note)
    ax = fig.subplots()
    size = style.NORMAL if k <= 7 else style.SMALL if k <= MAX_COUNTED else 8
    _cells(ax, counts, size)
    _name_values(ax, values, counts.sum(axis=1))
    cells = "darker is more"
    if k <= MAX_NUMBERED:
        cells = "percent of row, customers" if k <= MAX_COUNTED else "percent of row"
    style.axes(ax, "true value", f"most probable value (cells: {cells})")
    ax.tick_params(length=0, labelsize=size)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    say_if_empty(ax, y)
    style.save(fig, path)


def confusion_counts(y: Ints, proba: Floats) -> Ints:
    """Return the number of customers per true value (rows) and most probable value (columns).

    Examples
    --------
    >>> confusion_counts(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])).tolist()
    [[1, 0], [1, 1]]
    """
    k = proba.shape[1]
    if not len(y):
        return np.zeros((k, k), dtype=np.int64)
    return np.bincount(y * k + proba.argmax(axis=1), minlength=k * k).reshape(k, k).astype(np.int64)


def _cells(ax: Axes, counts: Ints, size: int) -> None:
    """Draw each cell's share of its row, and its numbers where there is room."""
    k = len(counts)
    if not k:
        return
    n_row = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, n_row, out=np.full(counts.shape, np.nan), where=n_row > 0)
    palette = colormaps["Blues"].with_extremes(bad="#F2F2F2")
    ax.imshow(np.ma.masked_invalid(shares), cmap=palette, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(counts.shape) if k <= MAX_NUMBERED else ():
        share, count = shares[row, column], counts[row, column]
        number = f"{100 * share:.0f}"
        text = "–" if np.isnan(share) else f"{number} %\n{count:,}" if k <= MAX_COUNTED else number
        colour = style.GREY if np.isnan(share) else "white" if share > 0.55 else style.INK
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def _name_values(ax: Axes, values: Sequence[str], n_true: Ints) -> None:
    k = len(values)
    names = [plain(value, 18 if k <= MAX_COUNTED else 12) for value in values]
    if k <= 4:
        ax.set_xticks(range(k), names, ha="center")
    else:
        ax.set_xticks(range(k), names, rotation=45, ha="right", rotation_mode="anchor")
    counted = [f"{name}\nn = {n:,}" for name, n in zip(names, n_true, strict=True)]
    ax.set_yticks(range(k), counted if k <= MAX_COUNTED else names)
