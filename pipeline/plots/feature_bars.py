"""Which features move a prediction most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.metrics import Floats
from pipeline.plots import style
from pipeline.plots.text import in_words, plain


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
    fig = style.figure(1.8 + 0.32 * max(len(best), 4), title)
    ax = fig.subplots()
    ax.barh(range(len(best)), size[best], color=style.OURS, height=0.7)
    for row, i in enumerate(best):
        ax.text(size[i], row, f" {size[i]:#.2g}", va="center", fontsize=style.SMALL, color=style.INK)
    ax.set_yticks(range(len(best)), [plain(in_words(names[i]), 44) for i in best])
    most = size[best[0]] if best else 1.0
    style.axes(ax, "", "mean absolute contribution (log-odds)", xlim=(0, most * 1.14))
    ax.set_ylim(max(len(best), 4) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    if not best:
        style.centred(ax, "no feature contributes" if len(names) else "no features")
    style.save(fig, path)
