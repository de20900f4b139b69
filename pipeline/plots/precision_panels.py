"""How often stated values are right, the more customers they are stated for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from pipeline.metrics import Floats, Ints, precision_coverage_curve
from pipeline.model.certification import clopper_pearson_lower
from pipeline.plots import style
from pipeline.plots.shown import most_frequent, say_if_empty, usable
from pipeline.plots.text import percent, plain

CONFIDENCE = 0.9  # of the lower bound of precision, one-sided
MAX_PANELS = 12
MAX_POINTS = 400  # of a curve: more cannot be told apart at this width
MIN_STATED = 10  # a precision among fewer customers is noise


def precision_coverage(
    y: Ints,
    proba: Floats,
    values: Sequence[str],
    thresholds: Sequence[float] | Floats,
    min_precision: float,
    title: str,
    path: Path,
) -> None:
    """Write what precision each value has, the more customers it is stated for.

    One panel per value (the twelve most frequent at most): the curve with its one-sided 90 %
    Clopper-Pearson lower bound from 10 customers on, the required precision, the share of customers who
    have the value, and a marker where the certified threshold lies. Above it in words: for whom the value
    is stated and how many of them have it; if withheld, the same of those for whom it is the likeliest.

    Parameters
    ----------
    y, proba, values, title, path
        As in `reliability`.
    thresholds
        Per value the probability from which it is stated, shape (n_values,); infinity or NaN: withheld.
    min_precision
        Required precision, between 0 and 1.
    """
    y, proba, note = usable(y, proba, values)
    limits = np.asarray(thresholds, dtype=np.float64)
    shown = most_frequent(y, len(values), MAX_PANELS)
    if len(shown) < len(values):
        note.append(f"the {MAX_PANELS} most frequent of {len(values)} values")
    n_columns = max(1, min(len(shown), 2 if len(shown) <= 4 else 3))
    n_rows = max(1, math.ceil(len(shown) / n_columns))
    fig = style.figure(1.8 + 3.4 * n_rows, f"{title} (n = {len(y):,})", note)
    panels = fig.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    size = style.NORMAL if n_columns < 3 else style.SMALL
    for ax, value in zip(panels, shown, strict=False):
        _panel(ax, y, proba, value, limits[value], min_precision)
        heading = [plain(values[value], 24), *verdict(y, proba, value, limits[value])]
        ax.set_title("\n".join(heading), fontsize=size, color=style.INK, loc="left")
    for ax in panels[len(shown) :]:
        ax.set_axis_off()
    for ax in panels[::n_columns]:
        ax.set_ylabel("precision", fontsize=style.NORMAL, color=style.INK)
    _legend(fig, min_precision)
    style.save(fig, path)


def precision_points(y: Ints, proba: Floats, value: int) -> tuple[Floats, Floats, Floats]:
    """Return coverage, ascending, precision and its lower bound if `value` were stated for the surest.

    Starts at 10 customers and has 400 points at most; empty if `value` is the most probable one of fewer.
    Customers with equal probabilities are stated together.
    """
    _, covered, precise = precision_coverage_curve(y, proba, value)
    n_stated = np.rint(covered * len(y)).astype(int)
    kept = np.flatnonzero(n_stated >= MIN_STATED)
    if len(kept) > MAX_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, MAX_POINTS).round().astype(int)]
    n_stated, covered, precise = n_stated[kept], covered[kept], precise[kept]
    n_right = np.rint(precise * n_stated).astype(int)
    counts = zip(n_right.tolist(), n_stated.tolist(), strict=True)
    return covered, precise, np.array([clopper_pearson_lower(k, n, CONFIDENCE) for k, n in counts])


def verdict(y: Ints, proba: Floats, value: int, threshold: float) -> tuple[str, str]:
    """Return in two lines for whom `value` is or could be stated, and how many of them have it.

    Examples
    --------
    >>> proba = np.repeat([[0.9, 0.1], [0.4, 0.6]], 20, axis=0)
    >>> y = np.repeat([0, 1], [18, 22])
    >>> verdict(y, proba, 0, threshold=0.8)
    ('stated if p ≥ 0.8: 50 % of all', '90 % of them have it')
    >>> verdict(y, proba, 1, threshold=np.inf)
    ('withheld: likeliest for 20', '100 % of them have it')
    """
    certified = np.isfinite(threshold)
    covered, precise = _stated_at(y, proba, value, threshold if certified else 0.0)
    right = f"{percent(precise)} of them have it"
    if certified:
        known = np.isfinite(covered)
        whom = f"{percent(covered)} of all" if known else "nobody here"
        return f"stated if p ≥ {threshold:.3g}: {whom}", right if known else ""
    n = round(covered * len(y)) if np.isfinite(covered) else 0
    return (f"withheld: likeliest for {n:,}", right) if n >= MIN_STATED else ("withheld", "")


def _stated_at(y: Ints, proba: Floats, value: int, threshold: float) -> tuple[float, float]:
    """Return coverage and precision of a value at its threshold; NaN if it is stated for nobody."""
    stated = (proba.argmax(axis=1) == value) & (proba[:, value] >= threshold) if len(y) else np.array([False])
    if not stated.any():
        return math.nan, math.nan
    return float(stated.mean()), float((y[stated] == value).mean())


def _panel(ax: Axes, y: Ints, proba: Floats, value: int, threshold: float, min_precision: float) -> None:
    say_if_empty(ax, y)
    most = _curve(ax, y, proba, value, bool(np.isfinite(threshold))) if len(y) else 0.0
    at = _stated_at(y, proba, value, threshold)
    ax.plot(*([x] for x in at), color=style.OURS, marker="o", markersize=9, markeredgecolor="white", zorder=5)
    most = np.nanmax([most, at[0]])
    ax.axhline(min_precision, color=style.REQUIRED, linewidth=1.4, linestyle="--", zorder=1)
    style.axes(ax, "", "coverage", xlim=(0, most * 1.05 or 1.0), ylim=(0, 1.03), percent="both")
    ax.xaxis.set_major_locator(MaxNLocator(4, prune="upper"))
    ax.xaxis.label.set_fontsize(style.MEDIUM)


def _curve(ax: Axes, y: Ints, proba: Floats, value: int, certified: bool) -> float:
    """Draw precision over coverage, or say why there is none; return the largest coverage."""
    colour = style.OURS if certified else style.GREY
    covered, precise, lower = precision_points(y, proba, value)
    alone = "o" if len(covered) == 1 else None
    ax.plot(covered, precise, color=colour, linewidth=2, marker=alone, markersize=4)
    ax.fill_between(covered, lower, precise, color=colour, alpha=0.25, linewidth=0)
    if alone:
        ax.vlines(covered, lower, precise, color=colour, alpha=0.5)
    ax.axhline(float(np.mean(y == value)), color=style.GREY, linewidth=1, linestyle=":")
    if len(covered):
        return float(covered[-1])
    n = int((proba.argmax(axis=1) == value).sum())
    style.centred(ax, f"most probable value\nof {n} customers only" if n else "never the most\nprobable value")
    return 0.0


def _legend(fig: Figure, min_precision: float) -> None:
    signs = {
        "certified value": Line2D([], [], color=style.OURS, linewidth=2),
        "withheld value": Line2D([], [], color=style.GREY, linewidth=2),
        f"{percent(CONFIDENCE)} sure: at least": Patch(facecolor=style.GREY, alpha=0.3),
        "certified threshold": Line2D([], [], color=style.OURS, marker="o", markersize=9, linestyle="none"),
        f"required precision {percent(min_precision)}": Line2D([], [], color=style.REQUIRED, linestyle="--"),
        "share of all who have it": Line2D([], [], color=style.GREY, linewidth=1, linestyle=":"),
    }
    explanation = (
        "precision: how often the statement is right; coverage: share of all customers for whom it is made,\n"
        f"the surest first; curves start at {MIN_STATED} customers"
    )
    style.legend(fig, [*signs.values()], [*signs], explanation)
