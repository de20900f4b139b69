"""Pictures of how good a model is, as PNG files 900 pixels wide.

Only matplotlib's objects are used, never pyplot: nothing global is opened or changed, so that pictures can
be drawn in worker processes and without a screen. Data that a picture cannot be drawn from, such as no
customers at all, give a picture that says so. Names of values and attributes are shown as they are, never
read as formulas.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from pipeline.features.naming import readable
from pipeline.metrics import calibration_curve, precision_coverage_curve
from pipeline.model.certification import clopper_pearson_lower
from pipeline.outputs import write_file

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DPI = 100
WIDTH = 9.0  # inches
FONT = "DejaVu Sans"  # comes with matplotlib; has Latin, Greek, Cyrillic, Arabic and Hebrew letters
LARGE, NORMAL, SMALL = 15, 13, 11  # points
# Okabe, Ito 2008, Color Universal Design: told apart by the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
OURS, REQUIRED, INK, GREY, LIGHT = COLOURS[0], COLOURS[1], "#222222", "#777777", "#D9D9D9"

CONFIDENCE = 0.9  # of the lower bound of precision, one-sided
MAX_LINES = 6
MAX_PANELS = 12
MAX_POINTS = 400  # of a curve: more cannot be told apart at this width
MIN_STATED = 10  # a precision among fewer customers is noise
ROW = 0.21  # inches per value in the catalogue


def reliability(y: Ints, proba: Floats, values: Sequence[str], title: str, path: Path) -> None:
    """Write the reliability diagram: how often each predicted probability came true.

    Points are bins of equally many customers (see `metrics.calibration_curve`) with 95 % Wilson intervals;
    beneath are the probabilities themselves. Two classes: the last one is shown; beyond, the six with the
    most customers.

    Parameters
    ----------
    y
        Position of each customer's true value, shape (n,).
    proba
        Probabilities, shape (n, n_values). Rows with NaN are left out, and counted in the picture.
    values
        Name of each value.
    title
        Of the picture; the number of customers is added.
    path
        File to write.
    """
    y, proba, note = _usable(y, proba, values)
    shown = [len(values) - 1] if len(values) == 2 else _most_frequent(y, len(values), MAX_LINES)
    if len(shown) < len(values) != 2:
        note.append(f"the {MAX_LINES} most frequent of {len(values)} values")
    shown = shown if len(y) else []
    for value in shown:
        if len(np.unique(proba[:, value])) == 1:
            note.append(f"{_plain(values[value], 24)}: the same probability for everybody")
    fig = _figure(8.5, f"{title} (n = {len(y):,})", note)
    main, strip = fig.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    top = 0.0
    for i, value in enumerate(shown):
        mean, share, n = calibration_curve(y, proba, value)
        low, high = wilson(share * n, n)
        top = max(top, proba[:, value].max(), high.max())
        main.errorbar(
            mean,
            share,
            yerr=np.clip([share - low, high - share], 0, None),
            color=COLOURS[i],
            marker=MARKERS[i],
            markersize=7,
            linewidth=1.8,
            elinewidth=1.1,
            capsize=3,
        )
    top = 1.0 if top > 0.6 or not top else top * 1.05
    main.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", zorder=1)
    for i, value in enumerate(shown):
        strip.hist(
            proba[:, value],
            bins=np.linspace(0, top, 41).tolist(),
            color=COLOURS[i],
            linewidth=1.5,
            histtype="step" if len(shown) > 1 else "stepfilled",
        )
    around = (-0.02 * top, 1.02 * top)
    _style(main, "share who have it", xlim=around, ylim=around, percent="y")
    _style(strip, "customers", "predicted probability", percent="x")
    strip.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    _if_empty(main, y)
    handles = [Line2D([], [], color=COLOURS[i], marker=MARKERS[i], markersize=7) for i in range(len(shown))]
    _legend(
        fig,
        [*handles, Line2D([], [], color=GREY, linestyle="--")],
        [*(_plain(values[v], 20) for v in shown), "perfectly calibrated"],
        "points: ten bins of equally many customers, with 95 % Wilson intervals",
    )
    _save(fig, path)


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
    have the value, and a marker where the certified threshold lies.

    Parameters
    ----------
    y, proba, values, title, path
        As in `reliability`.
    thresholds
        Per value the probability from which it is stated, shape (n_values,); infinity or NaN: withheld.
    min_precision
        Required precision, between 0 and 1.
    """
    y, proba, note = _usable(y, proba, values)
    limits = np.asarray(thresholds, dtype=np.float64)
    shown = _most_frequent(y, len(values), MAX_PANELS)
    if len(shown) < len(values):
        note.append(f"the {MAX_PANELS} most frequent of {len(values)} values")
    n_columns = max(1, min(len(shown), 2 if len(shown) <= 4 else 3))
    n_rows = max(1, math.ceil(len(shown) / n_columns))
    fig = _figure(1.8 + 3.2 * n_rows, f"{title} (n = {len(y):,})", note)
    panels = fig.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    for ax, value in zip(panels, shown, strict=False):
        _precision_panel(ax, y, proba, value, limits[value], min_precision)
        ax.set_title(
            f"{_plain(values[value], 24)}\n{_verdict(y, proba, value, limits[value])}",
            fontsize=NORMAL if n_columns < 3 else SMALL,
            color=INK,
            loc="left",
        )
    for ax in panels[len(shown) :]:
        ax.set_axis_off()
    for ax in panels[::n_columns]:
        ax.set_ylabel("precision", fontsize=NORMAL, color=INK)
    _legend(
        fig,
        [
            Line2D([], [], color=OURS, linewidth=2),
            Line2D([], [], color=GREY, linewidth=2),
            Patch(facecolor=GREY, alpha=0.3),
            Line2D([], [], color=OURS, marker="o", markersize=9, linestyle="none"),
            Line2D([], [], color=REQUIRED, linestyle="--"),
            Line2D([], [], color=GREY, linewidth=1, linestyle=":"),
        ],
        [
            "certified value",
            "withheld value",
            f"down to the {_percent(CONFIDENCE)} lower bound",
            "certified threshold",
            f"required precision {_percent(min_precision)}",
            "share who have it",
        ],
        f"coverage: share of all customers for whom it is stated; curves start at {MIN_STATED} customers",
    )
    _save(fig, path)


def confusion(y: Ints, proba: Floats, values: Sequence[str], title: str, path: Path) -> None:
    """Write for each true value how often each value was the most probable one: counts and row shares.

    Parameters
    ----------
    y, proba, values, title, path
        As in `reliability`. The order of `values` is kept.
    """
    y, proba, note = _usable(y, proba, values)
    k = len(values)
    counts = confusion_counts(y, proba)
    n_row = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, n_row, out=np.full(counts.shape, np.nan), where=n_row > 0)
    fig = _figure(min(9.5, 4.0 + 0.8 * k), f"{title} (n = {len(y):,})", note)
    ax = fig.subplots()
    if k:
        palette = colormaps["Blues"].with_extremes(bad="#F2F2F2")
        ax.imshow(np.ma.masked_invalid(shares), cmap=palette, vmin=0, vmax=1, aspect="auto")
    size = NORMAL if k <= 7 else SMALL if k <= 12 else 8
    for row, column in np.ndindex(counts.shape) if k <= 30 else ():
        share, count = shares[row, column], counts[row, column]
        number = f"{100 * share:.0f}"
        text = "–" if np.isnan(share) else f"{number} %\n{count:,}" if k <= 12 else number
        colour = GREY if np.isnan(share) else "white" if share > 0.55 else INK
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    limit = 18 if k <= 12 else 12
    tilt = 0 if k <= 4 else 45
    ax.set_xticks(
        range(k),
        [_plain(v, limit) for v in values],
        rotation=tilt,
        ha="right" if tilt else "center",
        rotation_mode="anchor" if tilt else "default",
    )
    names = [f"{_plain(v, limit)}\nn = {n:,}" for v, n in zip(values, n_row[:, 0], strict=True)]
    ax.set_yticks(range(k), names if k <= 12 else [_plain(v, limit) for v in values])
    cells = "percent of row" if 12 < k <= 30 else "percent of row, customers" if k <= 12 else "darker is more"
    _style(ax, "true value", f"most probable value (cells: {cells})")
    ax.tick_params(length=0, labelsize=size)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    _if_empty(ax, y)
    _save(fig, path)


def top_features(names: Sequence[str], importance: Floats, title: str, path: Path, n: int = 20) -> None:
    """Write the features that move the prediction most, as horizontal bars.

    Parameters
    ----------
    names
        Feature names (see `features.naming`), shape (n_features,).
    importance
        Mean absolute contribution in log-odds, shape (n_features,). NaN and 0 are left out.
    title, path
        As in `reliability`.
    n
        At most so many bars.
    """
    size = np.nan_to_num(np.abs(np.asarray(importance, dtype=np.float64)), posinf=0.0)
    best = [int(i) for i in np.argsort(-size, kind="stable")[:n] if size[i] > 0]
    fig = _figure(1.8 + 0.32 * max(len(best), 4), title)
    ax = fig.subplots()
    ax.barh(range(len(best)), size[best], color=OURS, height=0.7)
    for row, i in enumerate(best):
        ax.text(size[i], row, f" {size[i]:#.2g}", va="center", fontsize=SMALL, color=INK)
    ax.set_yticks(range(len(best)), [_plain(_in_words(names[i]), 44) for i in best])
    most = size[best[0]] if best else 1.0
    _style(ax, "", "mean absolute contribution (log-odds)", xlim=(0, most * 1.14))
    ax.set_ylim(max(len(best), 4) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    if not best:
        _centred(ax, "no feature contributes" if len(names) else "no features")
    _save(fig, path)


def catalogue(rows: Sequence[Mapping[str, Any]], path: Path, min_precision: float | None = None) -> None:
    """Write one picture of a whole training: what is told apart, and what may be stated.

    Parameters
    ----------
    rows
        One per attribute: `attribute`, `kind`, `auc` with `auc_low` and `auc_high` (NaN where undefined),
        `n` (customers) and `values`, a list with one per value: `value`, `certified`, `recall` (share of
        those who have the value for whom it is stated; only read if certified) and `prior` (share of all
        customers who have it). Sorted by AUC here.
    path
        File to write.
    min_precision
        Required precision, named in the picture if it is the same for all attributes.
    """
    ranked = sorted(rows, key=lambda row: -_number(row["auc"], -1.0))
    starts, at = [], 0.0
    for row in ranked:
        starts.append(at)
        at += max(2, len(row["values"])) + 0.7
    fig = _figure(2.0 + ROW * max(at, 4), f"What can be told of customers (attributes: {len(rows)})")
    left, right = fig.subplots(1, 2, width_ratios=[4, 5])
    ticks, names, labels, label_at = [], [], [], []
    for i, (row, start) in enumerate(zip(ranked, starts, strict=True)):
        height = max(2, len(row["values"]))
        middle = start + (height - 1) / 2
        for ax in (left, right) if i % 2 == 0 else ():
            ax.axhspan(start - 0.85, start + height - 0.15, color="#F4F4F4", linewidth=0, zorder=0)
        ticks.append(middle)
        names.append(f"{_plain(row['attribute'], 24)}\n{_plain(row['kind'], 10)}, n = {row['n']:,}")
        _auc_mark(left, row, middle)
        first = start + (height - len(row["values"])) / 2
        for j, value in enumerate(row["values"]):
            label_at.append(first + j)
            labels.append(f"{_plain(value['value'], 18)} ({_percent(value['prior'])})")
            _recall_mark(right, value, first + j)
    bounds = [_number(row[key], 0.5) for row in rows for key in ("auc", "auc_low")]
    lowest = max(0.0, math.floor(10 * min(0.5, *bounds, 0.5) - 0.2) / 10)
    precise = "the required" if min_precision is None else f"at least {_percent(min_precision)}"
    _style(left, "", "AUC, 95 % interval", xlim=(lowest, 1 + 0.3 * (1 - lowest)))
    left.set_xticks(np.arange(round(10 * lowest), 11, 1 if lowest > 0.35 else 2) / 10)
    left.axvline(0.5, color=GREY, linewidth=1, linestyle="--", zorder=1)
    _style(
        right,
        "",
        textwrap.fill(f"of those who have the value, the share for whom it is stated with {precise} precision", 36),
        xlim=(-0.02, 1.18),
        percent="x",
    )
    right.set_xticks(np.linspace(0, 1, 5))
    left.set_yticks(ticks, names)
    right.set_yticks(label_at, labels)
    for ax in (left, right):
        ax.set_ylim(max(at, 4) - 0.8, -0.9)
        ax.tick_params(axis="y", length=0, labelsize=SMALL)
        ax.tick_params(axis="x", labelsize=SMALL, labeltop=at > 40)  # beyond a screen: above, too
        ax.xaxis.label.set_fontsize(SMALL)
        ax.grid(False, axis="y")
        ax.spines["left"].set_visible(False)
    if not rows:
        _centred(left, "no attributes")
    _legend(
        fig,
        [
            Line2D([], [], color=OURS, marker="o", linewidth=4, solid_capstyle="butt"),
            Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle="none"),
            Line2D([], [], linestyle="none"),
        ],
        ["certified", "withheld", "(…) share of all customers who have it"],
    )
    _save(fig, path)


def lookalike(curves: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write how many hidden members of the seed are found, the larger the audience.

    Parameters
    ----------
    curves
        One per method, the first one emphasised: `method`; `share`, the audience's size as a share of the
        ranked customers in (0, 1], ascending; `recall` at each share; `low` and `high`, the ends of its
        interval, or None.
    path
        File to write.
    """
    fig = _figure(6.5, "Hidden members of the seed that are found")
    ax = fig.subplots()
    handles, labels, widest, highest = [], [], 0.0, 0.0
    for i, curve in enumerate(curves):
        share, recall = (np.asarray(curve[key], dtype=np.float64) for key in ("share", "recall"))
        colour, first = COLOURS[i % len(COLOURS)], i == 0
        few = len(share) <= 15
        style: dict[str, Any] = {
            "color": colour,
            "linewidth": 3.0 if first else 1.6,
            "zorder": 5 if first else 3,
            "marker": MARKERS[i % len(MARKERS)] if few else None,
            "markersize": 8 if first else 6,
            "linestyle": "-" if i < len(COLOURS) else "--",
        }
        ax.plot(share, recall, **style)
        handles.append(Line2D([], [], **style))
        labels.append(_plain(str(curve["method"]).replace("_", " "), 20))
        ends = [np.asarray(curve[key], dtype=np.float64) for key in ("low", "high") if curve[key] is not None]
        if len(ends) == 2:
            ax.fill_between(share, ends[0], ends[1], color=colour, alpha=0.22 if first else 0.07, linewidth=0)
        widest = max([widest, *share[np.isfinite(share)]])
        for drawn in (recall, *ends[1:]):
            highest = max([highest, *drawn[np.isfinite(drawn)]])
    if not highest:
        _centred(ax, "nothing was ranked" if not widest else "no hidden member was found")
    widest, highest = widest or 1.0, highest or 1.0
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", zorder=2)
    _style(
        ax,
        "share of hidden members found (recall)",
        "audience: share of ranked customers",
        xlim=(0, widest * 1.02),
        ylim=(0, min(1.02, max(highest, widest) * 1.05)),
        percent="both",
    )
    _legend(fig, [*handles, Line2D([], [], color=GREY, linestyle="--")], [*labels, "at random"])
    _save(fig, path)


def wilson(n_hits: Floats | Ints, n: Ints) -> tuple[Floats, Floats]:
    """Return both ends of the 95 % interval of a share (Wilson 1927, JASA 22, 209-212), each of shape (n,).

    Examples
    --------
    >>> [round(float(end), 4) for end in wilson(np.array(0), np.array(10))]
    [0.0, 0.2775]
    """
    z2 = 1.959963984540054**2
    share = n_hits / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    margin = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return np.maximum(centre - margin, 0.0), np.minimum(centre + margin, 1.0)


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


def _stated_at(y: Ints, proba: Floats, value: int, threshold: float) -> tuple[float, float]:
    """Return coverage and precision of a value at its threshold; NaN if it is stated for nobody."""
    stated = (proba.argmax(axis=1) == value) & (proba[:, value] >= threshold)
    if not stated.any():
        return math.nan, math.nan
    return float(stated.mean()), float((y[stated] == value).mean())


def _verdict(y: Ints, proba: Floats, value: int, threshold: float) -> str:
    if not np.isfinite(threshold):
        return "withheld"
    covered = _stated_at(y, proba, value, threshold)[0] if len(y) else math.nan
    whom = "nobody here" if np.isnan(covered) else f"{_percent(covered)} of all"
    return f"stated if p ≥ {threshold:.3g}: {whom}"


def _precision_panel(ax: Axes, y: Ints, proba: Floats, value: int, threshold: float, min_precision: float) -> None:
    _if_empty(ax, y)
    certified = bool(np.isfinite(threshold))
    colour = OURS if certified else GREY
    most = 0.0
    if len(y):
        covered, precise, lower = precision_points(y, proba, value)
        alone = "o" if len(covered) == 1 else None
        ax.plot(covered, precise, color=colour, linewidth=2, marker=alone, markersize=4)
        ax.fill_between(covered, lower, precise, color=colour, alpha=0.25, linewidth=0)
        if alone:
            ax.vlines(covered, lower, precise, color=colour, alpha=0.5)
        ax.axhline(float(np.mean(y == value)), color=GREY, linewidth=1, linestyle=":")
        at = _stated_at(y, proba, value, threshold)
        ax.plot(*([x] for x in at), color=OURS, marker="o", markersize=9, markeredgecolor="white", zorder=5)
        most = max([0.0, *covered, *([at[0]] if certified and np.isfinite(at[0]) else [])])
        if not len(covered):
            n = int((proba.argmax(axis=1) == value).sum())
            _centred(ax, f"most probable value\nof {n} customers only" if n else "never the most\nprobable value")
    ax.axhline(min_precision, color=REQUIRED, linewidth=1.4, linestyle="--", zorder=1)
    _style(ax, "", "coverage", xlim=(0, most * 1.05 or 1.0), ylim=(0, 1.03), percent="both")
    ax.xaxis.set_major_locator(MaxNLocator(4, prune="upper"))
    ax.xaxis.label.set_fontsize(12)


def _auc_mark(ax: Axes, row: Mapping[str, Any], at: float) -> None:
    auc = _number(row["auc"], math.nan)
    ax.plot([row["auc_low"], row["auc_high"]], [at, at], color=OURS, linewidth=2, solid_capstyle="butt")
    ax.plot([auc], [at], color=OURS, marker="o", markersize=8)
    text = "–" if np.isnan(auc) else f"{auc:.2f}"
    beside = ax.get_yaxis_transform()  # x as a share of the panel
    ax.text(0.99, at, text, transform=beside, ha="right", va="center", fontsize=12, color=INK)


def _recall_mark(ax: Axes, value: Mapping[str, Any], at: float) -> None:
    if not value["certified"]:
        ax.plot([0], [at], color=GREY, marker="o", markersize=6, markerfacecolor="white", clip_on=False)
        return
    recall = _number(value["recall"], 0.0)
    ax.plot([0, recall], [at, at], color=OURS, linewidth=4, solid_capstyle="butt")
    ax.plot([recall], [at], color=OURS, marker="o", markersize=7, clip_on=False)
    text = _percent(value["recall"])
    ax.annotate(text, (recall, at), (8, 0), textcoords="offset points", va="center", fontsize=SMALL, color=INK)


def _usable(y: Ints, proba: Floats, values: Sequence[str]) -> tuple[Ints, Floats, list[str]]:
    """Return `y` and `proba` (n, n_values) of those who have probabilities, and what is odd about them."""
    y = np.asarray(y, dtype=np.int64).ravel()
    proba = np.asarray(proba, dtype=np.float64).reshape(len(y), len(values))
    known = np.isfinite(proba).all(axis=1) & (len(values) > 0)
    n_lost, present = int((~known).sum()), np.unique(y[known])
    note = [f"{n_lost:,} customers without probabilities left out"] if n_lost else []
    if len(present) == 1 and len(values) > 1:
        note.append(f"all customers have one value: {_plain(values[present[0]], 24)}")
    return y[known], proba[known], note


def _most_frequent(y: Ints, n_values: int, limit: int) -> list[int]:
    """Return the positions of the `limit` most frequent values, in the order of the values."""
    if not n_values:
        return []
    return sorted(int(v) for v in np.argsort(-np.bincount(y, minlength=n_values), kind="stable")[:limit])


def _figure(height: float, title: str, note: Sequence[str] = ()) -> Figure:
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06, wspace=0.04)
    fig = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(fig)
    lines = [line for part in (_plain(title, 200), *note) for line in textwrap.wrap(part, 72)]
    fig.suptitle("\n".join(lines), x=0.012, ha="left", fontsize=LARGE, color=INK)
    return fig


def _style(
    ax: Axes,
    ylabel: str,
    xlabel: str = "",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    percent: str = "",
) -> None:
    ax.set_ylabel(ylabel, fontsize=NORMAL, color=INK)
    ax.set_xlabel(xlabel, fontsize=NORMAL, color=INK)
    if xlim:
        ax.set_xlim(*xlim)
    if ylim:
        ax.set_ylim(*ylim)
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if percent in (name, "both"):
            axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))
    ax.tick_params(labelsize=12, color=GREY, labelcolor=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.set_axisbelow(True)
    ax.grid(True, color=LIGHT, linewidth=0.6)


def _legend(fig: Figure, handles: Sequence[Any], labels: Sequence[str], explanation: str = "") -> None:
    fig.legend(
        handles,
        labels,
        title=explanation or None,
        loc="outside lower center",
        fontsize=12,
        ncols=3,
        title_fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )


def _if_empty(ax: Axes, y: Ints) -> None:
    if not len(y):
        _centred(ax, "no customers")


def _centred(ax: Axes, text: str) -> None:
    ax.text(
        0.5,
        0.5,
        text,
        transform=ax.transAxes,
        ha="center",
        va="center",
        fontsize=NORMAL,
        color=GREY,
        bbox={"facecolor": "white", "linewidth": 0},
    )


def _save(fig: Figure, path: Path) -> None:
    for text in fig.findobj(Text):
        text.set(parse_math=False, fontfamily=FONT)
    write_file(path, lambda partial: fig.savefig(partial, format="png", dpi=DPI))


def _in_words(name: str) -> str:
    try:
        return readable(name)
    except (IndexError, ValueError):  # not named by the rule: show it as it is
        return name


def _plain(text: Any, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters, cut in the middle, all of them drawable.

    Examples
    --------
    >>> _plain("purchases: category BABY FOODS", 20)
    'purchases: c…Y FOODS'
    """
    line = " ".join(str(text).split())
    if len(line) > limit:
        tail = (limit - 1) * 2 // 5
        line = f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"
    return "".join(letter if ord(letter) in _letters() else "□" for letter in line)


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Return the code points that the font can draw; matplotlib warns at each of the others."""
    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())


def _percent(share: Any) -> str:
    number = _number(share, math.nan)
    return "–" if np.isnan(number) else "<1 %" if 0 < number < 0.005 else f"{100 * number:.0f} %"


def _number(value: Any, otherwise: float) -> float:
    return otherwise if value is None or not np.isfinite(value) else float(value)
