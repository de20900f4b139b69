"""The end of a sweep: the best trial and the default are judged once on the customers that were set aside."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
from joblib import delayed

from pipeline import console
from pipeline.configuration import parse_model
from pipeline.errors import ModelError
from pipeline.judged import LOG_LOSS, Judged
from pipeline.paired import MEAN, Difference, differences
from pipeline.parallel import side_by_side
from pipeline.predictor import Task, judge
from pipeline.settings import Evaluation, Model, Settings
from pipeline.summary import DESCRIPTION, recipe
from pipeline.sweep.trial import Trial, described, sweep_run, sweep_tasks, trials
from pipeline.tracking import Tracker


def conclude(settings: Settings, outputs: Path, tracker: Tracker, workers: int) -> dict[str, Difference]:
    """Name the best trial, and judge it and the default on the set-aside customers; print and log both.

    Parameters
    ----------
    settings
        The default: the configuration without what the search varies.

    Returns
    -------
    dict
        Differences in log-loss by attribute, and of their mean, best trial minus default; empty if no trial has a lower
        objective than the default.

    Raises
    ------
    ModelError
        If the default or a second trial is missing: the search varied something else than the model.
    """
    folder, tasks = sweep_tasks(settings, outputs)
    made = trials(folder)
    params = {key: value for key, value in recipe(settings).items() if key.startswith("model.")}
    default = next((trial for trial in made if trial.params == params), None)
    if default is None or len(made) < 2:
        raise ModelError(
            "sweep: there is no trial besides the default to choose from: a search varies keys of model, such as "
            "model.estimator.C; other keys change the data that trials are judged on"
        )
    best = min(made, key=lambda trial: trial.objective)
    if best is default:
        console.say(
            f"sweep: none of {len(made) - 1} trials has a lower log-loss than the default, {default.objective:.4f}"
        )
        _log(settings, tracker, folder.name, made, best, default, {}, pd.DataFrame())
        _clean(folder)
        return {}
    judged = [_judge_all(tasks, parse_model(one.model), settings, workers) for one in (best, default)]
    pairs = {task.attribute: (new, old) for task, new, old in zip(tasks, *judged, strict=True)}
    of_loss = differences(pairs, LOG_LOSS, settings.evaluation.resamples, settings.seed)
    of_auc = differences(pairs, "auc", settings.evaluation.resamples, settings.seed)
    table = _table(best, default, pairs, of_loss, of_auc)
    _report(table, len(made), best, default, of_loss[MEAN])
    _log(settings, tracker, folder.name, made, best, default, of_loss, table)
    _clean(folder)
    return of_loss


def _clean(folder: Path) -> None:
    """Remove what trials read; first what points to it, so that a search cut off here begins anew."""
    (folder / "tasks.joblib").unlink(missing_ok=True)
    shutil.rmtree(folder / "matrices", ignore_errors=True)


def judge_set_aside(task: Task, model: Model, evaluation: Evaluation, seed: int) -> Judged:
    """Return predictions for the set-aside customers by a recipe that was fitted on all others.

    Future attributes are fitted one horizon earlier, on other customers.
    """
    return judge(task, model, evaluation.folds, 1, True, seed).judged()


def _judge_all(tasks: list[Task], model: Model, settings: Settings, workers: int) -> list[Judged]:
    jobs = [delayed(judge_set_aside)(task, model, settings.evaluation, settings.seed) for task in tasks]
    return list(side_by_side(jobs, workers))


def _table(
    best: Trial,
    default: Trial,
    pairs: dict[str, tuple[Judged, Judged]],
    of_loss: dict[str, Difference],
    of_auc: dict[str, Difference],
) -> pd.DataFrame:
    """Return one row per attribute and one for the mean: the search's own figures, and those of who was set aside."""
    rows = []
    for name in [*pairs, MEAN]:
        searched = [t.objective if name == MEAN else t.log_loss[name] for t in (best, default)]
        row = {"attribute": name, "n_set_aside": of_loss[name].n}
        row |= {"searched_best": searched[0], "searched_default": searched[1]}
        for metric, found in (("log_loss", of_loss[name]), ("auc", of_auc[name])):
            row |= {f"{metric}_difference": found.estimate, f"{metric}_low": found.low, f"{metric}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _report(table: pd.DataFrame, n_trials: int, best: Trial, default: Trial, mean: Difference) -> None:
    rows = [
        [
            str(row.attribute),
            f"{row.n_set_aside:,}",
            f"{row.searched_default:.4f}",
            f"{row.searched_best:.4f}",
            f"{row.log_loss_difference:+.4f} [{row.log_loss_low:+.4f}, {row.log_loss_high:+.4f}]",
            f"{row.auc_difference:+.3f} [{row.auc_low:+.3f}, {row.auc_high:+.3f}]",
        ]
        for row in table.itertuples()
    ]
    console.table(
        f"Sweep: trial {best.number} is the best of {n_trials}",
        [
            "attribute",
            "set aside",
            "default, searched",
            "best, searched",
            "log-loss, best - default",
            "AUC, best - default",
        ],
        rows,
        "Searched: cross-validated log-loss on the other customers; the least of many is too good. "
        "The differences are on customers whom no trial has seen, with 95 % paired bootstrap intervals.",
    )
    console.say(f"best settings: {described(best.params, default.params)}")
    if mean.high < 0:
        console.say("sweep: better than the default by more than noise on the set-aside customers")
    elif mean.low > 0:
        console.say("sweep: worse than the default on the set-aside customers: keep the default")
    else:
        console.say(
            "sweep: not different from the default by more than noise on the set-aside customers: keep the default"
        )


def _log(
    settings: Settings,
    tracker: Tracker,
    known_as: str,
    made: list[Trial],
    best: Trial,
    default: Trial,
    of_loss: dict[str, Difference],
    table: pd.DataFrame,
) -> None:
    """Write the verdict to the sweep's run, and mark the best trial's."""
    told = described(best.params, default.params)
    figures = {"best_objective": best.objective, "default_objective": default.objective, "trials": float(len(made))}
    lines = [f"Best: trial {best.number}, `{told}`."]
    if MEAN in of_loss:
        mean = of_loss[MEAN]
        figures |= {"set_aside_difference": mean.estimate, "set_aside_low": mean.low, "set_aside_high": mean.high}
        lines.append(
            f"Log-loss on set-aside customers, best minus default: {mean.estimate:+.4f} "
            f"[{mean.low:+.4f}, {mean.high:+.4f}]."
        )
    with sweep_run(settings, tracker, known_as) as run_id:
        history = pd.DataFrame([{"trial": t.number, "objective": t.objective, **t.params} for t in made])
        tracker.log(run_id, metrics=figures, tables={"trials": history, **({} if table.empty else {"verdict": table})})
        tracker.tag(run_id, {"best_trial": str(best.number), "best_settings": told, DESCRIPTION: "\n\n".join(lines)})
        for one in tracker.nested(run_id):
            tracker.tag(one.id, {"best": "yes" if one.name.startswith(f"trial {best.number} ") else "no"})
