"""The look that all pictures share: sizes, colours, axes, legend, and how a picture is saved.

Only matplotlib's objects are used, never pyplot: nothing global is opened or changed, so that pictures can
be drawn in worker processes and without a screen.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from pipeline.outputs import write_file
from pipeline.plots.text import FONT, plain

DPI = 100
WIDTH = 9.0  # inches
LARGE, NORMAL, MEDIUM, SMALL = 15, 13, 12, 11  # points
# Okabe, Ito 2008, Color Universal Design: told apart by the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
OURS, REQUIRED, INK, GREY, LIGHT = COLOURS[0], COLOURS[1], "#222222", "#777777", "#D9D9D9"


def figure(height: float, title: str, note: Sequence[str] = ()) -> Figure:
    """Return an empty picture `height` inches high, with a title and what is odd about its data."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06, wspace=0.04)
    fig = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(fig)
    lines = [line for part in (plain(title, 200), *note) for line in textwrap.wrap(part, 72)]
    fig.suptitle("\n".join(lines), x=0.012, ha="left", fontsize=LARGE, color=INK)
    return fig


def axes(
    ax: Axes,
    ylabel: str,
    xlabel: str = "",
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    percent: str = "",
) -> None:
    """Label axes and give them the common look; `percent` is x, y or both: shares shown as percentages."""
    ax.set_ylabel(ylabel, fontsize=NORMAL, color=INK)
    ax.set_xlabel(xlabel, fontsize=NORMAL, color=INK)
    if xlim:
        ax.set_xlim(*xlim)
    if ylim:
        ax.set_ylim(*ylim)
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if percent in (name, "both"):
            axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))
    ax.tick_params(labelsize=MEDIUM, color=GREY, labelcolor=INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.set_axisbelow(True)
    ax.grid(True, color=LIGHT, linewidth=0.6)


def legend(fig: Figure, handles: Sequence[Any], labels: Sequence[str], explanation: str = "", columns: int = 3) -> None:
    """Explain the signs below the picture, in some columns under one line of text."""
    fig.legend(
        handles,
        labels,
        title=explanation or None,
        loc="outside lower center",
        fontsize=MEDIUM,
        ncols=columns,
        title_fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
    )


def centred(ax: Axes, text: str) -> None:
    """Say in the middle of axes why there is nothing to be seen."""
    box = {"facecolor": "white", "linewidth": 0}
    middle: dict[str, Any] = {"transform": ax.transAxes, "ha": "center", "va": "center"}
    ax.text(0.5, 0.5, text, fontsize=NORMAL, color=GREY, bbox=box, **middle)


def save(fig: Figure, path: Path) -> None:
    """Write the picture, whole or not at all; dollar signs in names begin no formula."""
    for text in fig.findobj(Text):
        text.set(parse_math=False, fontfamily=FONT)
    write_file(path, lambda partial: fig.savefig(partial, format="png", dpi=DPI))
