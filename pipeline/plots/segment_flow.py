"""Who went from which segment to which: two columns of bars, bands as thick as there are customers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Curve

from pipeline.plots import style
from pipeline.plots.text import plain

_WIDE = 0.05  # of a bar; the columns are 1 apart
_APART = 0.025  # between bars, as a share of all customers
_OTHERS = ("#999999", "#882255", "#44AA99", "#332288", "#BBBBBB", "#DDCC77")


def segment_flow(movement: pd.DataFrame, sizes: pd.DataFrame, order: Sequence[str], about: str, path: Path) -> None:
    """Write the flow between two instants; without an earlier one the sizes alone.

    Parameters
    ----------
    movement
        One row per pair: `was`, `is` and the number `n` of customers; may be empty.
    sizes
        `segment` and `n`: what is shown if there is no movement.
    order
        Segments from top to bottom.
    about
        What the title says besides.
    path
        File to write.
    """
    fig = style.figure(7.2, f"Segments and movement between them: {about}")
    ax = fig.subplots()
    ax.set_axis_off()
    if len(movement):
        left, right = ({str(k): int(n) for k, n in movement.groupby(end)["n"].sum().items()} for end in ("was", "is"))
    else:
        left, right = {}, dict(zip(sizes.get("segment", []), sizes.get("n", []), strict=True))
    total = max(1, sum(right.values()))
    colours = dict(zip(order, [*style.COLOURS, *_OTHERS] * (1 + len(order) // 12), strict=False))
    ends = [
        _column(ax, left, order, 0.0, total, colours, "right"),
        _column(ax, right, order, 1.0, total, colours, "left"),
    ]
    if len(movement):
        _bands(ax, movement, order, ends[0], ends[1], total, colours)
        ax.text(0.0, 0.05, "one period ago", ha="center", fontsize=style.NORMAL, color=style.INK)
        ax.text(1.0, 0.05, "now", ha="center", fontsize=style.NORMAL, color=style.INK)
    if not right:
        style.centred(ax, "no customers")
    ax.set_xlim(-0.42, 1.42)
    ax.set_ylim(-1 - _APART * (len(order) + 1), 0.1)
    style.save(fig, path)


def _column(
    ax: Axes, sizes: dict[str, int], order: Sequence[str], x: float, total: int, colours: dict[str, str], side: str
) -> dict[str, float]:
    """Draw one column of bars; return the upper end of each."""
    top, ends = 0.0, {}
    for name in [name for name in order if sizes.get(name)]:
        height = sizes[name] / total
        ends[name] = top
        ax.add_patch(Rectangle((x - _WIDE / 2, top - height), _WIDE, height, color=colours[name], linewidth=0))
        away = -_WIDE if side == "right" else _WIDE
        text = f"{plain(name, 24)}  {sizes[name]:,}"
        ax.text(x + away, top - height / 2, text, ha=side, va="center", fontsize=style.SMALL, color=style.INK)
        top -= height + _APART
    return ends


def _bands(
    ax: Axes,
    movement: pd.DataFrame,
    order: Sequence[str],
    left: dict[str, float],
    right: dict[str, float],
    total: int,
    colours: dict[str, str],
) -> None:
    left, right = dict(left), dict(right)
    place = {name: number for number, name in enumerate(order)}
    rows = sorted(
        zip(movement["was"], movement["is"], movement["n"], strict=True), key=lambda r: (place[r[0]], place[r[1]])
    )
    for was, now, n in rows:
        height = n / total
        a, b = left[was], right[now]
        left[was], right[now] = a - height, b - height
        begin, end = _WIDE / 2, 1 - _WIDE / 2
        points = [(begin, a), (0.5, a), (0.5, b), (end, b), (end, b - height), (0.5, b - height), (0.5, a - height)]
        points += [(begin, a - height), (begin, a)]
        bend = [Curve.CURVE4] * 3
        codes = [Curve.MOVETO, *bend, Curve.LINETO, *bend, Curve.CLOSEPOLY]
        ax.add_patch(PathPatch(Curve(points, codes), facecolor=colours[was], alpha=0.45, linewidth=0))
