"""Predictive quality on fixed folds against open tools: `make bench-quality`, or `python -m tests.bench.quality`.

Tasks: attributes of The Complete Journey, declared and future, of the American Time Use Survey and of MovieLens-100k.
Tasks whose data are not there are skipped with that reason. Every method learns the same labels on the same folds in
a process of its own. Only label-free steps (token weights, behaviour vectors, synthesised features) see the test
customers' behaviour.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import psutil

from pipeline import console
from pipeline.errors import PipelineError
from tests.bench.quality.ablation import variants
from tests.bench.quality.figures import MEAN, Figure, Scored, score
from tests.bench.quality.methods import METHODS, Method, listed, recipe
from tests.bench.quality.processes import prepare_task, run_method, synthesise
from tests.bench.quality.table import show_ablation, show_costs, show_task
from tests.bench.quality.tasks import BenchTask, tasks


def main() -> None:
    """Run what was asked for, print the tables and write them as JSON."""
    asked = arguments()
    try:
        bench(asked)
    except PipelineError as error:
        sys.exit(f"error: {error}")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="make bench-quality", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", help=f"some of {' '.join(tasks())}")
    parser.add_argument("--methods", nargs="+", help=f"some of {' '.join(METHODS)}")
    parser.add_argument("--attributes", nargs="+", help="some of a task's attributes")
    parser.add_argument("--folds", type=int, help="folds of the cross-validation (5; with --quick 3)")
    parser.add_argument("--repeats", type=int, help="cross-validations with other folds (by task: 2, large ones 1)")
    parser.add_argument(
        "--resamples", type=int, default=200, help="bootstrap resamples of customers per interval (200)"
    )
    parser.add_argument("--workers", type=int, default=2, help="attributes learnt side by side (2)")
    parser.add_argument("--quick", action="store_true", help="few attributes and people, 3 folds once")
    parser.add_argument(
        "--ablate", action="store_true", help="leave out members of the blend instead of comparing methods"
    )
    parser.add_argument("--model", default="blended", help="recipe of conf/model that --ablate takes apart (blended)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--certified", action="store_true", default=True, help="calibrated and certified, as in use (default)"
    )
    mode.add_argument(
        "--plain", dest="certified", action="store_false", help="the estimators alone: faster, no promise"
    )
    parser.add_argument(
        "--movielens", type=Path, help="folder of ml-100k.inter and the others (LOOKALIKE_DATA/ml-100k)"
    )
    parser.add_argument(
        "--peers", type=Path, default=Path(".venv-peers/bin/python"), help="Python that has featuretools"
    )
    parser.add_argument("--folder", type=Path, default=Path("outputs/bench-quality"), help="where features are kept")
    parser.add_argument(
        "--json", type=Path, default=Path("outputs/bench-quality.json"), help="where figures are written"
    )
    return parser.parse_args(given)


def bench(asked: argparse.Namespace) -> None:
    """Run the tasks one after another; write the JSON after each, so that nothing is lost when a run is cut off."""
    known = tasks(asked.movielens)
    written: dict[str, Any] = {"machine": machine(), "options": options(asked), "tasks": {}, "skipped": {}, "cost": []}
    for name in listed(asked.tasks, known, "--tasks"):
        task = known[name]
        missing = task.missing()
        if missing is not None:
            console.warn(f"{name}: skipped, {missing}")
            written["skipped"][name] = missing
            continue
        attributes = chosen_attributes(task, asked)
        if not attributes:
            continue
        prepared = prepare_task(task, task.config(asked.quick), attributes, asked)
        run = ablate if asked.ablate else compare
        written["tasks"][name] = run(name, task, prepared, asked, written)
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(written, indent=1))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(written, indent=1))
    if written["cost"]:
        show_costs(written["cost"])
    console.say(f"written to {asked.json}")


def chosen_attributes(task: BenchTask, asked: argparse.Namespace) -> list[str]:
    """Return which of a task's attributes are asked for."""
    usual = task.quick if asked.quick else task.attributes
    return [
        name
        for name in (usual if asked.attributes is None else task.attributes)
        if asked.attributes is None or name in asked.attributes
    ]


def compare(
    name: str, task: BenchTask, prepared: dict[str, Any], asked: argparse.Namespace, written: dict[str, Any]
) -> dict[str, Any]:
    """Run all methods on one task, print and return their figures."""
    figures, titles = {}, {}
    for method_name in listed(asked.methods, METHODS, "--methods"):
        method = METHODS[method_name]
        cost = prepared["cost"]
        if method.columns == "past" and task.declared(prepared["attributes"]):
            console.warn(f"{name}: {method.name} skipped, only attributes that lie in the future have a past")
            written["skipped"][f"{name}/{method.name}"] = "declared attributes have no past"
            continue
        if method.features == "featuretools":
            if not asked.peers.exists():
                missing = f"no {asked.peers}: `make bench-quality` makes it, --peers names another"
                console.warn(f"{name}: {method.name} skipped, {missing}")
                written["skipped"][f"{name}/{method.name}"] = missing
                continue
            cost = synthesise(prepared, asked.peers)
        found, seconds, peak = run_method(name, task, method, {method.model: recipe(method.model)}, prepared, asked)
        scored = score(found[method.model], asked.resamples, certified=asked.certified)
        figures[method.name], titles[method.name] = scored.figures(), method.title
        written["cost"].append(
            {"task": name, "method": method.name, "title": method.title, **cost, "seconds": seconds, "peak_mb": peak}
        )
        area = scored.figures()[MEAN]["auc"].estimate
        console.say(f"{name}: {method.title}: mean AUC {area:.3f}, {seconds:.0f} s, {peak:.0f} MB")
    if figures:
        show_task(name, titles, figures)
    return {method: {row: plain(by) for row, by in found.items()} for method, found in figures.items()}


def ablate(
    name: str, task: BenchTask, prepared: dict[str, Any], asked: argparse.Namespace, written: dict[str, Any]
) -> dict[str, Any]:
    """Run a blend and its reduced recipes on one task, print and return their means and differences."""
    method = Method(asked.model, asked.model, asked.model)
    found, seconds, _ = run_method(name, task, method, variants(recipe(asked.model)), prepared, asked)
    scored = {
        variant: score(by_attribute, asked.resamples, certified=asked.certified)
        for variant, by_attribute in found.items()
    }
    console.say(f"{name}: {len(found)} recipes, {seconds:.0f} s")
    show_ablation(name, scored)
    full: Scored = next(iter(scored.values()))
    return {
        variant: {
            **{row: plain(by) for row, by in one.figures().items()},
            "difference": {metric: _finite(three) for metric, three in one.difference(full).items()},
        }
        for variant, one in scored.items()
    }


def plain(figures: dict[str, Figure]) -> dict[str, dict[str, float | None]]:
    """Return figures as JSON knows them: what is undefined is null."""
    fields = Figure.__dataclass_fields__
    return {metric: dict(zip(fields, _finite(astuple(figure)), strict=True)) for metric, figure in figures.items()}


def _finite(numbers: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(number) else number for number in numbers]


def machine() -> dict[str, Any]:
    """Return what the seconds were measured on."""
    return {"machine": platform.machine(), "cores": psutil.cpu_count(), "python": platform.python_version()}


def options(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the options as they can be written."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(asked).items()}


if __name__ == "__main__":
    main()
