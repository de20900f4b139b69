"""A whole training at a glance, one line per attribute: what is told apart, who gets an answer, and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pipeline.plots import style
from pipeline.plots.text import number, percent, plain

LINE = 0.215  # inches per attribute
_SIGNS = "(…) beside an attribute: test customers; beside a value: share of all customers who have it"
MIN_LINES = 6  # of the picture
SCREEN = 40  # lines: beyond, the numbers of the axes are repeated above


def catalogue(rows: Sequence[Mapping[str, Any]], path: Path, min_precision: float | None = None) -> None:
    """Write one picture of a whole training.

    Left the AUC, in the middle for how many customers a value is stated, right what is worth most: of those who have
    another value than the most common one, the share for whom it is stated (the value of the highest such share).

    Parameters
    ----------
    rows
        One per attribute: `attribute`, `auc` with `auc_low` and `auc_high` (NaN where undefined), `n` (customers) and
        `values`, a list with one per value: `value`, `certified`, `coverage` and `recall` (shares of all customers, and
        of those who have the value, for whom it is stated; only read if certified) and `prior` (share of all customers
        who have it). Sorted by AUC here.
    path
        File to write.
    min_precision
        Required precision, named in the picture if it is the same for all attributes.
    """
    ordered = sorted(rows, key=lambda row: -number(row["auc"], -1.0))
    best = [_best(row) for row in ordered]
    told = sum(value is not None for value in best)
    useful = sum(value is not None and number(value["recall"], 0.0) >= 0.2 for value in best)
    note = [
        f"{told} with another value certified than the most common one; "
        f"{useful} state it for at least a fifth of those who have it"
    ]
    lines = max(len(rows), MIN_LINES)
    fig = style.figure(2.4 + LINE * lines, f"What can be told of customers: {len(rows)} attributes", note)
    left, middle, right = fig.subplots(1, 3, width_ratios=[10, 7, 13], sharey=True)
    for at, (row, value) in enumerate(zip(ordered, best, strict=True)):
        _auc_mark(left, row, at)
        _coverage_mark(middle, row, at)
        _recall_mark(right, value, at)
    _axes(left, middle, right, ordered, min_precision)
    for ax in (left, middle, right):
        for at in range(0, len(rows), 2):
            ax.axhspan(at - 0.5, at + 0.5, color="#F4F4F4", linewidth=0, zorder=0)
        ax.set_ylim(lines - 0.4, -0.6)
        ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
        ax.tick_params(axis="x", labelsize=style.SMALL, labeltop=len(rows) > SCREEN)
        ax.xaxis.label.set_fontsize(style.SMALL)
        ax.grid(False, axis="y")
        ax.spines["left"].set_visible(False)
    if not rows:
        style.centred(left, "no attributes")
    handles = [
        Line2D([], [], color=style.INK, marker="o", linewidth=2, markersize=5),
        Patch(color=style.LIGHT),
        Patch(color=style.OURS),
    ]
    style.legend(fig, handles, ["AUC", "the most common value", "another value"], _SIGNS)
    style.save(fig, path)


def _most_common(row: Mapping[str, Any]) -> str:
    return str(max(row["values"], key=lambda value: number(value["prior"], 0.0), default={"value": ""})["value"])


def _best(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the certified value besides the most common one that is found most often, or None."""
    others = [v for v in row["values"] if v["certified"] and v["value"] != _most_common(row)]
    return max(others, key=lambda value: number(value["recall"], -1.0), default=None)


def _axes(left: Axes, middle: Axes, right: Axes, rows: Sequence[Mapping[str, Any]], precise: float | None) -> None:
    bounds = [number(row[key], 0.5) for row in rows for key in ("auc", "auc_low")]
    lowest = max(0.0, math.floor(10 * min([0.5, *bounds]) - 0.2) / 10)
    style.axes(left, "", "AUC, 95 % interval\n(the prior's is 0.5)", xlim=(lowest, 1 + 0.34 * (1 - lowest)))
    left.set_xticks(np.arange(round(10 * lowest), 11, 2) / 10)
    left.axvline(0.5, color=style.GREY, linewidth=1, linestyle="--", zorder=1)
    left.set_yticks(range(len(rows)), [f"{plain(row['attribute'], 24)} ({row['n']:,})" for row in rows])
    style.axes(middle, "", "customers with\na stated value", xlim=(0, 1.02), percent="x")
    middle.set_xticks([0, 0.5, 1])
    promise = "at the required" if precise is None else f"with at least {percent(precise)}"
    label = f"of those who have another\nvalue, share who are found\n{promise} precision"
    style.axes(right, "", label, xlim=(0, 2.1), percent="x")
    right.set_xticks([0, 0.5, 1])
    for ax in (middle, right):
        ax.tick_params(axis="y", labelleft=False)


def _auc_mark(ax: Axes, row: Mapping[str, Any], at: float) -> None:
    auc = number(row["auc"], math.nan)
    ax.plot([row["auc_low"], row["auc_high"]], [at, at], color=style.INK, linewidth=2, solid_capstyle="butt")
    ax.plot([auc], [at], color=style.INK, marker="o", markersize=5)
    beside = ax.get_yaxis_transform()  # x as a share of the panel
    text = "–" if np.isnan(auc) else f"{auc:.2f}"
    ax.text(0.99, at, text, transform=beside, ha="right", va="center", fontsize=style.SMALL, color=style.INK)


def _coverage_mark(ax: Axes, row: Mapping[str, Any], at: float) -> None:
    most = _most_common(row)
    covered = {True: 0.0, False: 0.0}
    for value in row["values"]:
        if value["certified"]:
            covered[value["value"] == most] += number(value["coverage"], 0.0)
    ax.barh([at], [covered[True]], color=style.LIGHT, height=0.62)
    ax.barh([at], [covered[False]], left=[covered[True]], color=style.OURS, height=0.62)


def _recall_mark(ax: Axes, value: Mapping[str, Any] | None, at: float) -> None:
    look: dict[str, Any] = {"va": "center", "fontsize": style.SMALL}
    if value is None:
        ax.text(0.02, at, "withheld", color=style.GREY, **look)
        return
    recall = number(value["recall"], 0.0)
    ax.barh([at], [recall], color=style.OURS, height=0.62)
    told = f"{percent(value['recall'])}  {plain(value['value'], 16)} ({percent(value['prior'])})"
    ax.text(recall + 0.02, at, told, color=style.INK, **look)
