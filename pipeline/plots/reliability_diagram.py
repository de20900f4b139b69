"""Whether predicted probabilities come true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.metrics import Floats, Ints, calibration_curve
from pipeline.plots import style
from pipeline.plots.shown import most_frequent, say_if_empty, usable
from pipeline.plots.text import percent, plain

MAX_LINES = 6
N_BARS = 40


def reliability(y: Ints, proba: Floats, values: Sequence[str], title: str, path: Path) -> None:
    """Write the reliability diagram: how often each predicted probability came true.

    Points are bins of equally many customers (see `metrics.calibration_curve`) with 95 % Wilson intervals;
    beneath are the probabilities themselves. Two classes: the last one is shown; beyond, the six with the
    most customers. The axes end where the points do: a rare value has no large probabilities, but for a few
    customers, who are counted in the last bar.

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
    y, proba, note = usable(y, proba, values)
    shown = [len(values) - 1] if len(values) == 2 else most_frequent(y, len(values), MAX_LINES)
    if len(shown) < len(values) != 2:
        note.append(f"the {MAX_LINES} most frequent of {len(values)} values")
    shown = shown if len(y) else []
    for value in shown:
        if len(np.unique(proba[:, value])) == 1:
            note.append(f"{plain(values[value], 24)}: the same probability for everybody")
    fig = style.figure(8.5, f"{title} (n = {len(y):,})", note)
    main, strip = fig.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    highest = max([0.0, *(_curve(main, y, proba, value, i) for i, value in enumerate(shown))])
    end = axis_end(proba[:, shown], highest)
    _guide(main, end)
    say_if_empty(main, y)
    _bars(strip, proba[:, shown], end)
    _legend(fig, y, values, shown)
    style.save(fig, path)


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


def axis_end(proba: Floats, highest: float) -> float:
    """Return where both axes end: past the `highest` point and 99 % of the probabilities, (n, n_shown).

    Examples
    --------
    >>> round(axis_end(np.append(np.full(199, 0.2), 0.9)[:, None], highest=0.4), 2)
    0.42
    >>> axis_end(np.full((200, 1), 0.7), highest=0.4)
    1.0
    """
    needed = max(highest, *np.quantile(proba, 0.99, axis=0)) if proba.size else 0.0
    return 1.0 if needed > 0.6 or not needed else float(1.05 * needed)


def _curve(ax: Axes, y: Ints, proba: Floats, value: int, i: int) -> float:
    """Draw the points of one value; return the highest coordinate."""
    mean, share, n = calibration_curve(y, proba, value)
    low, high = wilson(share * n, n)
    ax.errorbar(
        mean,
        share,
        yerr=np.clip([share - low, high - share], 0, None),
        color=style.COLOURS[i],
        marker=style.MARKERS[i],
        markersize=7,
        linewidth=1.8,
        elinewidth=1.1,
        capsize=3,
    )
    return float(max(mean.max(), high.max()))


def _guide(ax: Axes, end: float) -> None:
    """Draw where points should lie, and say what it means if they do not."""
    ax.plot([0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle="--", zorder=1)
    for x, y, text, side in (
        (0.02, 0.95, "above the line: more have it than predicted", "left"),
        (0.98, 0.04, "below the line: fewer have it than predicted", "right"),
    ):
        ax.text(x, y, text, transform=ax.transAxes, ha=side, va="center", fontsize=style.MEDIUM, color=style.GREY)
    around = (-0.02 * end, 1.02 * end)
    style.axes(ax, "share who really have it", xlim=around, ylim=around, percent="y")


def _bars(ax: Axes, proba: Floats, end: float) -> None:
    """Draw how many customers have which probability, shape (n, n_shown)."""
    n_shown = proba.shape[1]
    for i in range(n_shown):
        ax.hist(
            np.minimum(proba[:, i], end),
            bins=np.linspace(0, end, N_BARS + 1).tolist(),
            color=style.COLOURS[i],
            linewidth=1.5,
            histtype="step" if n_shown > 1 else "stepfilled",
        )
    n_beyond = int((proba > end).any(axis=1).sum())
    beyond = f" (last bar: {n_beyond:,} customers beyond {100 * end:.2g} %)" if n_beyond else ""
    style.axes(ax, "customers", f"predicted probability{beyond}", percent="x")
    ax.yaxis.set_major_locator(MaxNLocator(2, integer=True))


def _legend(fig: Figure, y: Ints, values: Sequence[str], shown: Sequence[int]) -> None:
    handles = [Line2D([], [], color=style.COLOURS[i], marker=style.MARKERS[i], markersize=7) for i in range(len(shown))]
    labels = [f"{plain(values[value], 15)} ({percent(np.mean(y == value))})" for value in shown]
    style.legend(
        fig,
        [*handles, Line2D([], [], color=style.GREY, linestyle="--")],
        [*labels, "probabilities come true"],
        "points: tenths of the customers, by probability, with 95 % intervals; (…): share of all who have it",
    )
