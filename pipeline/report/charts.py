"""Pictures of the report, as SVG: four inches wide, so that their texts are legible on a phone and in print."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from functools import partial

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from pipeline.plots import style
from pipeline.plots.text import FONT, plain
from pipeline.report.words import Words

_WIDTH = 4.0  # inches: 10 points are 12 pixels on a phone 360 pixels wide
_SIZE = 10  # points
_LABEL = 26  # characters of a label's line
_BAR = 0.34  # inches per bar, and
_LINE = 0.17  # per further line of its label


def intervals(
    words: Words,
    labels: Sequence[str],
    means: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    what: str,
    share: bool = True,
    reference: float | None = None,
) -> str:
    """Return a picture of one bar per label, with its 95 % interval.

    Parameters
    ----------
    labels, means, lows, highs
        Of the bars, from top to bottom, each of shape (n,); ends that are NaN are not drawn.
    what
        What the axis shows, with its unit.
    share
        Whether the numbers are shares, to be written as percentages.
    reference
        Where a line marks what is usual.
    """
    wrapped = [textwrap.fill(plain(label, 60), _LABEL) for label in labels]
    lines = sum(label.count("\n") for label in wrapped)
    fig, ax = _figure(0.9 + _BAR * max(2, len(labels)) + _LINE * lines)
    at = np.arange(len(labels))
    ax.barh(at, means, height=0.62, color=style.OURS, zorder=2)
    for place, low, high in zip(at, lows, highs, strict=True):
        if np.isfinite(low) and np.isfinite(high):
            ax.plot([low, high], [place, place], color=style.INK, linewidth=1.6, zorder=3)
    if reference is not None:
        ax.axvline(reference, color=style.REQUIRED, linewidth=1.4, linestyle="--", zorder=4)
    ax.set_yticks(at, wrapped)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    _dress(ax, words, what, share)
    ax.grid(False, axis="y")
    ax.set_xlim(left=min(0.0, np.nanmin([*means, *lows, 0.0])))
    return _svg(fig)


def curve(
    words: Words,
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    names: tuple[str, str],
    diagonal: bool = False,
    marked: Sequence[tuple[float, float, str]] = (),
) -> str:
    """Return a picture of one curve of shares over shares, with its 95 % band.

    Parameters
    ----------
    x, y, low, high
        Shapes (n,), in [0, 1].
    names
        What the two axes show.
    diagonal
        Whether to draw what chance would give.
    marked
        Points (x, y, text) to be named.
    """
    fig, ax = _figure(3.1)
    ax.fill_between(x, low, high, color=style.OURS, alpha=0.2, linewidth=0)
    ax.plot(x, y, color=style.OURS, linewidth=2)
    if diagonal:
        ax.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--")
    for across, up, text in marked:
        ax.plot([across], [up], marker="o", color=style.REQUIRED)
        ax.annotate(plain(text, 40), (across, up), (6, -12), textcoords="offset points", fontsize=_SIZE)
    _dress(ax, words, names[0], True)
    ax.set_ylabel(names[1], fontsize=_SIZE, color=style.INK)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: words.percent(share)))
    ax.set_xlim(0, max(x))
    ax.set_ylim(0, 1.02)
    return _svg(fig)


def heat(words: Words, rows: Sequence[str], columns: Sequence[str], cells: np.ndarray, hidden: np.ndarray) -> str:
    """Return a table of shares as a picture: the darker, the greater; hidden cells are left blank.

    Parameters
    ----------
    cells, hidden
        Shapes (n_rows, n_columns): shares in [0, 1], and which of them rest on too few customers.
    """
    fig, ax = _figure(1.5 + 0.36 * len(rows))
    shown = np.where(hidden, np.nan, cells)
    ax.imshow(
        shown, cmap="Blues", vmin=0, vmax=max(0.01, float(np.nanmax(np.where(hidden, 0.0, cells)))), aspect="auto"
    )
    for (row, column), share in np.ndenumerate(shown):
        text = "·" if np.isnan(share) else words.percent(float(share)) if share >= 0.005 else ""
        dark = np.isfinite(share) and share > 0.6 * np.nanmax(shown)
        colour = "white" if dark else style.INK
        ax.text(column, row, text.replace("\u00a0", ""), ha="center", va="center", fontsize=_SIZE - 2, color=colour)
    ax.set_xticks(range(len(columns)), [plain(name, 16) for name in columns], rotation=60, ha="right")
    ax.set_yticks(range(len(rows)), [plain(name, 20) for name in rows])
    ax.tick_params(labelsize=_SIZE - 1, length=0, labelcolor=style.INK)
    ax.spines[:].set_visible(False)
    return _svg(fig)


def _figure(height: float) -> tuple[Figure, Axes]:
    layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05)
    fig = Figure(figsize=(_WIDTH, height), layout=layout, facecolor="white")
    FigureCanvasSVG(fig)
    return fig, fig.subplots()


def _dress(ax: Axes, words: Words, what: str, share: bool) -> None:
    ax.figure.supxlabel(textwrap.fill(what, 44), fontsize=_SIZE, color=style.INK)
    digits = 1 if not share and ax.get_xlim()[1] < 5 else 0
    write = words.percent if share else partial(words.number, digits=digits)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    ax.locator_params(axis="x", nbins=5)
    ax.tick_params(labelsize=_SIZE, color=style.GREY, labelcolor=style.INK, length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(style.GREY)
    ax.set_axisbelow(True)
    ax.grid(True, color=style.LIGHT, linewidth=0.6)


def _svg(fig: Figure) -> str:
    """Return the picture's SVG without its head: it stands inside a page. Texts stay texts, to be found and read."""
    for text in fig.findobj(Text):
        text.set(parse_math=False, fontfamily=FONT)
    with io.StringIO() as file, mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"}):
        fig.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue().partition("<svg")[1] + file.getvalue().partition("<svg")[2]
