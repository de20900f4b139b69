"""A whole training at a glance: what is told apart, and what may be stated."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.plots import style
from pipeline.plots.text import number, percent, plain

LINE = 0.21  # inches per value
MIN_LINES = 4  # of the picture
SCREEN = 40  # lines: beyond, the numbers of the axes are repeated above


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
    blocks, end = _stacked(rows)
    fig = style.figure(2.0 + LINE * max(end, MIN_LINES), f"What can be told of customers (attributes: {len(rows)})")
    left, right = fig.subplots(1, 2, width_ratios=[4, 5])
    for i, block in enumerate(blocks):
        if i % 2 == 0:
            _shade(left, block)
            _shade(right, block)
        _auc_mark(left, block.row, block.middle)
        for at, value in zip(block.lines, block.row["values"], strict=True):
            _recall_mark(right, value, at)
    _auc_axes(left, blocks)
    _recall_axes(right, blocks, min_precision)
    for ax in (left, right):
        ax.set_ylim(max(end, MIN_LINES) - 0.8, -0.9)
        ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
        ax.tick_params(axis="x", labelsize=style.SMALL, labeltop=end > SCREEN)
        ax.xaxis.label.set_fontsize(style.SMALL)
        ax.grid(False, axis="y")
        ax.spines["left"].set_visible(False)
    if not rows:
        style.centred(left, "no attributes")
    handles = [
        Line2D([], [], color=style.OURS, marker="o", linewidth=4, solid_capstyle="butt"),
        Line2D([], [], color=style.GREY, marker="o", markerfacecolor="white", linestyle="none"),
        Line2D([], [], linestyle="none"),
    ]
    style.legend(fig, handles, ["certified", "withheld", "(…) share of all customers who have it"])
    style.save(fig, path)


@dataclass(frozen=True)
class _Block:
    """Where one attribute stands; `start` counts lines from the top."""

    row: Mapping[str, Any]
    start: float

    @property
    def height(self) -> int:
        return max(2, len(self.row["values"]))  # the attribute's own text takes two lines

    @property
    def middle(self) -> float:
        return self.start + (self.height - 1) / 2

    @property
    def lines(self) -> list[float]:
        n = len(self.row["values"])
        return [self.start + (self.height - n) / 2 + line for line in range(n)]


def _stacked(rows: Sequence[Mapping[str, Any]]) -> tuple[list[_Block], float]:
    """Return one block per attribute, the highest AUC first, and the line at which the last one ends."""
    blocks, at = [], 0.0
    for row in sorted(rows, key=lambda row: -number(row["auc"], -1.0)):
        blocks.append(_Block(row, at))
        at += blocks[-1].height + 0.7
    return blocks, at


def _shade(ax: Axes, block: _Block) -> None:
    top, bottom = block.start - 0.85, block.start + block.height - 0.15
    ax.axhspan(top, bottom, color="#F4F4F4", linewidth=0, zorder=0)


def _auc_axes(ax: Axes, blocks: Sequence[_Block]) -> None:
    bounds = [number(block.row[key], 0.5) for block in blocks for key in ("auc", "auc_low")]
    lowest = max(0.0, math.floor(10 * min([0.5, *bounds]) - 0.2) / 10)
    style.axes(ax, "", "AUC, 95 % interval", xlim=(lowest, 1 + 0.3 * (1 - lowest)))
    ax.set_xticks(np.arange(round(10 * lowest), 11, 2) / 10)
    ax.axvline(0.5, color=style.GREY, linewidth=1, linestyle="--", zorder=1)
    names = [
        f"{plain(block.row['attribute'], 24)}\n{plain(block.row['kind'], 10)}, n = {block.row['n']:,}"
        for block in blocks
    ]
    ax.set_yticks([block.middle for block in blocks], names)


def _recall_axes(ax: Axes, blocks: Sequence[_Block], min_precision: float | None) -> None:
    precise = "the required" if min_precision is None else f"at least {percent(min_precision)}"
    label = f"of those who have the value, the share for whom it is stated with {precise} precision"
    style.axes(ax, "", textwrap.fill(label, 36), xlim=(-0.02, 1.18), percent="x")
    ax.set_xticks(np.linspace(0, 1, 5))
    values = [value for block in blocks for value in block.row["values"]]
    names = [f"{plain(value['value'], 18)} ({percent(value['prior'])})" for value in values]
    ax.set_yticks([at for block in blocks for at in block.lines], names)


def _auc_mark(ax: Axes, row: Mapping[str, Any], at: float) -> None:
    auc = number(row["auc"], math.nan)
    ax.plot([row["auc_low"], row["auc_high"]], [at, at], color=style.OURS, linewidth=2, solid_capstyle="butt")
    ax.plot([auc], [at], color=style.OURS, marker="o", markersize=8)
    text = "–" if np.isnan(auc) else f"{auc:.2f}"
    beside = ax.get_yaxis_transform()  # x as a share of the panel
    ax.text(0.99, at, text, transform=beside, ha="right", va="center", fontsize=style.MEDIUM, color=style.INK)


def _recall_mark(ax: Axes, value: Mapping[str, Any], at: float) -> None:
    if not value["certified"]:
        ax.plot([0], [at], color=style.GREY, marker="o", markersize=6, markerfacecolor="white", clip_on=False)
        return
    recall = number(value["recall"], 0.0)
    ax.plot([0, recall], [at, at], color=style.OURS, linewidth=4, solid_capstyle="butt")
    ax.plot([recall], [at], color=style.OURS, marker="o", markersize=7, clip_on=False)
    look: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": style.SMALL, "color": style.INK}
    ax.annotate(percent(value["recall"]), (recall, at), (8, 0), **look)
