"""What carries an attribute: logs and fields by their share, and under each its most telling features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pipeline.explanation.carriers import Carried, Carrier
from pipeline.features.naming import readable
from pipeline.plots import style
from pipeline.plots.text import percent, plain

N_CARRIERS, N_FEATURES = 8, 3  # shown
_LINE = 0.27  # inches per bar


def carriers(carried: Carried, values: Sequence[str], title: str, path: Path) -> None:
    """Write the carriers of an attribute as bars with intervals, each with its strongest features below it.

    Parameters
    ----------
    carried
        What carries the attribute.
    values
        All values of the attribute; a feature's colour is the value that it speaks for.
    title, path
        As in `reliability`.
    """
    shown = carried.carriers[:N_CARRIERS]
    rest = len(carried.carriers) - len(shown)
    left_out = sum(carrier.share for carrier in carried.carriers[N_CARRIERS:])
    note = [f"{rest} more with {percent(left_out)} together are not shown"] if rest else []
    lines = sum(1 + len(carrier.features[:N_FEATURES]) for carrier in shown)
    fig = style.figure(2.3 + _LINE * max(lines + 0.4 * len(shown), 4), title, note)
    ax = fig.subplots()
    at, ticks, labels = 0.0, [], []
    most = max([carrier.high for carrier in shown], default=1.0)
    for carrier in shown:
        ax.barh(at, carrier.share, color=style.LIGHT, height=0.8)
        ax.plot([carrier.low, carrier.high], [at, at], color=style.INK, linewidth=1.5)
        told = f"{percent(carrier.share)}"
        ax.text(max(carrier.share, carrier.high) + 0.01 * most, at, told, va="center", fontsize=style.MEDIUM)
        ticks.append(at)
        labels.append(plain(carrier.subject, 52))
        at = _features(ax, carrier, values, at + 1, ticks, labels) + 0.4
    ax.set_yticks(ticks, labels)
    style.axes(ax, "", f"share in what moves the predictions ({carried.n:,} customers)", percent="x")
    ax.set_xlim(0, most * 1.15)
    ax.set_ylim(max(at, 4) - 0.6, -0.7)
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    subjects = {carrier.subject for carrier in shown}
    for label in ax.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in {plain(s, 52) for s in subjects} else "normal")
    ax.grid(False, axis="y")
    if not shown:
        style.centred(ax, "no feature contributes")
    _legend(fig, shown, values)
    style.save(fig, path)


def _features(
    ax: Axes, carrier: Carrier, values: Sequence[str], at: float, ticks: list[float], labels: list[str]
) -> float:
    """Draw the features of one carrier from line `at` on; return the line after them."""
    log = carrier.subject.partition(": ")[0] + ": "
    for feature in carrier.features[:N_FEATURES]:
        ax.barh(at, feature.share, color=_colour(feature.speaks_for, values), height=0.5)
        ticks.append(at)
        labels.append(plain(readable(feature.name).removeprefix(log), 52))
        at += 1
    return at


def _colour(value: str, values: Sequence[str]) -> str:
    place = list(values).index(value) if value in values else len(style.COLOURS)
    return style.COLOURS[place] if place < len(style.COLOURS) else style.GREY


def _legend(fig: Figure, shown: Sequence[Carrier], values: Sequence[str]) -> None:
    spoken = {feature.speaks_for for carrier in shown for feature in carrier.features[:N_FEATURES]}
    told = [value for value in values if value in spoken]
    handles = [Patch(color=style.LIGHT), *[Patch(color=_colour(value, values)) for value in told]]
    names = ["all its features, with 95 % interval", *[f"the more, the likelier: {plain(v, 15)}" for v in told]]
    if "" in spoken:
        handles.append(Patch(color=style.GREY))
        names.append("in no one direction")
    style.legend(fig, handles, names)
