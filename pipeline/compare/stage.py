"""The stage compare: prints the matrix attribute x training and logs it with a picture."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from pipeline import console, plots
from pipeline.compare.cells import THE_REFERENCE, Cell, Kept, Question, matrix
from pipeline.errors import ConfigError, DataError, did_you_mean
from pipeline.judged import HIGHER_IS_BETTER
from pipeline.outputs import fingerprint
from pipeline.paired import MEAN
from pipeline.settings import Settings
from pipeline.tracking import CHAMPION, Run, Tracker, metric_name

_SIDE_BY_SIDE = 3  # trainings per printed table, so that it stays readable in a log


def compare(settings: Settings, tracker: Tracker) -> list[Cell]:
    """Print the matrix attribute x training, log it, and return its cells.

    Raises
    ------
    DataError
        If the source has no finished training.
    ConfigError
        If a training is named that does not exist.
    """
    known = tracker.trainings()
    if not known:
        raise DataError(
            f"compare: the source '{settings.data.name}' has no finished training in {tracker.uri}: run "
            f"python -m pipeline stages=[features,train] data={settings.data.name} first"
        )
    asked, against = settings.compare.runs, settings.compare.against
    chosen = [_named(name, known, "runs") for name in asked] if asked else known[: settings.compare.last]
    chosen = list({run.id: run for run in chosen}.values())
    fixed = None if against == CHAMPION else _named(against, known, "against")
    question = Question(settings.compare.metric, fixed, settings.evaluation.resamples, settings.seed)
    cells = matrix(Kept(tracker), chosen, {run.id: run for run in known}, question)
    for start in range(0, len(chosen), _SIDE_BY_SIDE):
        _print(cells, chosen[start : start + _SIDE_BY_SIDE], settings)
    _tell(cells, chosen)
    _log(settings, tracker, cells, chosen)
    return cells


def table_of(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one row per cell, as it is logged."""
    rows = []
    for cell in cells:
        found = cell.difference
        numbers = (
            {} if found is None else {"difference": found.estimate, "low": found.low, "high": found.high, "p": found.p}
        )
        row = {"attribute": cell.attribute, "run": cell.run.name, "run_id": cell.run.id, "n": cell.n}
        row |= {"estimate": cell.estimate, "sd": cell.sd, "figures": cell.n_figures, **numbers}
        row |= {"survives_holm": cell.survives, "compared_with": cell.reference, "not_compared": cell.reason}
        row |= {"coverage": cell.coverage, "coverage_rarer_values": cell.coverage_rarer}
        rows.append(row | {"min_precision": cell.min_precision})
    return pd.DataFrame(rows)


def _named(name: str, known: Sequence[Run], key: str) -> Run:
    for run in known:
        if name in (run.id, run.name):
            return run
    names = [run.name for run in known]
    raise ConfigError(f"compare.{key}: no finished training is called '{name}' {did_you_mean(name, names)}")


def _print(cells: Sequence[Cell], runs: Sequence[Run], settings: Settings) -> None:
    metric, against = settings.compare.metric, settings.compare.against
    named = {run.id: letter for letter, run in zip(_letters(cells), _order(cells), strict=True)}
    found = {(cell.attribute, cell.run.id): cell for cell in cells}
    names = list(dict.fromkeys(cell.attribute for cell in cells if cell.attribute != MEAN))
    rows, role = [], CHAMPION if against == CHAMPION else "reference"
    for name in [*names, MEAN]:
        shown = [found.get((name, run.id)) for run in runs]
        n = max((cell.n for cell in shown if cell), default=0)
        rows.append([name, f"{n:,}" if name != MEAN else "", *(_shown(cell, role) for cell in shown)])
    for run in runs:
        console.say(f"{named[run.id]}: {run.name}")
    better = "higher" if metric in HIGHER_IS_BETTER else "lower"
    compared = "each attribute's champion" if against == CHAMPION else against
    promised = {cell.min_precision for cell in cells if cell.attribute != MEAN}
    required = f"{promised.pop():.0%}" if len(promised) == 1 else "its required"
    note = (
        f"First line: {metric} on test customers ± standard deviation of its figures within folds; after the bar, the "
        f"share of test customers for whom a value is stated with certified precision of {required}, in brackets for "
        "whom one besides the most common value is."
    )
    if _n_differences(cells):
        note += (
            f" Second line: difference to {compared} with its 95 % interval on the same customers and folds; * survives"
            f" Holm's correction over all {_n_differences(cells)} differences. The mean is over the attributes that all"
            " trainings here share; where a training is the reference it differs by 0."
        )
        if against == CHAMPION:
            note += " Champions were chosen on these customers, which flatters them a little."
    title = f"{metric} by attribute and training ({better} is better)"
    console.table(title, ["attribute", "n", *(named[run.id] for run in runs)], rows, note)


def _shown(cell: Cell | None, against: str) -> str:
    if cell is None or math.isnan(cell.estimate):
        return "–" if cell is None else "no figures"
    sd = "" if math.isnan(cell.sd) else f" ± {cell.sd:.3f}"
    first = f"{cell.estimate:.3f}{sd} | {cell.coverage:.0%} ({cell.coverage_rarer:.0%})"
    if cell.difference is not None:
        d = cell.difference
        mark = "*" if cell.survives else ""
        return f"{first}\n{d.estimate:+.3f} [{d.low:+.3f}, {d.high:+.3f}]{mark}"
    return f"{first}\n{against if cell.reason == THE_REFERENCE else 'not compared'}"


def _order(cells: Sequence[Cell]) -> list[Run]:
    return list({cell.run.id: cell.run for cell in cells}.values())


def _letters(cells: Sequence[Cell]) -> list[str]:
    """Return A, B, … for the trainings: their names are too long for a column."""
    return [chr(ord("A") + i) if i < 26 else str(i + 1) for i in range(len(_order(cells)))]


def _n_differences(cells: Sequence[Cell]) -> int:
    return sum(cell.difference is not None and cell.attribute != MEAN for cell in cells)


def _tell(cells: Sequence[Cell], chosen: Sequence[Run]) -> None:
    """Say what could not be compared and why; and with one training, how to make a second."""
    why: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in cells:
        if cell.reason not in ("", THE_REFERENCE) and cell.attribute != MEAN:
            why[cell.run.name, cell.reason].append(cell.attribute)
    for (run, reason), names in why.items():
        listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        console.warn(f"not compared: {run}: {listed}: {reason}")
    if len(chosen) == 1:
        console.say(
            "compare: there is one training only; a second is made by another recipe or setting, such as "
            "python -m pipeline stages=[train] model=logistic"
        )


def _log(settings: Settings, tracker: Tracker, cells: Sequence[Cell], chosen: Sequence[Run]) -> None:
    metric = settings.compare.metric
    table = table_of(cells)
    # Not the numbers: their last digits may differ from machine to machine.
    compared = sorted({(cell.attribute, cell.reference, cell.reason) for cell in cells})
    key = fingerprint([run.id for run in chosen], compared, metric, settings.compare.against)
    tags = {"stage": "compare", "source": settings.data.name, "metric": metric, "mlflow.source.name": "pipeline"}
    shown = f"compare {metric}: {' | '.join(run.name for run in chosen)}"
    with TemporaryDirectory() as folder, tracker.run("compare", key, tags, shown=shown[:250]) as run_id:
        plots.compared(_drawn(cells), metric, settings.compare.against, Path(folder) / "compared.png")
        means = {f"mean_{metric}/{c.run.name}": c.estimate for c in cells if c.attribute == MEAN}
        tracker.log(
            run_id,
            params={"runs": [run.id for run in chosen], "metric": metric, "against": settings.compare.against},
            metrics={"attributes": len({c.attribute for c in cells} - {MEAN}), "differences": _n_differences(cells)}
            | {"survive_holm": sum(c.survives for c in cells)}
            | {metric_name(name)[:250]: value for name, value in means.items()},
            tables={"comparison": table},
            folder=Path(folder),
        )


def _drawn(cells: Sequence[Cell]) -> list[dict[str, object]]:
    """Return what the picture needs of each cell."""
    rows = []
    for cell in cells:
        found = cell.difference
        bounds = None if found is None else (found.estimate, found.low, found.high)
        row = {"attribute": cell.attribute, "run": cell.run.name, "estimate": cell.estimate, "sd": cell.sd}
        rows.append(row | {"difference": bounds, "survives": cell.survives})
    return rows
