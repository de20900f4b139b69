"""The figures as tables on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pipeline import console
from tests.bench.quality.ablation import FULL
from tests.bench.quality.figures import MEAN, Figure, Scored

FEW = 6  # attributes; of more only the mean is printed, and the last method's own figures

COLUMNS = {
    "auc": "AUC [95 %]",
    "auc_pooled": "pooled",
    "log_loss": "log-loss",
    "accuracy": "acc.",
    "coverage": "cov. 80",
    "recall": "rec. 80",
    "certified_coverage": "cert. cov",
    "certified_recall": "cert. rec",
}
BY_ATTRIBUTE = [metric for metric in COLUMNS if metric not in ("auc_pooled", "accuracy")]
NOTE = (
    "AUC: mean over the folds; pooled: over all pairs of customers of one fold. cov. 80: the largest share of "
    "customers whose likeliest value can be stated with 80 % of the statements right, the threshold chosen on "
    "these very customers, which flatters; rec. 80: the same for the share found of those with the last value. cert.: "
    "coverage and recall at thresholds that were certified without the test customers."
)


def show_task(task: str, methods: dict[str, str], figures: dict[str, dict[str, dict[str, Figure]]]) -> None:
    """Print one table per attribute with a row per method, or of many attributes their mean.

    Parameters
    ----------
    methods
        Title by name.
    figures
        By method, attribute and metric.
    """
    first = next(iter(figures.values()))
    attributes = [name for name in first if name != MEAN]
    shown = attributes if len(attributes) <= FEW else [MEAN]
    for attribute in shown:
        rows = [[methods[name], *_cells(found[attribute])] for name, found in figures.items()]
        console.table(
            _title(task, attribute, first, attributes),
            ["method", *COLUMNS.values()],
            rows,
            NOTE if attribute == shown[-1] else "",
        )
    if shown == [MEAN]:
        best, found = list(figures.items())[-1]
        rows = [[name, f"{found[name]['auc'].n:,}", *_cells(found[name], BY_ATTRIBUTE)] for name in attributes]
        console.table(
            f"{task}: {methods[best]}, by attribute",
            ["attribute", "n", *(COLUMNS[metric] for metric in BY_ATTRIBUTE)],
            rows,
        )


def show_costs(rows: list[dict[str, Any]]) -> None:
    """Print what making features and learning cost, by task and method."""
    cells = [
        [
            row["task"],
            row["title"],
            f"{row['feature_seconds']:.0f}",
            f"{row['feature_mb']:.0f}",
            f"{row['seconds']:.0f}",
            f"{row['peak_mb']:.0f}",
        ]
        for row in rows
    ]
    columns = ["task", "method", "features: s", "MB", "learning and judging: s", "MB"]
    console.table(
        "Cost",
        columns,
        cells,
        "Wall seconds, start of the processes included, and the largest sum of their resident memory; the features of "
        "this package are made once per task. All folds.",
        left=(0, 1),
    )


def show_ablation(task: str, scored: dict[str, Scored]) -> None:
    """Print each reduced recipe's mean AUC and log-loss beside what it lacks to the full one."""
    full = scored[FULL]
    rows = []
    for name, one in scored.items():
        mean, cells = one.figures()[MEAN], [name]
        for metric in ("auc", "log_loss"):
            cells.append(f"{mean[metric].estimate:.4f}")
            cells.append("" if name == FULL else _signed(one.difference(full)[metric]))
        rows.append(cells)
    columns = ["recipe", "mean AUC", "difference [95 %]", "mean log-loss", "difference [95 %]"]
    console.table(f"{task}: ablation, {len(full.attributes)} attributes", columns, rows)


def _title(task: str, attribute: str, found: dict[str, dict[str, Figure]], attributes: list[str]) -> str:
    if attribute == MEAN:
        return f"{task}: mean of {len(attributes)} attributes"
    one = found[attribute]
    share = one["recall"].prior
    return f"{task}: {attribute}, {one['auc'].n:,} customers" + (
        "" if math.isnan(share) else f", {share:.0%} have the last value"
    )


def _cells(found: dict[str, Figure], columns: Iterable[str] = COLUMNS) -> list[str]:
    cells = []
    for metric in columns:
        figure = found[metric]
        text = "" if math.isnan(figure.estimate) else f"{figure.estimate:.3f}"
        cells.append(f"{text} [{figure.low:.3f}, {figure.high:.3f}]" if metric == "auc" else text)
    return cells


def _signed(difference: tuple[float, float, float]) -> str:
    return "{:+.4f} [{:+.4f}, {:+.4f}]".format(*difference)
